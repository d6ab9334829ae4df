"""Verification: the ledger holds the events that the table shows; exactly the missing ones are sent again."""

from __future__ import annotations

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

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.ports import WriterStatistics
from airflow_provider_flashpoint.core.pipelines.verify import EventTable, Verification
from airflow_provider_flashpoint.core.reporting.sender_log import SenderLog
from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines, Pair
from airflow_provider_flashpoint.errors import AuthenticationError, DeliveryError, ServerError, SupersededError

START = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = datetime(2026, 1, 1, 5, tzinfo=UTC)


@dataclass
class FakeDevo:
    """An endpoint that confirms everything, and a table that shows events late and loses chosen ones."""

    loses: Counter[str | int] = field(default_factory=Counter)
    blind_polls: int = 0
    errors: list[Exception] = field(default_factory=list)
    quotes: str = "{}"
    took: list[str | int] = field(default_factory=list)
    table: Counter[str | int] = field(default_factory=Counter)
    queried: list[datetime] = field(default_factory=list)
    statistics: WriterStatistics = field(default_factory=WriterStatistics)
    unconfirmed: int = 0
    _written: list[str | int] = field(default_factory=list)

    def write(self, lines: Iterable[bytes]) -> None:
        self._written += [codec.decode(line)["id"] for line in lines]

    def confirm(self) -> int:
        taken, self._written = self._written, []
        self.took += taken
        for each in taken:
            if self.loses[each]:
                self.loses[each] -= 1
            else:
                self.table[each] += 1
        return len(taken)

    def id_counts(self, tag: str, id_field: str, *, since: datetime) -> Iterator[tuple[str, int]]:
        self.queried.append(since)
        if self.errors:
            raise self.errors.pop(0)
        if self.blind_polls:
            self.blind_polls -= 1
            return
        for each, count in self.table.items():
            yield self.quotes.format(each), count


@dataclass
class Scene:
    """Successive runs over the same directory; time passes only in `sleep`."""

    directory: Path
    devo: FakeDevo = field(default_factory=FakeDevo)
    slept_s: float = 0.0

    @property
    def ledger(self) -> EventLedger:
        return EventLedger(self.directory / "ledger")

    @property
    def unverified(self) -> KeptLines:
        return KeptLines(self.directory / "unverified", max_batches=None)

    def verification(self, *, by_event_time: bool = False, lock: Any = None, **options: Any) -> Verification:
        clock = Clock(
            now=lambda: START + timedelta(seconds=self.slept_s),
            monotonic=lambda: self.slept_s,
            sleep=self.sleep,
        )
        store = EventStore(self.directory, work="one", at=START)
        store.lock = lock or store.lock
        return Verification(
            EventTable(queries=self.devo, tag="t", id_field="id", by_event_time=by_event_time),
            store,
            SenderLog(self.devo, clock, period_s=None),
            clock,
            **{"timeout_s": 900.0, **options},
        )

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds

    def confirmed(self, ids: Iterable[str | int], **options: Any) -> Verification:
        """Return the verification of a run whose lines were just confirmed."""
        pairs = [pair_of(each) for each in ids]
        self.devo.write(line for _, line in pairs)
        self.devo.confirm()
        verification = self.verification(**options)
        with verification.adding(pairs, at=START):
            pass
        return verification

    def recorded(self, ids: Iterable[str]) -> list[str]:
        ledger = self.ledger
        return [each for each in ids if pair_of(each)[0] in ledger]


def pair_of(identity: str | int) -> Pair:
    return entry_of(identity, int(HOUR.timestamp() * 1_000_000)), codec.encode({"id": identity}) + b"\n"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_nothing_is_sent_again_where_all_is_shown(scene: Scene) -> None:
    """Where the table shows every event, all are in the ledger, were sent once, and no line stays kept."""
    verification = scene.confirmed("abc")
    assert scene.recorded("abc") == []
    verification.complete()
    assert (scene.devo.took, scene.recorded("abc")) == (list("abc"), list("abc"))
    assert (verification.verified, verification.sent_again) == (3, 0)
    assert list(scene.unverified.batches()) == []
    assert scene.slept_s == 0


def test_exactly_the_missing_events_are_sent_again(scene: Scene) -> None:
    """Events that were confirmed and lost are sent again, and no event that the table shows."""
    scene.devo.loses.update("bd")
    verification = scene.confirmed("abcde")
    verification.complete()
    assert scene.devo.took == [*"abcde", *"bd"]
    assert scene.devo.table == Counter("abcde")
    assert scene.recorded("abcde") == list("abcde")
    assert (verification.verified, verification.sent_again) == (5, 2)


