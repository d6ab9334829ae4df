"""A transport: one way of delivery into Devo, chosen by its name in the connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_flashpoint.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

Option = TypeVar("Option", contravariant=True)
Port = TypeVar("Port", covariant=True)
_FIELD_NAMES = {"token": "password"}


@dataclass(frozen=True, kw_only=True)
class Transport(Generic[Option, Port]):
    """One transport, with its use of the settings.

    :param needs: settings that must not be empty.
    :param refuses: settings that must keep their default, each with the reason.
    :param shown_by: the setting that shows that a connection is meant for this transport; empty where choosing the
        transport shows it.
    :param uses_tls: whether the transport proves the client by its certificate.
    :param ready: returns a sentence about a successful check.
    """

    make: Callable[[DevoSettings, Option], Port]
    ready: Callable[[DevoSettings], str]
    needs: tuple[str, ...] = ()
    refuses: Mapping[str, str] = field(default_factory=dict)
    shown_by: str = ""
    uses_tls: Callable[[DevoSettings], bool] = lambda settings: False

    def open(self, settings: DevoSettings, option: Option) -> Port:
        """Return the client of the transport; it is not connected yet.

        :param option: the tag of events, or the most attempts for lookups.
        :raises ConfigurationError: a setting is missing or does not apply, or a certificate is invalid.
        """
        need(settings, *self.needs)
        for name, reason in self.refuses.items():
            if getattr(settings, name) != type(settings).model_fields[name].default:
                raise ConfigurationError(f"The connection {settings.conn_id} has `{name}`, {reason}. Remove it.")
        return self.make(settings, option)

    def is_set_up(self, settings: DevoSettings) -> bool:
        """Return whether the connection is meant for this transport, so that checking it makes sense."""
        return not self.shown_by or bool(getattr(settings, self.shown_by))


def need(settings: DevoSettings, *names: str) -> None:
    """Check that no setting of ``names`` is empty.

    :raises ConfigurationError: the message lists all that are missing.
    """
    missing = [name for name in names if not getattr(settings, name)]
    if missing:
        fields = " and no ".join(f"`{_FIELD_NAMES.get(name, name)}`" for name in missing)
        hint = f" Set {'it' if len(missing) == 1 else 'them'} in the connection."
        if settings.host and any(name.endswith("_base_url") for name in missing):
            hint = f" The host {settings.host!r} does not tell the address: set it in the connection."
        raise ConfigurationError(f"The connection {settings.conn_id} has no {fields}.{hint}")
