"""Documents as versions of the search index: their identity, type and time of update; and newer versions of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.index import Version
from sandbox.http_service.message import encode_json

ALERTS = "alerts"
NOTIFICATIONS = "notifications"
_US_PER_S = 1_000_000


def epoch_us(moment: datetime) -> int:
    """Return the microseconds since 1970."""
    return round(moment.timestamp() * _US_PER_S)


def iso_us(text: str) -> int:
    """Return the microseconds since 1970 of a time in ISO 8601; a naive one is UTC."""
    parsed = datetime.fromisoformat(text)
    return epoch_us(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def indicator_version(document: dict[str, Any]) -> Version:
    """Return an indicator of the legacy API and of version 1."""
    for name in ("fpid", "type"):
        _check_text(document, name)
    header = document.get("header_")
    moment = header.get("indexed_at") if isinstance(header, dict) else document.get("timestamp")
    seconds = float(_now_s() if moment is None else moment)
    return Version(document["fpid"], document["type"].lower(), round(seconds * _US_PER_S), encode_json(document))


def alert_version(document: dict[str, Any]) -> Version:
    """Return a legacy alert."""
    try:
        identity = str(UUID(document.get("alert_id")))
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidSettingError("An alert needs an 'alert_id' that is a UUID.") from error
    moment = document.get("ts")
    if moment is None:
        moment = at_path(document, "source.first_observed_at.timestamp")
    seconds = float(_now_s() if moment is None else moment)
    return Version(identity, ALERTS, round(seconds * _US_PER_S), encode_json(document))


def indicator_v2_version(document: dict[str, Any]) -> Version:
    """Return an indicator of version 2."""
    for name in ("id", "type", "modified_at"):
        _check_text(document, name)
    return Version(document["id"], document["type"].lower(), iso_us(document["modified_at"]), encode_json(document))


def notification_version(document: dict[str, Any]) -> Version:
    """Return a notification."""
    for name in ("id", "created_at"):
        _check_text(document, name)
    return Version(document["id"], NOTIFICATIONS, iso_us(document["created_at"]), encode_json(document))


def credential_version(document: dict[str, Any]) -> Version:
    """Return a hit of the search for credentials."""
    _check_text(document, "_id")
    moment = at_path(document, "_source.header_.indexed_at")
    seconds = _now_s() if moment is None else moment
    return Version(document["_id"], "credentials", round(seconds * _US_PER_S), encode_json(document))


def vulnerability_version(document: dict[str, Any]) -> Version:
    """Return a vulnerability, whose id is a number."""
    moment = at_path(document, "timelines.last_modified_at")
    if not isinstance(document.get("id"), int) or not isinstance(moment, str):
        raise InvalidSettingError("A vulnerability needs a whole number as 'id', and timelines.last_modified_at.")
    return Version(str(document["id"]), "vulnerabilities", iso_us(moment), encode_json(document))


def report_version(document: dict[str, Any]) -> Version:
    """Return a report."""
    for name in ("id", "updated_at"):
        _check_text(document, name)
    return Version(document["id"], "reports", iso_us(document["updated_at"]), encode_json(document))


def touched(document: dict[str, Any], moment: int) -> dict[str, Any]:
    """Return a newer version of a legacy indicator, updated at ``moment`` in epoch seconds."""
    header = dict(document.get("header_") or {})
    header |= {"indexed_at": moment, "ingested_at": moment - 3, "observed_at": moment - 3}
    return document | {"header_": header, "last_seen": _iso(moment), "timestamp": str(moment - 99)}


def touched_v2(document: dict[str, Any], moment: int) -> dict[str, Any]:
    """Return a newer version of an indicator of version 2, modified at ``moment`` in epoch seconds."""
    sightings = document.get("total_sightings", 0) + 1
    return document | {"modified_at": _iso(moment), "last_seen_at": _iso(moment - 400), "total_sightings": sightings}


def at_path(document: Any, path: str) -> Any:
    """Return the value at a flattened path, or None if there is none. Keys may contain dots."""
    if not isinstance(document, dict):
        return None
    if path in document:
        return document[path]
    parts = path.split(".")
    for length in range(1, len(parts)):
        found = at_path(document.get(".".join(parts[:length])), ".".join(parts[length:]))
        if found is not None:
            return found
    return None


def _check_text(document: dict[str, Any], name: str) -> None:
    if not isinstance(document.get(name), str):
        raise InvalidSettingError(f"A document of this kind needs a {name!r} that is a text.")


def _iso(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _now_s() -> float:
    return datetime.now(UTC).timestamp()