def test_late_events_are_waited_for(scene: Scene) -> None:
    """Events that are indexed late, but within the patience, are not sent again."""
    scene.devo.blind_polls = 5
    scene.confirmed("abc").complete()
    assert scene.devo.took == list("abc")
    assert 0 < scene.slept_s < 120


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2), min_size=1), st.integers(0, 4))
@settings(deadline=None)
def test_every_lost_event_arrives_once(losses: dict[str, int], blind_polls: int) -> None:
    """Whatever is lost up to twice, and however late the table is, in the end it shows each event exactly once."""
    with tempfile.TemporaryDirectory() as directory:
        scene = Scene(Path(directory), FakeDevo(loses=Counter(losses), blind_polls=blind_polls))
        scene.confirmed(losses).complete()
        assert scene.devo.table == Counter(list(losses))
        assert scene.recorded(losses) == list(losses)
        assert Counter(scene.devo.took) == {each: count + 1 for each, count in losses.items()}


def test_event_that_never_appears_is_an_error_with_counts(scene: Scene) -> None:
    """After the last send the error has the counts; seen events are in the ledger, and the rest stays kept."""
    scene.devo.loses["b"] = 99
    with pytest.raises(DeliveryError, match=r"shows 2 of 3 confirmed .* after 3 sends .* other 1 are kept") as raised:
        scene.confirmed("abc").complete()
    assert raised.value.unconfirmed == 1
    assert scene.devo.took == [*"abc", "b", "b"]
    assert scene.recorded("abc") == ["a", "c"]
    assert len(list(scene.unverified.batches())) == 1


def test_next_run_queries_for_missing_events_first(scene: Scene) -> None:
    """The next run finds events that one run gave up on, and sends none that arrived meanwhile."""
    scene.devo.blind_polls = 99
    with pytest.raises(DeliveryError):
        scene.confirmed("abc", max_sends=1).complete()
    scene.devo.blind_polls = 0
    verification = scene.verification()
    verification.complete()
    assert scene.devo.took == list("abc")
    assert (verification.verified, list(scene.unverified.batches())) == (3, [])


def test_killed_run_leaves_its_confirmed_events_to_the_next(scene: Scene) -> None:
    """The next run queries for the events that a killed run confirmed, and sends missing ones again."""
    scene.devo.loses["a"] = 1
    scene.confirmed("abc")  # and nothing after it
    scene.verification().complete()
    assert scene.devo.took == [*"abc", "a"]
    assert scene.recorded("abc") == list("abc")


def test_event_that_another_run_saw_is_not_queried_for(scene: Scene) -> None:
    """An event that entered the ledger meanwhile is not missing, though the table does not show it in this span."""
    verification = scene.confirmed("ab")
    scene.ledger.add([pair_of("a")[0]], at=START)
    del scene.devo.table["a"]
    verification.complete()
    assert scene.devo.took == list("ab")


def test_superseded_run_sends_nothing_again(scene: Scene) -> None:
    """A superseded run leaves missing events to the newer attempt."""

    class Superseded:
        def check(self) -> None:
            raise SupersededError("another attempt has started")

    scene.devo.loses["a"] = 1
    with pytest.raises(SupersededError):
        scene.confirmed("ab", lock=Superseded()).complete()
    assert scene.devo.took == list("ab")
    assert len(list(scene.unverified.batches())) == 1


def test_time_is_bounded(scene: Scene) -> None:
    """However long the patience, queries end at the timeout, and nothing is sent again after it."""
    scene.devo.loses["b"] = 99
    with pytest.raises(DeliveryError, match=r"after 1 sends and 6. s"):
        scene.confirmed("ab", timeout_s=60, patience_s=1000).complete()
    assert scene.slept_s < 60 + 30
    assert scene.devo.took == list("ab")


def test_query_that_fails_for_a_while_is_repeated(scene: Scene) -> None:
    """A query with a transient error is repeated."""
    scene.devo.errors = [ServerError("x"), ServerError("x")]
    scene.confirmed("ab").complete()
    assert scene.devo.took == list("ab")
    assert scene.recorded("ab") == list("ab")


def test_query_that_keeps_failing_sends_nothing_again(scene: Scene) -> None:
    """Events that could not be queried for need not be missing, however long the failure lasts."""
    scene.devo.errors = [ServerError("x")] * 1000
    with pytest.raises(DeliveryError, match=r"shows 0 of 2 confirmed events after 1 sends"):
        scene.confirmed("ab").complete()
    assert scene.devo.took == list("ab")


