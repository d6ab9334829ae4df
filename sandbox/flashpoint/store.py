"""The documents of the Flashpoint sandbox: published, touched, selected by window; and the expected results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.index import Block, Selection, UpdateIndex, time_us
from sandbox.flashpoint.versions import (
    ALERTS,
    alert_version,
    at_path,
    credential_version,
    epoch_us,
    indicator_v2_version,
    indicator_version,
    notification_version,
    report_version,
    touched,
    touched_v2,
    vulnerability_version,
)

Bounds = Literal["[]", "[)", "(]", "()"]

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

    ``indicators`` and ``alerts`` are those of the legacy API, the former also of version 1; ``indicators_v2`` and
    ``notifications`` those of Ignite, which alone has ``credentials``, ``vulnerabilities`` and ``reports``.

    :param bounds: whether a window includes its ends.
    """

    def __init__(self, bounds: Bounds = "[]") -> None:
        self.bounds = bounds
        self.indicators = UpdateIndex()
        self.alerts = UpdateIndex()
        self.indicators_v2 = UpdateIndex()
        self.notifications = UpdateIndex()
        self.credentials = UpdateIndex()
        self.vulnerabilities = UpdateIndex()
        self.reports = UpdateIndex()

    def publish_indicators(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add indicators, which replace earlier versions; return the number of new ones.

        The update time is ``header_.indexed_at``, else ``timestamp``, else now.

        :raises InvalidSettingError: one lacks ``fpid`` or ``type``; then none is added.
        """
        return self.indicators.publish([indicator_version(document) for document in documents])

    def publish_block(self, block: Block) -> None:
        """Add a block of indicators, each made when it is requested."""
        self.indicators.publish_block(block)

    def publish_alerts(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add alerts; return the number of new ones.

        The time is ``ts``, else the time at which the source was first observed, else now.

        :raises InvalidSettingError: one lacks an ``alert_id`` that is a UUID; then none is added.
        """
        return self.alerts.publish([alert_version(document) for document in documents])

    def publish_indicators_v2(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add indicators of version 2, updated at ``modified_at``; return the number of new ones.

        :raises InvalidSettingError: one lacks ``id``, ``type`` or ``modified_at``; then none is added.
        """
        return self.indicators_v2.publish([indicator_v2_version(document) for document in documents])

    def publish_notifications(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add notifications; return the number of new ones.

        :raises InvalidSettingError: one lacks ``id`` or ``created_at``; then none is added.
        """
        return self.notifications.publish([notification_version(document) for document in documents])

    def publish_credentials(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add hits of the search for credentials; return the number of new ones.

        :raises InvalidSettingError: one lacks ``_id``; then none is added.
        """
        return self.credentials.publish([credential_version(document) for document in documents])

    def publish_vulnerabilities(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add vulnerabilities, which replace earlier versions; return the number of new ones.

        :raises InvalidSettingError: one lacks ``id`` or ``timelines.last_modified_at``; then none is added.
        """
        return self.vulnerabilities.publish([vulnerability_version(document) for document in documents])

    def publish_reports(self, documents: Iterable[dict[str, Any]]) -> int:
        """Add reports, which replace earlier versions; return the number of new ones.

        :raises InvalidSettingError: one lacks ``id`` or ``updated_at``; then none is added.
        """
        return self.reports.publish([report_version(document) for document in documents])

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
        newer = self._touched(self.indicators, touched, identity=fpid, count=count, types=types, at=at)
        self.publish_indicators(newer)
        return [document["fpid"] for document in newer]

    def touch_indicators_v2(
        self,
        *,
        id: str | None = None,
        count: int | None = None,
        types: Iterable[str] | None = None,
        at: datetime | None = None,
    ) -> list[str]:
        """Make newer versions of known indicators of version 2, see `touch_indicators`."""
        newer = self._touched(self.indicators_v2, touched_v2, identity=id, count=count, types=types, at=at)
        self.publish_indicators_v2(newer)
        return [document["id"] for document in newer]

    def select_indicators(
        self, types: Iterable[str] | None, since: datetime | None, until: datetime | None
    ) -> Selection:
        """Return the indicators of these types (all) that were updated in the window."""
        return self.indicators.select(_groups(types), *self.bounds_us(since, until))

    def select_indicators_v2(
        self, types: Iterable[str] | None, after: datetime | None, before: datetime | None
    ) -> Selection:
        """Return the indicators of version 2 of these types (all) that were modified in the window."""
        return self.indicators_v2.select(_groups(types), *self.bounds_us(after, before))

    def select_alerts(self, since: datetime | None, until: datetime | None) -> Selection:
        """Return the alerts of the window."""
        return self.alerts.select([ALERTS], *self.bounds_us(since, until))

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
            value = at_path(document, key)
            if value is None or value == "":
                without_key += 1
                continue
            text = value if isinstance(value, str) else json.dumps(value)
            newest[text] = {"fpid": document["fpid"], "indexed_at": time_us(each) // _US_PER_S}
        return ExpectedIndicators(newest, len(selection), without_key)

    def expected_alerts(self, since: datetime | None = None, until: datetime | None = None) -> list[str]:
        """Return the ids of the alerts of the window, oldest first."""
        return [self.alerts.identity(key) for key in self.select_alerts(since, until).walk("asc")]

    def bounds_us(self, since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
        """Return the microseconds ``[low, high)`` of a window; None is no bound."""
        low = None if since is None else epoch_us(since) + (self.bounds[0] == "(")
        high = None if until is None else epoch_us(until) + (self.bounds[1] == "]")
        return low, high

    def _touched(
        self,
        index: UpdateIndex,
        newer: Callable[[dict[str, Any], int], dict[str, Any]],
        *,
        identity: str | None,
        count: int | None,
        types: Iterable[str] | None,
        at: datetime | None,
    ) -> list[dict[str, Any]]:
        if identity is not None:
            key = index.find(identity)
            if key is None:
                raise InvalidSettingError(f"The sandbox knows no indicator {identity!r}.")
            keys = [key]
        else:
            selection = index.select(_groups(types), None, None)
            keys = selection.page("asc", 0, len(selection) if count is None else count)
        moment = int((at or datetime.now(UTC)).timestamp())
        return [newer(json.loads(index.body(key)), moment) for key in keys]


def _groups(types: Iterable[str] | None) -> list[str] | None:
    return None if types is None else sorted({each.lower() for each in types})
