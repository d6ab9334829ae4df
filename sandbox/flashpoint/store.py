"""The documents of the Flashpoint sandbox: published, touched, selected by window; and the expected results."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.index import (
    Block,
    Selection,
    UpdateIndex,
    Version,
    time_us,
)
from sandbox.http_service.message import encode_json

Bounds = Literal["[]", "[)", "(]", "()"]

ALERTS = "alerts"
_US_PER_S = 1_000_000


@dataclass(frozen=True)
class ExpectedIndicators:
    """The expected result of a client that read one window.

    ``newest`` maps each value of the key, as text, to the ``fpid`` and ``indexed_at`` (epoch seconds) of its
    newest record. ``records`` counts the records of the window, ``without_key`` those without the key.
    """

    newest: dict[str, dict[str, Any]]
    records: int
    without_key: int

    def to_json(self) -> dict[str, Any]:
        """Return the fields and, as ``keys``, the number of values."""
        return {
            "records": self.records,
            "without_key": self.without_key,
            "keys": len(self.newest),
            "newest": self.newest,
        }


class FlashpointStore:
    """The newest versions of indicators, by type, and of alerts.

    :param bounds: whether a window includes its ends.
    """

    def __init__(self, bounds: Bounds = "[]") -> None:
        self.bounds = bounds
        self.indicators = UpdateIndex()
        self.alerts = UpdateIndex()

    def publish_indicators(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add indicators, which replace earlier versions; return the number of new ones.

        The update time is ``header_.indexed_at``, else ``timestamp``, else now.

        :raises InvalidSettingError: one lacks ``fpid`` or ``type``; then none is added.
        """
        return self.indicators.publish([_indicator_version(document) for document in documents])

    def publish_block(self, block: Block) -> None:
        """Add a block of indicators, each made when it is requested."""
        self.indicators.publish_block(block)

    def publish_alerts(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add alerts; return the number of new ones.

        The time is ``ts``, else the time at which the source was first observed, else now.

        :raises InvalidSettingError: one lacks an ``alert_id`` that is a UUID; then none is added.
        """
        return self.alerts.publish([_alert_version(document) for document in documents])

    def touch_indicators(
        self,
        *,
        fpid: str | None = None,
        count: int | None = None,
        types: Iterable[str] | None = None,
        at: datetime | None = None,
    ) -> list[str]:
        """Make newer versions of known indicators and return their ids.

        The new versions differ in ``last_seen`` and in the update times. The least recently updated come first.

        :param fpid: only this one; else the first ``count`` (all) of ``types`` (all).
        :param at: the new update time, in whole seconds; now by default.
        :raises InvalidSettingError: the indicator is unknown.
        """
        if fpid is not None:
            key = self.indicators.find(fpid)
            if key is None:
                raise InvalidSettingError(f"The sandbox knows no indicator {fpid!r}.")
            keys = [key]
        else:
            selection = self.select_indicators(types, None, None)
            keys = selection.page("asc", 0, len(selection) if count is None else count)
        moment = int((at or datetime.now(UTC)).timestamp())
        newer = [_touched(json.loads(self.indicators.body(key)), moment) for key in keys]
        self.publish_indicators(newer)
        return [document["fpid"] for document in newer]

    def select_indicators(
        self, types: Iterable[str] | None, since: datetime | None, until: datetime | None
    ) -> Selection:
        """Return the indicators of these types (all) that were updated in the window."""
        groups = None if types is None else sorted({each.lower() for each in types})
        return self.indicators.select(groups, *self._bounds_us(since, until))

    def select_alerts(self, since: datetime | None, until: datetime | None) -> Selection:
        """Return the alerts of the window."""
        return self.alerts.select([ALERTS], *self._bounds_us(since, until))

    def expected_indicators(
        self, indicator_type: str, key: str, since: datetime | None = None, until: datetime | None = None
    ) -> ExpectedIndicators:
        """Return the expected result of a client that reads this window now.

        :param key: flattened name of the key, such as ``value.domain``.
        """
        newest: dict[str, dict[str, Any]] = {}
        without_key = 0
        selection = self.select_indicators([indicator_type], since, until)
        for each in selection.walk("asc"):
            document = json.loads(self.indicators.body(each))
            value = _at_path(document, key)
            if value is None or value == "":
                without_key += 1
                continue
            text = value if isinstance(value, str) else json.dumps(value)
            newest[text] = {"fpid": document["fpid"], "indexed_at": time_us(each) // _US_PER_S}
        return ExpectedIndicators(newest, len(selection), without_key)

    def expected_alerts(self, since: datetime | None = None, until: datetime | None = None) -> list[str]:
        """Return the ids of the alerts of the window, oldest first."""
        return [self.alerts.identity(key) for key in self.select_alerts(since, until).walk("asc")]

    def _bounds_us(self, since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
        low = None if since is None else _epoch_us(since) + (self.bounds[0] == "(")
        high = None if until is None else _epoch_us(until) + (self.bounds[1] == "]")
        return low, high


def _epoch_us(moment: datetime) -> int:
    return round(moment.timestamp() * _US_PER_S)


def _now_s() -> float:
    return datetime.now(UTC).timestamp()


def _indicator_version(document: dict[str, Any]) -> Version:
    for name in ("fpid", "type"):
        if not isinstance(document.get(name), str):
            raise InvalidSettingError(f"An indicator needs a {name!r} that is a text.")
    header = document.get("header_")
    moment = header.get("indexed_at") if isinstance(header, dict) else document.get("timestamp")
    seconds = float(_now_s() if moment is None else moment)
    return Version(document["fpid"], document["type"].lower(), round(seconds * _US_PER_S), encode_json(document))


def _alert_version(document: dict[str, Any]) -> Version:
    try:
        identity = str(UUID(document.get("alert_id")))
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidSettingError("An alert needs an 'alert_id' that is a UUID.") from error
    moment = document.get("ts")
    if moment is None:
        moment = _at_path(document, "source.first_observed_at.timestamp")
    seconds = float(_now_s() if moment is None else moment)
    return Version(identity, ALERTS, round(seconds * _US_PER_S), encode_json(document))


def _touched(document: dict[str, Any], moment: int) -> dict[str, Any]:
    header = dict(document.get("header_") or {})
    header |= {"indexed_at": moment, "ingested_at": moment - 3, "observed_at": moment - 3}
    seen = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return document | {"header_": header, "last_seen": seen, "timestamp": str(moment - 99)}


def _at_path(document: Any, path: str) -> Any:
    """Return the value at a flattened path, or None if there is none. Keys may contain dots."""
    if not isinstance(document, dict):
        return None
    if path in document:
        return document[path]
    parts = path.split(".")
    for length in range(1, len(parts)):
        found = _at_path(document.get(".".join(parts[:length])), ".".join(parts[length:]))
        if found is not None:
            return found
    return None