def test_query_that_is_refused_ends_the_run(scene: Scene) -> None:
    """A refused query marks no event as missing: all lines stay kept until the token is corrected."""
    scene.devo.errors = [AuthenticationError("x")]
    with pytest.raises(AuthenticationError):
        scene.confirmed("ab").complete()
    assert scene.devo.took == list("ab")
    assert [len(batch.pairs) for batch in scene.unverified.batches()] == [2]


def test_ids_in_quotes(scene: Scene) -> None:
    """An id that Devo shows as JSON text, in its quotes, is the same id."""
    scene.devo.quotes = '"{}"'
    scene.confirmed("ab").complete()
    assert scene.devo.took == list("ab")


def test_line_without_id_counts_as_seen(scene: Scene) -> None:
    """A line without an id cannot be queried for; its confirmation is enough."""
    entry = entry_of("digest of its content", None)
    verification = scene.verification()
    with verification.adding([(entry, b'{"other":1}\n')], at=START):
        pass
    verification.complete()
    assert entry in scene.ledger
    assert scene.devo.queried == []


@pytest.mark.parametrize(
    ("by_event_time", "since"),
    [(False, START - timedelta(minutes=5)), (True, HOUR)],
    ids=["by arrival", "by event"],
)
def test_span_of_the_query(scene: Scene, by_event_time: bool, since: datetime) -> None:
    """It begins before the first arrival, by a clock that may differ, or with the hour of the oldest event."""
    scene.confirmed("ab", by_event_time=by_event_time).complete()
    assert scene.devo.queried == [since]


def test_two_events_of_one_id(scene: Scene) -> None:
    """Two events that share an id, at different times, are both in the ledger once the id is shown."""
    pairs = [(entry_of("a", hours * 3_600_000_000), b'{"id":"a"}\n') for hours in (1, 2)]
    scene.devo.table["a"] = 2
    verification = scene.verification()
    with verification.adding(pairs, at=START):
        pass
    verification.complete()
    assert all(entry in scene.ledger for entry, _ in pairs)
    assert verification.verified == 2


def test_many_batches_are_verified_before_the_end(scene: Scene) -> None:
    """At most a hundred batches are pending at once."""
    verification = scene.verification()
    kept = 0
    for number in range(250):
        scene.devo.table[str(number)] += 1
        with verification.adding([pair_of(str(number))], at=START):
            pass
        kept = max(kept, len(list((scene.directory / "unverified").iterdir())))
    assert kept == 99
    assert verification.verified == 200
    verification.complete()
    assert verification.verified == 250


def test_pending_event_is_known(scene: Scene) -> None:
    """A confirmed event that is not seen yet is not sent a second time by the same run."""
    verification = scene.confirmed("a")
    assert pair_of("a")[0] in verification
    assert pair_of("b")[0] not in verification


@pytest.mark.parametrize("quotes", ["{}", '"{}"'])
@pytest.mark.parametrize("lost", [1, "1"])
def test_events_that_the_table_cannot_tell_apart_are_seen_together(scene: Scene, quotes: str, lost: str | int) -> None:
    """Of the ids 1 and "1" the table shows one text. Both are sent again until it shows as many events as were sent."""
    scene.devo.quotes = quotes
    scene.devo.loses[lost] = 1
    pairs = [pair_of(each) for each in (1, "1")]
    scene.confirmed([1, "1"]).complete()
    assert Counter(scene.devo.took) == {1: 2, "1": 2}
    assert all(entry in scene.ledger for entry, _ in pairs)


@pytest.mark.parametrize("identity", ["", " ", "\t", 0, -1, 0.0, True, False, None, [], {}], ids=str)
def test_event_without_id_is_recorded_when_it_is_confirmed(scene: Scene, identity: Any) -> None:
    """A value that is no id cannot be queried for, so nothing is waited for and nothing is sent again."""
    entry = entry_of("digest of its content", None)
    verification = scene.verification()
    with verification.adding([(entry, codec.encode({"id": identity}) + b"\n")], at=START):
        pass
    verification.complete()
    assert entry in scene.ledger
    assert (scene.slept_s, verification.sent_again) == (0, 0)


@pytest.mark.parametrize(
    ("line", "identity"),
    [
        (b'{"id":"a"}\n', "a"),
        (b'{"id":7}\n', "7"),
        (b'{"id":"0"}\n', "0"),
        *((b'{"id":%s}\n' % value, None) for value in (b"null", b'""', b'" "', b"0", b"-1", b"[]", b"{}", b"true")),
        (b"{}\n", None),
    ],
)
def test_id_of_a_line(line: bytes, identity: str | None) -> None:
    """The id is the text that Devo shows, or None."""
    assert EventTable(queries=FakeDevo(), tag="t", id_field="id").id_of(line) == identity
