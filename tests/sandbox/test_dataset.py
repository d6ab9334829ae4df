"""The invented data: reproducible, within its interval, and irregular."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from sandbox.dataset.documents import INDICATOR_TYPES, alerts, bulk_indicators, indicators
from sandbox.dataset.hostile import HOSTILE_TEXTS
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.dataset.notifications import notifications
from sandbox.dataset.realistic import RealisticIndicators
from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.versions import iso_us

FROM = datetime(2024, 1, 1, 0, 2, tzinfo=UTC)
TO = datetime(2024, 1, 2, 0, 2, tzinfo=UTC)
COUNT = 2_000
INDICATORS = list(indicators(7, COUNT, FROM, TO))
ALERTS = list(alerts(7, COUNT, FROM, TO))


def updated_at(document: dict[str, Any]) -> int:
    return int(document["header_"]["indexed_at"] if "header_" in document else document["timestamp"])


def texts(value: Any) -> Iterator[str]:
    """Yield all texts in a value."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(each)


@pytest.mark.parametrize("make", [indicators, alerts])
def test_the_seed_decides_everything(make: Any) -> None:
    """The same seed gives the same documents, another seed others."""
    first, again, other = (list(make(seed, 50, FROM, TO)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_identities_differ() -> None:
    """No two records share their identity."""
    assert len({each["fpid"] for each in INDICATORS}) == len({each["alert_id"] for each in ALERTS}) == COUNT


def test_indicators_lie_in_the_interval() -> None:
    """Updates are spread over the half-open interval, the first on its start."""
    times = [updated_at(each) for each in INDICATORS]
    assert times[0] == FROM.timestamp()
    assert all(FROM.timestamp() <= each < TO.timestamp() for each in times)
    assert len({each // 3600 for each in times}) == 25


def test_some_indicators_lie_on_edges() -> None:
    """Some updates are exactly on a multiple of five minutes, where windows meet."""
    assert 20 < sum(updated_at(each) % 300 == 0 for each in INDICATORS) < COUNT // 10


def test_every_type_is_there() -> None:
    """Each type has its share, and its value under its own name."""
    counted = Counter(each["type"] for each in INDICATORS)
    assert set(counted) == set(INDICATOR_TYPES)
    assert min(counted.values()) > COUNT // len(INDICATOR_TYPES) // 2
    assert all(isinstance(each["value"][each["type"]], str) for each in INDICATORS)


def test_unknown_types_get_values() -> None:
    """Unknown types get values too."""
    assert [each["value"]["x509"] for each in indicators(1, 3, FROM, TO, types=("x509",))] == [
        "x509 1 0", "x509 1 1", "x509 1 2",
    ]  # fmt: skip


@pytest.mark.parametrize("minutes", [5, 24 * 60])
@pytest.mark.parametrize("types", [("domain",), ("domain", "url", "md5", "text", "yara"), INDICATOR_TYPES])
def test_some_values_repeat_under_another_identity(types: tuple[str, ...], minutes: int) -> None:
    """Some records repeat a value, never in the same second, so that one of them is the newest."""
    times: dict[tuple[str, str], list[int]] = {}
    for each in indicators(7, COUNT, FROM, FROM + timedelta(minutes=minutes), types=types):
        times.setdefault((each["type"], each["value"][each["type"]]), []).append(updated_at(each))
    repeated = [found for found in times.values() if len(found) > 1]
    assert COUNT * 0.02 < len(repeated) < COUNT * 0.06
    assert all(len(set(found)) == len(found) for found in repeated)


def test_every_hostile_text_is_in_both() -> None:
    """Each hostile text is in the indicators and in the alerts."""
    for documents in (INDICATORS, ALERTS):
        found = {text for document in documents for text in texts(document)}
        assert not [text for text in HOSTILE_TEXTS if not any(text in each for each in found)]


@pytest.mark.parametrize("types", [("domain",), ("domain", "url", "md5", "text", "yara"), INDICATOR_TYPES])
def test_hostile_shapes_are_in_every_type(types: tuple[str, ...]) -> None:
    """Each type has records without event or header, with colliding keys, and with huge numbers."""
    shapes: dict[str, set[str]] = {}
    for each in indicators(7, 4 * COUNT, FROM, TO, types=types):
        found = shapes.setdefault(each["type"], set())
        found |= {name for name in ("Event", "header_") if name not in each}
        found |= {"collision"} if "a.b" in each.get("extra", {}) else set()
        found |= {"huge"} if each.get("measures", {}).get("beyond_64_bits", 0) > 2**64 else set()
        found |= {"deep"} if "relations" in each else set()
    assert all(found == {"Event", "header_", "collision", "huge", "deep"} for found in shapes.values())


def test_new_keys_come_late() -> None:
    """New keys appear in the last third."""
    having = [number for number, each in enumerate(INDICATORS) if "late_key" in each]
    assert having[0] > COUNT * 2 // 3
    assert len(having) > 50


@pytest.mark.parametrize("make", [indicators, alerts])
def test_one_large_value_on_request(make: Any) -> None:
    """There is exactly one text of about 1 MB, and only on request."""
    large = [
        sum(len(text) > 500_000 for each in make(7, 40, FROM, TO, with_large_value=wanted) for text in texts(each))
        for wanted in (False, True)
    ]
    assert large == [0, 1]


def test_every_document_is_json() -> None:
    """Each document survives JSON without NaN."""
    for each in INDICATORS + ALERTS:
        assert json.loads(json.dumps(each, allow_nan=False)) == each


def test_alerts_lie_in_the_interval() -> None:
    """Each ``ts`` is in the half-open interval."""
    assert all(FROM.timestamp() <= each["ts"] < TO.timestamp() for each in ALERTS)


def test_alerts_share_seconds_and_whole_times() -> None:
    """Some alerts share the second of the one before, some its whole ``ts``; some ``ts`` are ints."""
    pairs = [(before["ts"], after["ts"]) for before, after in pairwise(ALERTS)]
    assert sum(before == after for before, after in pairs) > 100
    assert sum(before != after and int(before) == int(after) for before, after in pairs) > 100
    assert {type(each["ts"]) for each in ALERTS} == {int, float}


def test_alert_kinds_rotate() -> None:
    """There are messages, code files and an unknown kind."""
    assert set(Counter(each["basetypes"][0] for each in ALERTS)) == {"conversation", "code", "unknown-kind"}


def test_one_alert_goes_without_ts_on_request() -> None:
    """Exactly one alert lacks its ``ts``, and the time in its source is within the interval."""
    (lacking,) = (each for each in alerts(7, 30, FROM, TO, without_ts=True) if "ts" not in each)
    assert FROM.timestamp() <= lacking["source"]["first_observed_at"]["timestamp"] < TO.timestamp()


def flat_names(value: Any, path: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [path]
    return [name for key, each in value.items() for name in flat_names(each, f"{path}.{key}")]


@pytest.mark.parametrize("columns", [6, 20])
def test_bulk_indicators_have_their_columns(columns: int) -> None:
    """A flattened bulk indicator has the requested number of columns."""
    assert len(flat_names(bulk_indicators("ip-dst|port", 10, FROM, TO, columns=columns)[3])) == columns


def test_bulk_indicators_need_their_columns() -> None:
    """Fewer columns than the minimum are refused."""
    with pytest.raises(InvalidSettingError, match="6"):
        bulk_indicators("domain", 10, FROM, TO, columns=5)


def test_bulk_indicators_know_their_identities() -> None:
    """Each bulk indicator is found by its id, and only in its own block."""
    block = bulk_indicators("domain", 100, FROM, TO)
    other = bulk_indicators("domain", 100, FROM, TO, seed=1)
    assert [block.offset(each["fpid"]) for each in block] == list(range(100))
    assert [other.offset(block.identity(7)), block.offset("short"), block.offset("ü" * 22)] == [None] * 3


def test_bulk_indicators_lie_in_the_interval() -> None:
    """The update times of a block ascend evenly over the half-open interval."""
    times = [each["header_"]["indexed_at"] for each in bulk_indicators("domain", 1000, FROM, TO)]
    assert times == sorted(times)
    assert (times[0], times[-1] < TO.timestamp()) == (FROM.timestamp(), True)


REALISTIC = RealisticIndicators("domain", 10_000, FROM, TO)


def test_realistic_indicators_have_realistic_size_and_shape() -> None:
    """Each has 4 to 7 kB and 60 to 75 columns, and lists of objects in its event."""
    for offset in range(500):
        body = REALISTIC.body(offset)
        document = json.loads(body)
        assert 4_000 <= len(body) <= 7_000
        assert 60 <= len(flat_names(document)) <= 75
        assert all(
            isinstance(each, dict) for name in ("Tag", "Galaxy", "RelatedEvent") for each in document["Event"][name]
        )


def test_realistic_indicators_differ_in_identity_and_value() -> None:
    """No two share an id or a value, and each is found by its ``fpid``."""
    documents = REALISTIC[:]
    assert len({each["fpid"] for each in documents}) == len({each["value"]["domain"] for each in documents}) == 10_000
    assert REALISTIC.offset(documents[77]["fpid"]) == 77
    assert RealisticIndicators("domain", 10_000, FROM, TO, seed=1)[5] != documents[5]


def test_realistic_times_are_in_the_order_in_which_the_service_sets_them() -> None:
    """Edited, observed, changed with the event, published, ingested, indexed; the index time is the update time."""
    for offset in range(0, 10_000, 99):
        document = REALISTIC[offset]
        event, header = document["Event"], document["header_"]
        times = [
            int(document["timestamp"]), document["first_observed_at"]["timestamp"], int(event["timestamp"]),
            int(event["publish_timestamp"]), header["ingested_at"], header["indexed_at"],
        ]  # fmt: skip
        assert times == sorted(set(times))
        assert header["observed_at"] == header["ingested_at"]
        assert times[-1] * 1_000_000 == REALISTIC.time_us(offset)


@pytest.mark.parametrize(("make", "time"), [(indicators_v2, "modified_at"), (notifications, "created_at")])
def test_the_documents_of_ignite(make: Any, time: str) -> None:
    """They are reproducible, lie in the interval, have ids of their own, and some share a microsecond."""
    documents = list(make(7, 500, FROM, TO))
    assert documents == list(make(7, 500, FROM, TO))
    times = [iso_us(each[time]) for each in documents]
    assert all(FROM.timestamp() * 1e6 <= each < TO.timestamp() * 1e6 for each in times)
    assert len({each["id"] for each in documents}) == 500
    assert len(set(times)) < 500
