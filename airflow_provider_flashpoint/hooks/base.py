"""Base of both hooks: the settings of the connection, and its form."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, cast

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

from airflow_provider_flashpoint.airflow_runtime.compat import mask_secret
from airflow_provider_flashpoint.connections import connection_form_widgets, read_settings, ui_field_behaviour
from airflow_provider_flashpoint.connections.button import in_words_of_the_form
from airflow_provider_flashpoint.connections.reading import used_aliases
from airflow_provider_flashpoint.core.secrets.known import remember
from airflow_provider_flashpoint.core.settings import ConnectionSettings
from airflow_provider_flashpoint.errors import ConfigurationError, TransientError

Settings = TypeVar("Settings", bound=ConnectionSettings)


class ConnectionHook(BaseHook, Generic[Settings]):
    """A hook whose connection is read into a settings model.

    ``add_command`` returns the command that adds a connection of an id.
    """

    conn_name_attr: str
    add_command: Callable[[str], str]
    settings_model: ClassVar[type[ConnectionSettings]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Airflow before 3.2 looks for these methods in the class of the hook itself, not in its bases.
        for name in ("get_connection_form_widgets", "get_ui_field_behaviour"):
            setattr(cls, name, ConnectionHook.__dict__[name])

    def settings(self) -> Settings:
        """Return the settings of the connection, which is fetched once per hook. Its secrets are masked in every log.

        :raises ConfigurationError: a field is unknown, or has a value that is not allowed.
        :raises TransientError: Airflow finds no such connection; the message says how to add it. Airflow says the same
            where a secrets backend, its API or its database does not answer.
        """
        return self._settings

    def used_aliases(self) -> Iterator[tuple[str, str, bool]]:
        """Return the aliases in the extra of the connection, see `reading.used_aliases`."""
        return used_aliases(self.settings_model, self.get_connection(getattr(self, self.conn_name_attr)).extra_dejson)

    @cached_property
    def _settings(self) -> Settings:
        conn_id = getattr(self, self.conn_name_attr)
        connection = self._connection(conn_id)
        _mask(connection.password)
        fields = {name: getattr(connection, name) for name in ("host", "port", "password")}
        settings = read_settings(self.settings_model, connection.extra_dejson, conn_id=conn_id, **fields)
        for secret in settings.secrets():
            _mask(secret)
        return cast("Settings", settings)

    def _connection(self, conn_id: str) -> Any:
        try:
            return self.get_connection(conn_id)
        except AirflowNotFoundException as error:
            variable = f"AIRFLOW_CONN_{conn_id.upper()}"
            if variable in os.environ:
                raise ConfigurationError(
                    f"{variable} is set, but is neither valid JSON nor a valid URI. Correct it."
                ) from error
            raise TransientError(
                f"Airflow has no connection {conn_id}. Add it in the UI, or with `{self.add_command(conn_id)}`. "
                "If it is there, its secrets backend or Airflow's database did not answer."
            ) from error

    def in_words_of_the_form(self, said: str) -> str:
        """Return a message for the button "Test"."""
        return in_words_of_the_form(said, self.settings_model, getattr(self, self.conn_name_attr))

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form fields, for Airflow before 3.2."""
        return connection_form_widgets(cls.settings_model)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return labels, placeholders and hidden standard fields, for Airflow before 3.2."""
        return ui_field_behaviour(cls.settings_model)


def _mask(secret: str | None) -> None:
    text = secret or ""
    # A key is one secret of many lines, and a log shows them one by one.
    for line in (text.replace("\\n", "\n") if "-----" in text else text).splitlines():
        if not line.startswith("-----"):
            mask_secret(line)
            remember(line)
