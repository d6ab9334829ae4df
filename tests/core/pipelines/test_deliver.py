"""Delivery of events: the ledger holds confirmed events only, and confirmed events are not sent again."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.ports import WriterStatistics
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoint import Endpoint
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.pipelines.deliver import deliver
from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliveryPorts, DeliverySettings, DeliverySummary
from airflow_provider_flashpoint.core.pipelines.verify import EventTable
from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines, Pair
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import DataError, DeliveryError, StageError, SupersededError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), NOW)
FIRST_TS = 1_767_225_600
ENDPOINT = endpoint_of(Api.LEGACY, DataSet.ALERTS)


@dataclass
class FakeWriter:
    """A writer that fails at chosen calls, before or after its sink took the lines."""

    fails_at: frozenset[int] = frozenset()
    keeps_what_failed: bool = False
    calls: int = 0
    pending: list[bytes] = field(default_factory=list)
    sink: list[bytes] = field(default_factory=list)
    confirmed: set[bytes] = field(default_factory=set)
    statistics: WriterStatistics = field(default_factory=WriterStatistics)

    @property
    def unconfirmed(self) -> int:
        return len(self.pending)

    def encode(self, record: Record) -> bytes:
        return line_of(record)

    def write(self, lines: Iterable[bytes]) -> None:
        self.pending = list(lines)
        self._call()

    def confirm(self) -> int:
        self._call()
        self.sink += self.pending
        self.confirmed |= set(self.pending)
        return len(self.pending)

    def _call(self) -> None:
        self.calls += 1
        if self.calls in self.fails_at:
            if self.keeps_what_failed:
                self.sink += self.pending
            raise DeliveryError("the connection broke")


def alert(number: int) -> Record:
    return {"alert_id": f"a{number}", "ts": FIRST_TS + number * 600}


def line_of(record: Record) -> bytes:
    if record.get("bad"):
        raise DataError("it cannot be a line")
    return f"{record.get('alert_id')}\n".encode()


def pages_of(count: int, size: int) -> list[Page]:
    return [Page([alert(number) for number in range(at, min(at + size, count))]) for at in range(0, count, size)]


@dataclass(frozen=True)
class FakeSource:
    """A source of given pages."""

    given: Iterable[Page]
    endpoint: Endpoint = ENDPOINT
    complete_to: datetime | None = None
    total: int | None = None

    def pages(self, window: Window) -> Iterator[Page]:
        yield from self.given


@dataclass(frozen=True)
class FakeQueries:
    """Queries that return given ids."""

    shown: Callable[[datetime], Iterable[tuple[str, int]]]

    def id_counts(self, tag: str, id_field: str, *, since: datetime) -> Iterable[tuple[str, int]]:
        return self.shown(since)


class FakeTable(EventTable):
    """A table whose lines are their own ids."""

    def id_of(self, line: bytes) -> str:
        return line.decode().strip()


def table_of(shown: Callable[[datetime], Iterable[tuple[str, int]]]) -> EventTable:
    return FakeTable(queries=FakeQueries(shown), tag="t", id_field="alert_id")


class FakeRejected(list[tuple[Record, str]]):
    """Rejected records, each with its reason."""

    def add(self, record: Record, reason: str) -> None:
        self.append((record, reason))

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@dataclass
class Stream:
    """One event stream with its ledger in a directory; each delivery is a run of its own."""

    directory: Path
    rejected: FakeRejected = field(default_factory=FakeRejected)

    def deliver(
        self,
        pages: Iterable[Page],
        writer: FakeWriter,
        *,
        table: EventTable | None = None,
        obfuscator: Obfuscator | None = None,
        now: Callable[[], datetime] = lambda: NOW,
        unsent: KeptLines | None = None,
        lock: AttemptLock | None = None,
        **options: Any,
    ) -> DeliverySummary:
        store = EventStore(self.directory.parent, work=secrets.token_hex(4), at=NOW)
        store.ledger, store.rejected = EventLedger(self.directory), self.rejected
        store.unsent = unsent or KeptLines(self.directory.parent, max_batches=0)
        store.lock = lock or store.lock
        ports = DeliveryPorts(
            source=FakeSource(pages),
            writer=writer,
            store=store,
            obfuscator=obfuscator or Obfuscator(),
            table=table,
            clock=Clock(now=now),
        )
        defaults = {"ledger_retention": timedelta(days=30), "statistics_period_s": 600.0, "verify_timeout_s": 900.0}
        return deliver(WINDOW, ports, DeliverySettings(**defaults | options))


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path / "ledger")


@pytest.fixture
def unsent(tmp_path: Path) -> KeptLines:
    return KeptLines(tmp_path / "unsent")


@given(
    count=st.integers(0, 30),
    size=st.integers(1, 7),
    batch_records=st.integers(1, 10),
    fails_at=st.integers(1, 12),
    keeps_what_failed=st.booleans(),
)
@settings(deadline=None)
def test_failure_at_any_call_loses_nothing(
    count: int, size: int, batch_records: int, fails_at: int, keeps_what_failed: bool
) -> None:
    """The ledger holds confirmed events only; a second run completes the sink and repeats at most one batch."""
    with tempfile.TemporaryDirectory() as directory:
        stream = Stream(Path(directory))
        first = FakeWriter(frozenset({fails_at}), keeps_what_failed)
        try:
            stream.deliver(pages_of(count, size), first, batch_records=batch_records)
        except DeliveryError:
            assert first.calls == fails_at
        ledger = EventLedger(Path(directory))
        recorded = {
            line_of(alert(number))
            for number in range(count)
            if entry_of(f"a{number}", (FIRST_TS + number * 600) * 1_000_000) in ledger
        }
        assert recorded == first.confirmed
        second = FakeWriter()
        stream.deliver(pages_of(count, size), second, batch_records=batch_records)
        arrived = Counter(first.sink + second.sink)
        assert set(arrived) == {line_of(alert(number)) for number in range(count)}
        assert sum(arrived.values()) - len(arrived) <= batch_records + size - 1


def test_failing_page_keeps_what_was_confirmed(stream: Stream) -> None:
    """Pages confirmed before the reading failed are not sent again; the others are."""

    def breaking() -> Iterable[Page]:
        yield Page([alert(1)])
        yield Page([alert(2)])
        raise DataError("the reading failed")

    first, second = FakeWriter(), FakeWriter()
    with pytest.raises(DataError):
        stream.deliver(breaking(), first, batch_records=1)
    stream.deliver([Page([alert(1), alert(2), alert(3)])], second)
    assert (first.sink, second.sink) == ([b"a1\n", b"a2\n"], [b"a3\n"])


def test_counts(stream: Stream) -> None:
    """The summary counts events read, sent, repeated, rejected and undated."""
    stream.deliver([Page([alert(1)])], FakeWriter())
    page = Page([alert(1), alert(2), alert(2), {"alert_id": "u"}, {"alert_id": "b", "ts": FIRST_TS, "bad": True}])
    summary = stream.deliver([page], FakeWriter())
    counts = DeliverySummary(read=5, sent=2, repeated=2, rejected=1, undated=1, bytes=len(b"a2\nu\n"))
    assert summary == replace(counts, sha256=summary.sha256)


def test_the_checksum_tells_which_events_were_sent(stream: Stream) -> None:
    """The same events have the same checksum, other events another one, and none has none."""
    one, two = [Page([alert(1), alert(2)])], [Page([alert(1), alert(3)])]
    found = [stream.deliver(pages, FakeWriter(), resend=True).sha256 for pages in (one, one, two, [])]
    assert found[0] == found[1]
    assert len({found[0], found[2], ""}) == 3
    assert found[3] == ""


def test_rejected_record_is_kept(stream: Stream) -> None:
    """A record that cannot be encoded is kept with its reason, is not in the ledger, and the others are sent."""
    bad = {"alert_id": "b", "ts": FIRST_TS, "bad": True}
    writer = FakeWriter()
    stream.deliver([Page([alert(1), bad, alert(2)])], writer)
    assert stream.rejected == [(bad, "it cannot be a line")]
    assert writer.sink == [b"a1\n", b"a2\n"]
    assert entry_of("b", FIRST_TS * 1_000_000) not in EventLedger(stream.directory)


def test_nothing_new_is_not_written(stream: Stream) -> None:
    """A window that was delivered before does not call the writer."""
    stream.deliver(pages_of(5, 2), FakeWriter())
    writer = FakeWriter()
    assert stream.deliver(pages_of(5, 2), writer).repeated == 5
    assert writer.calls == 0


def test_confirmed_events_are_sent_again_on_demand(stream: Stream) -> None:
    """With `resend` confirmed events are sent once more, but not twice in one batch."""
    stream.deliver([Page([alert(1)])], FakeWriter())
    writer = FakeWriter()
    stream.deliver([Page([alert(1), alert(1)])], writer, resend=True)
    assert writer.sink == [b"a1\n"]


def test_no_event_is_sent_twice_in_a_run_on_demand(stream: Stream, unsent: KeptLines) -> None:
    """With `resend` an event is sent once in a run, though pages overlap or an earlier run kept its line."""
    with pytest.raises(DeliveryError):
        stream.deliver([Page([alert(1)])], FakeWriter(fails_at=frozenset({1})), unsent=unsent)
    writer = FakeWriter()
    pages = [Page([alert(1), alert(2)]), Page([alert(2), alert(3)]), Page([alert(2)])]
    summary = stream.deliver(pages, writer, resend=True, batch_records=1, unsent=unsent)
    assert writer.sink == [b"a1\n", b"a2\n", b"a3\n"]
    assert (summary.sent, summary.unsent, summary.repeated) == (2, 1, 3)


def test_event_confirmed_by_another_run_meanwhile_is_not_sent(stream: Stream) -> None:
    """Events that a parallel run confirmed after this run read its page are skipped."""
    other, writer = FakeWriter(), FakeWriter()

    def pages() -> Iterable[Page]:
        yield Page([alert(1), alert(2)])
        stream.deliver([Page([alert(1)])], other)

    summary = stream.deliver(pages(), writer)
    assert (other.sink, writer.sink) == ([b"a1\n"], [b"a2\n"])
    assert (summary.sent, summary.repeated, summary.bytes) == (1, 1, 3)


def test_batch_confirmed_by_another_run_meanwhile_is_not_written(stream: Stream) -> None:
    """Where a parallel run confirmed a whole batch, the writer is not called."""
    writer = FakeWriter()

    def pages() -> Iterable[Page]:
        yield Page([alert(1)])
        stream.deliver([Page([alert(1)])], FakeWriter())

    assert stream.deliver(pages(), writer).repeated == 1
    assert writer.calls == 0


def test_record_nested_too_deeply_is_rejected(stream: Stream) -> None:
    """A record without an id whose content cannot be digested is rejected, and the others are sent."""
    deep: Record = {}
    for _ in range(10_000):
        deep = {"a": deep}
    writer = FakeWriter()
    assert stream.deliver([Page([alert(1), deep, alert(2)])], writer).rejected == 1
    assert writer.sink == [b"a1\n", b"a2\n"]


@given(
    count=st.integers(0, 30),
    size=st.integers(1, 7),
    batch_records=st.integers(1, 10),
    fails_at=st.integers(1, 12),
)
@settings(deadline=None)
def test_read_events_are_delivered_without_reading_them_again(
    count: int, size: int, batch_records: int, fails_at: int
) -> None:
    """Wherever a run fails, the next one sends the undelivered events once, even if it reads nothing."""
    with tempfile.TemporaryDirectory() as directory:
        stream = Stream(Path(directory, "ledger"))
        unsent = KeptLines(Path(directory, "unsent"))
        read: list[bytes] = []

        def pages() -> Iterable[Page]:
            for page in pages_of(count, size):
                read.extend(map(line_of, page))
                yield page

        first, second = FakeWriter(frozenset({fails_at})), FakeWriter()
        with contextlib.suppress(DeliveryError):
            stream.deliver(pages(), first, batch_records=batch_records, unsent=unsent)
        summary = stream.deliver([], second, unsent=unsent)
        assert first.sink + second.sink == read
        assert summary.unsent == len(second.sink)
        assert list(unsent.batches()) == []
        assert stream.deliver(pages_of(count, size), FakeWriter(), unsent=unsent).repeated == len(set(read))


def test_unsent_events_are_sent_before_anything_is_read(stream: Stream, unsent: KeptLines) -> None:
    """Lines that an earlier run kept are delivered before the first page is requested."""
    with pytest.raises(DeliveryError):
        stream.deliver([Page([alert(1)])], FakeWriter(frozenset({1})), unsent=unsent)
    writer = FakeWriter()

    def pages() -> Iterable[Page]:
        assert writer.sink == [b"a1\n"]
        yield Page([alert(1), alert(2)])

    summary = stream.deliver(pages(), writer, unsent=unsent)
    assert (summary.unsent, summary.sent, summary.repeated) == (1, 1, 1)


def test_unsent_event_that_another_window_delivered_is_not_sent(stream: Stream, unsent: KeptLines) -> None:
    """An unsent event that another window delivered meanwhile is removed."""
    with pytest.raises(DeliveryError):
        stream.deliver([Page([alert(1), alert(2)])], FakeWriter(frozenset({1})), unsent=unsent)
    stream.deliver([Page([alert(1)])], FakeWriter())
    writer = FakeWriter()
    assert stream.deliver([], writer, unsent=unsent).unsent == 1
    assert writer.sink == [b"a2\n"]


def test_events_are_kept_when_the_task_is_killed(stream: Stream, unsent: KeptLines) -> None:
    """A BaseException, such as one raised by a signal, keeps the read events for the next run, too."""

    def pages() -> Iterable[Page]:
        yield Page([alert(1)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream.deliver(pages(), FakeWriter(), unsent=unsent)
    assert [line for batch in unsent.batches() for _, line in batch.pairs] == [b"a1\n"]


def test_unsent_events_stay_until_they_are_delivered(stream: Stream, unsent: KeptLines) -> None:
    """A run that fails on unsent events reads nothing, and keeps them once."""
    for _ in range(3):
        with pytest.raises(DeliveryError):
            stream.deliver([Page([alert(1)])], FakeWriter(frozenset({1})), unsent=unsent)
    assert [len(batch.pairs) for batch in unsent.batches()] == [1]


class BrokenLines(KeptLines):
    """Kept lines in a storage that takes no file."""

    def keep(self, pairs: Iterable[Pair], *, at: datetime) -> bool:
        raise OSError("the storage is broken")


@pytest.mark.parametrize("room", [0, None], ids=["full", "broken"])
def test_events_that_cannot_be_kept_are_logged(
    stream: Stream, tmp_path: Path, caplog: pytest.LogCaptureFixture, room: int | None
) -> None:
    """A full or failing storage does not hide the error, and the log says that the window must be read again."""
    unsent = KeptLines(tmp_path, max_batches=0) if room == 0 else BrokenLines(tmp_path / "unsent")
    with pytest.raises(DeliveryError):
        stream.deliver([Page([alert(1)])], FakeWriter(frozenset({1})), unsent=unsent)
    assert "1 events were not delivered" in caplog.text
    assert "window must be read again" in caplog.text


def test_record_without_id_is_identified_by_its_content(stream: Stream) -> None:
    """Two records without an id are two events; each of them is sent once."""
    records: list[Record] = [{"ts": FIRST_TS, "text": "x"}, {"ts": FIRST_TS, "text": "y"}]
    assert stream.deliver([Page(records)], FakeWriter()).sent == 2
    assert stream.deliver([Page(records)], FakeWriter()).sent == 0


def test_damaged_ledger_stops_the_delivery(stream: Stream) -> None:
    """A file of the ledger that cannot be read is an error: no record is rejected, and nothing is sent twice."""
    stream.deliver(pages_of(3, 3), FakeWriter())
    (file,) = stream.directory.rglob("*.ids")
    file.write_bytes(file.read_bytes()[:-1])
    writer = FakeWriter()
    with pytest.raises(StageError, match=file.name):
        stream.deliver(pages_of(3, 3), writer)
    assert (writer.sink, stream.rejected) == ([], [])


NO_IDS = [
    *("", " ", "\t\r\n", "\u3000", "\u200b", "\ufeff", 0, 0.0, -0.0, -1, False, True, None),
    *([], {}, [[]], [""], {"a": None}),
]


@pytest.mark.parametrize("value", NO_IDS, ids=repr)
def test_only_a_text_or_positive_number_identifies_a_record(stream: Stream, value: Any) -> None:
    """Different records under the same value that is no id are all sent, and counted; none counts as repeated."""
    records: list[Record] = [{"alert_id": value, "ts": FIRST_TS, "text": text} for text in "abc"]
    first = stream.deliver([Page(records)], FakeWriter())
    again = stream.deliver([Page(records)], FakeWriter())
    assert (first.read, first.sent, first.repeated, first.without_id) == (3, 3, 0, 3)
    assert (again.read, again.sent, again.repeated, again.without_id) == (3, 0, 3, 3)


@pytest.mark.parametrize("value", NO_IDS, ids=repr)
def test_same_record_twice_without_id_is_repeated(stream: Stream, value: Any) -> None:
    """A record without an id that comes twice is sent once, whatever the order of its keys."""
    page: Page = [{"alert_id": value, "ts": FIRST_TS, "a": 1}, {"a": 1, "ts": FIRST_TS, "alert_id": value}]
    summary = stream.deliver([page], FakeWriter())
    assert (summary.sent, summary.repeated) == (1, 1)


@pytest.mark.parametrize(
    "value", [1, 2**53 + 1, 10**30, 1.5, True, False, None, 0, -1, [], {}, ["a"], {"a": 1}], ids=repr
)
def test_value_and_its_text_are_two_ids(stream: Stream, value: Any) -> None:
    """An alert whose id is 1 is another one than an alert whose id is "1"; neither hides the other in any run."""
    one: Record = {"alert_id": value, "ts": FIRST_TS}
    other: Record = {"alert_id": str(value), "ts": FIRST_TS}
    assert stream.deliver([Page([one, other])], FakeWriter()).sent == 2
    assert stream.deliver([Page([other, one])], FakeWriter()).repeated == 2


def test_record_of_a_data_set_without_ids_has_none_under_the_empty_key(stream: Stream) -> None:
    """Where a data set has no id field, the empty key of a record is no id either."""
    endpoint = endpoint_of(Api.LEGACY, DataSet.KEYWORDS)
    assert endpoint.id_of({"": "x"}) is None
    assert endpoint.identity({"": "x", "a": 1}) != endpoint.identity({"": "x", "a": 2})


@pytest.mark.parametrize("value", NO_IDS, ids=repr)
def test_pages_count_records_without_id_one_by_one(value: Any) -> None:
    """Pages of different records under the same value that is no id show as many records as they hold."""
    records: list[Record] = [{"alert_id": value, "text": text} for text in "abc"]
    assert len(set(map(ENDPOINT.identity, records))) == 3


def test_batch_is_closed_by_its_bytes(stream: Stream) -> None:
    """A batch is confirmed at the end of a page once it has enough bytes."""
    writer = FakeWriter()
    stream.deliver(pages_of(4, 1), writer, batch_bytes=6)
    assert writer.calls == 4  # two lines of three bytes each time: written and confirmed


def test_superseded_attempt_sends_nothing_more(stream: Stream, tmp_path: Path) -> None:
    """Once another attempt of the run has started, the older one sends nothing; the newer one delivers the rest."""
    attempts = [AttemptLock(tmp_path / "newest_try", work="one") for _ in range(2)]
    older, newer = FakeWriter(), FakeWriter()

    def pages() -> Iterator[Page]:
        first, second = pages_of(2, 1)
        yield first
        attempts[1].begin()
        yield second

    with pytest.raises(SupersededError):
        stream.deliver(pages(), older, batch_records=1, lock=attempts[0])
    stream.deliver(pages_of(2, 1), newer, batch_records=1, lock=attempts[1])
    assert (older.sink, newer.sink) == ([b"a0\n"], [b"a1\n"])


def test_query_begins_at_the_first_send(stream: Stream, tmp_path: Path) -> None:
    """However long Devo took to confirm a batch, the query covers the time from its first send on."""
    hours = 0
    asked: list[datetime] = []

    def now() -> datetime:
        return NOW + timedelta(hours=hours)

    class SlowWriter(FakeWriter):
        def confirm(self) -> int:
            nonlocal hours
            hours += 3
            return super().confirm()

    def shown(since: datetime) -> list[tuple[str, int]]:
        asked.append(since)
        return [("a1", 1)]

    stream.deliver([Page([alert(1)])], SlowWriter(), table=table_of(shown), now=now)
    assert asked == [NOW - timedelta(minutes=5)]


def test_verified_events_are_in_the_ledger_once_they_are_seen(stream: Stream, tmp_path: Path) -> None:
    """With verification an event that is read twice is sent once, and is in the ledger at the end."""
    writer = FakeWriter()
    table = table_of(lambda since: [(line.decode().strip(), 1) for line in writer.sink])
    pages = [Page([alert(1)]), Page([alert(1), alert(2)])]
    summary = stream.deliver(pages, writer, batch_records=1, table=table)
    assert writer.sink == [b"a1\n", b"a2\n"]
    assert (summary.sent, summary.repeated, summary.verified, summary.sent_again) == (2, 1, 2, 0)
    assert stream.deliver(pages, FakeWriter()).repeated == 3
