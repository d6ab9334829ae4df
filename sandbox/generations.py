"""The API generations of Flashpoint: invented data for each of them, and what a client must find there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sandbox.dataset.alerts import alerts
from sandbox.dataset.documents import indicators
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.dataset.notifications import notifications
from sandbox.flashpoint.index import Selection
from sandbox.flashpoint.store import FlashpointStore
from sandbox.flashpoint.versions import at_path, iso_us

Document = dict[str, Any]

_US_PER_S = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of documents in a store.

    :param index: the attribute of the store that holds them.
    :param make: invents documents.
    :param id_field: the key of their id.
    :param add: publishes documents in a store, see `FlashpointStore.publish_indicators`.
    """

    index: str
    make: Callable[..., Iterator[Document]]
    id_field: str
    add: Callable[[FlashpointStore, Iterable[Document]], int]

    def publish(self, store: FlashpointStore, *arguments: Any, **options: Any) -> None:
        """Publish invented documents. Arguments: seed, count, start and end of the interval, options of the kind."""
        self.add(store, self.make(*arguments, **options))

    def documents(
        self, store: FlashpointStore, groups: list[str] | None, since: datetime | None, until: datetime | None
    ) -> Iterator[Document]:
        """Yield the newest versions of the documents of a window, oldest first."""
        index = getattr(store, self.index)
        selection: Selection = index.select(groups, *store.bounds_us(since, until))
        return (json.loads(index.body(key)) for key in selection.walk("asc"))


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One API generation.

    :param api: its name in a connection.
    :param types: three types of its indicators.
    :param key: the flattened name of an indicator's value; ``{}`` stands for the type.
    :param version_field: the flattened name of the time at which an indicator was updated.
    :param version_us: reads that time.
    :param touch: makes newer versions of indicators in a store, see `FlashpointStore.touch_indicators`.
    :param end_parameter: the request parameter with the end of a window of indicators.
    :param type_parameter: the request parameter with the type of indicators.
    """

    api: str
    types: tuple[str, str, str]
    key: str
    version_field: str
    version_us: Callable[[Any], int]
    indicators: Kind
    alerts: Kind
    touch: Callable[..., list[str]]
    end_parameter: str
    type_parameter: str

    def lookup_key(self, indicator_type: str) -> str:
        """Return the flattened name of the value of an indicator."""
        return self.key.format(indicator_type)

    def newest(
        self,
        store: FlashpointStore,
        indicator_type: str,
        since: datetime | None = None,
        until: datetime | None = None,
        matches: Callable[[Document], bool] = lambda document: True,
    ) -> dict[str, Document]:
        """Return the newest indicator of each value in a window, as a client that reads it now must find it.

        :param matches: the filter of the client.
        """
        found: dict[str, Document] = {}
        for document in self.indicators.documents(store, [indicator_type.lower()], since, until):
            value = at_path(document, self.lookup_key(indicator_type))
            if value is not None and value != "" and matches(document):
                found[value if isinstance(value, str) else json.dumps(value)] = document
        return found

    def alert_ids(
        self, store: FlashpointStore, since: datetime | None = None, until: datetime | None = None
    ) -> list[str]:
        """Return the ids of the alerts of a window, oldest first."""
        return [each[self.alerts.id_field] for each in self.alerts.documents(store, None, since, until)]

    def is_older(self, row: dict[str, str], document: Document) -> bool:
        """Return whether a row of a lookup holds an older version than a document."""
        version = row.get(self.version_field)
        if not version:
            return bool(row.get(self.indicators.id_field) != document[self.indicators.id_field])
        return bool(self.version_us(version) < self.version_us(at_path(document, self.version_field)))


LEGACY = Generation(
    api="legacy",
    types=("domain", "ip-dst|port", "url"),
    key="value.{}",
    version_field="header_.indexed_at",
    version_us=lambda text: int(text) * _US_PER_S,
    indicators=Kind(index="indicators", make=indicators, id_field="fpid", add=FlashpointStore.publish_indicators),
    alerts=Kind(index="alerts", make=alerts, id_field="alert_id", add=FlashpointStore.publish_alerts),
    touch=FlashpointStore.touch_indicators,
    end_parameter="updated_until",
    type_parameter="types",
)
_NOTIFICATIONS = Kind(
    index="notifications", make=notifications, id_field="id", add=FlashpointStore.publish_notifications
)
IGNITE_V1 = replace(LEGACY, api="ignite_v1", alerts=_NOTIFICATIONS)
IGNITE_V2 = Generation(
    api="ignite_v2",
    types=("domain", "extracted_config", "url"),
    key="value",
    version_field="modified_at",
    version_us=iso_us,
    indicators=Kind(
        index="indicators_v2",
        make=lambda *arguments, **options: indicators_v2(*arguments, with_repeated_values=True, **options),
        id_field="id",
        add=FlashpointStore.publish_indicators_v2,
    ),
    alerts=_NOTIFICATIONS,
    touch=FlashpointStore.touch_indicators_v2,
    end_parameter="modified_before",
    type_parameter="ioc_types",
)

GENERATIONS = {each.api: each for each in (LEGACY, IGNITE_V1, IGNITE_V2)}
