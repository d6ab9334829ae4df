"""Delivery of alerts: nothing is on record that was not confirmed, and nothing that was confirmed is sent again."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.flashpoint.endpoints import Api, DataSet, endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.pipelines.deliver import Delivery, DeliverySummary
from airflow_provider_flashpoint.core.pipelines.verify import Verification
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.kept_lines import KeptLines
from airflow_provider_flashpoint.errors import DataError, DeliveryError, SupersededError

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FIRST_TS = 1_767_225_600
ENDPOINT = endpoint_of(Api.LEGACY, DataSet.ALERTS)


@dataclass
class FakeWriter:
    """A sink that fails at chosen calls, before or after it took what it was given."""

    fails_at: frozenset[int] = frozenset()
    keeps_what_failed: bool = False
    calls: int = 0
    pending: list[bytes] = field(default_factory=list)
    sink: list[bytes] = field(default_factory=list)
    confirmed: set[bytes] = field(default_factory=set)

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


@dataclass
class Stream:
    """One stream of alerts with its ledger in a directory; each delivery is a run of its own."""

    directory: Path
    set_aside: list[tuple[Record, str]] = field(default_factory=list)

    def deliver(self, pages: Iterable[Page], writer: FakeWriter, **options: Any) -> DeliverySummary:
        return Delivery(
            endpoint=ENDPOINT,
            ledger=EventLedger(self.directory),
            writer=writer,
            line_of=line_of,
            set_aside=lambda record, reason: self.set_aside.append((record, reason)),
            left=[options["unsent"]] if "unsent" in options else (),
            **{"now": lambda: NOW, **options},
        ).deliver(pages)


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
    """Only what was confirmed is on record; a second run completes the sink and repeats at most one batch."""
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
    """Pages confirmed before the reading broke are not sent again; the others are."""

    def breaking() -> Iterable[Page]:
        yield Page([alert(1)])
        yield Page([alert(2)])
        raise DataError("the walk broke")

    first, second = FakeWriter(), FakeWriter()
    with pytest.raises(DataError):
        stream.deliver(breaking(), first, batch_records=1)
    stream.deliver([Page([alert(1), alert(2), alert(3)])], second)
    assert (first.sink, second.sink) == ([b"a1\n", b"a2\n"], [b"a3\n"])


def test_counts(stream: Stream) -> None:
    """The summary tells what was read, sent, repeated, set aside and without a time."""
    stream.deliver([Page([alert(1)])], FakeWriter())
    page = Page([alert(1), alert(2), alert(2), {"alert_id": "u"}, {"alert_id": "b", "ts": FIRST_TS, "bad": True}])
    summary = stream.deliver([page], FakeWriter())
    assert summary == DeliverySummary(read=5, sent=2, repeated=2, rejected=1, undated=1, bytes=len(b"a2\nu\n"))


def test_rejected_record_is_set_aside(stream: Stream) -> None:
    """A record that cannot be a line is kept with its reason, is not on record, and the others are sent."""
    bad = {"alert_id": "b", "ts": FIRST_TS, "bad": True}
    writer = FakeWriter()
    stream.deliver([Page([alert(1), bad, alert(2)])], writer)
    assert stream.set_aside == [(bad, "it cannot be a line")]
    assert writer.sink == [b"a1\n", b"a2\n"]
    assert entry_of("b", FIRST_TS * 1_000_000) not in EventLedger(stream.directory)


def test_nothing_new_is_not_written(stream: Stream) -> None:
    """A window that was delivered before does not touch the writer."""
    stream.deliver(pages_of(5, 2), FakeWriter())
    writer = FakeWriter()
    assert stream.deliver(pages_of(5, 2), writer).repeated == 5
    assert writer.calls == 0


def test_confirmed_alerts_are_sent_again_on_demand(stream: Stream) -> None:
    """With `send_again` what was confirmed before is sent once more, but not twice in one batch."""
    stream.deliver([Page([alert(1)])], FakeWriter())
    writer = FakeWriter()
    stream.deliver([Page([alert(1), alert(1)])], writer, send_again=True)
    assert writer.sink == [b"a1\n"]


def test_alert_confirmed_by_another_run_meanwhile_is_not_sent(stream: Stream) -> None:
    """What a parallel run confirmed after this run read its page is left out."""
    other, writer = FakeWriter(), FakeWriter()

    def pages() -> Iterable[Page]:
        yield Page([alert(1), alert(2)])
        stream.deliver([Page([alert(1)])], other)

    summary = stream.deliver(pages(), writer)
    assert (other.sink, writer.sink) == ([b"a1\n"], [b"a2\n"])
    assert (summary.sent, summary.repeated, summary.bytes) == (1, 1, 3)


def test_batch_confirmed_by_another_run_meanwhile_is_not_written(stream: Stream) -> None:
    """Where a parallel run confirmed all of a batch, the writer is not touched."""
    writer = FakeWriter()

    def pages() -> Iterable[Page]:
        yield Page([alert(1)])
        stream.deliver([Page([alert(1)])], FakeWriter())

    assert stream.deliver(pages(), writer).repeated == 1
    assert writer.calls == 0


def test_record_nested_too_deeply_is_set_aside(stream: Stream) -> None:
    """A record without an id whose content cannot be digested is set aside, and the others are sent."""
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
def test_what_was_read_is_delivered_without_reading_it_again(
    count: int, size: int, batch_records: int, fails_at: int
) -> None:
    """Wherever a run fails, the next one sends once what was read and not delivered, though it reads nothing."""
    with tempfile.TemporaryDirectory() as directory:
        stream = Stream(Path(directory, "ledger"))
        unsent = KeptLines(Path(directory, "unsent"))
        read: list[bytes] = []

        def pages() -> Iterable[Page]:
            for page in pages_of(count, size):
                read.extend(map(line_of, page.records))
                yield page

        first, second = FakeWriter(frozenset({fails_at})), FakeWriter()
        with contextlib.suppress(DeliveryError):
            stream.deliver(pages(), first, batch_records=batch_records, unsent=unsent)
        summary = stream.deliver([], second, unsent=unsent)
        assert first.sink + second.sink == read
        assert summary.unsent == len(second.sink)
        assert list(unsent.batches()) == []
        assert stream.deliver(pages_of(count, size), FakeWriter(), unsent=unsent).repeated == len(set(read))


def test_unsent_alerts_go_before_anything_is_read(stream: Stream, unsent: KeptLines) -> None:
    """What an earlier run kept is delivered before the first page is asked for."""
    with pytest.raises(DeliveryError):
        stream.deliver([Page([alert(1)])], FakeWriter(frozenset({1})), unsent=unsent)
    writer = FakeWriter()

    def pages() -> Iterable[Page]:
        assert writer.sink == [b"a1\n"]
        yield Page([alert(1), alert(2)])

    summary = stream.deliver(pages(), writer, unsent=unsent)
    assert (summary.unsent, summary.sent, summary.repeated) == (1, 1, 1)


def test_unsent_alert_that_another_window_delivered_is_not_sent(stream: Stream, unsent: KeptLines) -> None:
    """An alert that was kept unsent and delivered by another window meanwhile is forgotten."""
    with pytest.raises(DeliveryError):
        stream.deliver([Page([alert(1), alert(2)])], FakeWriter(frozenset({1})), unsent=unsent)
    stream.deliver([Page([alert(1)])], FakeWriter())
    writer = FakeWriter()
    assert stream.deliver([], writer, unsent=unsent).unsent == 1
    assert writer.sink == [b"a2\n"]


def test_alerts_are_kept_when_the_task_is_told_to_end(stream: Stream, unsent: KeptLines) -> None:
    """Also what is no Exception, as a signal raises it, leaves what was read for the next run."""

    def pages() -> Iterable[Page]:
        yield Page([alert(1)])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream.deliver(pages(), FakeWriter(), unsent=unsent)
    assert [line for batch in unsent.batches() for _, line in batch.pairs] == [b"a1\n"]


def test_unsent_alerts_stay_until_they_are_delivered(stream: Stream, unsent: KeptLines) -> None:
    """A run that fails on what is unsent reads nothing, and leaves it once."""
    for _ in range(3):
        with pytest.raises(DeliveryError):
            stream.deliver([Page([alert(1)])], FakeWriter(frozenset({1})), unsent=unsent)
    assert [len(batch.pairs) for batch in unsent.batches()] == [1]


@pytest.mark.parametrize("room", [0, None], ids=["full", "broken"])
def test_where_nothing_can_be_kept_the_log_says_so(
    stream: Stream, tmp_path: Path, caplog: pytest.LogCaptureFixture, room: int | None
) -> None:
    """A storage that is full or fails does not hide the error, and the log says what brings the alerts back."""
    (tmp_path / "file").touch()
    unsent = KeptLines(tmp_path, max_batches=0) if room == 0 else KeptLines(tmp_path / "file" / "unsent")
    with pytest.raises(DeliveryError):
        stream.deliver([Page([alert(1)])], FakeWriter(frozenset({1})), unsent=unsent)
    assert "1 alerts were not delivered" in caplog.text
    assert "window must be read again" in caplog.text


def test_record_without_id_is_known_by_its_content(stream: Stream) -> None:
    """Two records without an id are two alerts; each of them is sent once."""
    records: list[Record] = [{"ts": FIRST_TS, "text": "x"}, {"ts": FIRST_TS, "text": "y"}]
    assert stream.deliver([Page(records)], FakeWriter()).sent == 2
    assert stream.deliver([Page(records)], FakeWriter()).sent == 0


def test_batch_is_closed_by_its_bytes(stream: Stream) -> None:
    """A batch is confirmed as soon as it is large enough, at the end of a page."""
    writer = FakeWriter()
    stream.deliver(pages_of(4, 1), writer, batch_bytes=6)
    assert writer.calls == 4  # two lines of three bytes each time: written and confirmed


def test_try_that_was_taken_over_sends_no_more(stream: Stream, tmp_path: Path) -> None:
    """Once another try of the run has begun, the older one sends nothing; the newer one delivers what is missing."""
    tries = [AttemptLock(tmp_path / "newest_try", work="one") for _ in range(2)]
    older, newer = FakeWriter(), FakeWriter()
    tries[0].begin()

    def pages() -> Iterator[Page]:
        first, second = pages_of(2, 1)
        yield first
        tries[1].begin()
        yield second

    with pytest.raises(SupersededError):
        stream.deliver(pages(), older, batch_records=1, before_sending=tries[0].check)
    stream.deliver(pages_of(2, 1), newer, batch_records=1, before_sending=tries[1].check)
    assert (older.sink, newer.sink) == ([b"a0\n"], [b"a1\n"])


def test_table_is_asked_from_the_first_send_on(stream: Stream, tmp_path: Path) -> None:
    """However long Devo took to confirm a batch, what arrived at its beginning is asked for."""
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

    ledger, writer = EventLedger(stream.directory), SlowWriter()
    verification = Verification(
        unverified=KeptLines(tmp_path / "unverified"),
        ledger=ledger,
        writer=writer,
        shown=shown,
        id_of=lambda line: line.decode().strip(),
        now=now,
    )
    stream.deliver([Page([alert(1)])], writer, verification=verification, now=now)
    assert asked == [NOW - timedelta(minutes=5)]


def test_verified_alerts_are_on_record_when_they_are_seen(stream: Stream, tmp_path: Path) -> None:
    """With verification an alert that is read twice is sent once, and is on record in the end."""
    ledger, writer = EventLedger(stream.directory), FakeWriter()
    verification = Verification(
        unverified=KeptLines(tmp_path / "unverified"),
        ledger=ledger,
        writer=writer,
        shown=lambda since: [(line.decode().strip(), 1) for line in writer.sink],
        id_of=lambda line: line.decode().strip(),
    )
    pages = [Page([alert(1)]), Page([alert(1), alert(2)])]
    summary = stream.deliver(pages, writer, batch_records=1, verification=verification)
    assert writer.sink == [b"a1\n", b"a2\n"]
    assert (summary.sent, summary.repeated, summary.verified, summary.sent_again) == (2, 1, 2, 0)
    assert stream.deliver(pages, FakeWriter()).repeated == 3
