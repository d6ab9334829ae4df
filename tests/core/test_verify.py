"""Proof of arrival: on record is what the table shows, sent again is what it lacks, and nothing else."""

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
from airflow_provider_flashpoint.core.pipelines.verify import Verification, id_under
from airflow_provider_flashpoint.core.staging.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.kept_lines import KeptLines, Pair
from airflow_provider_flashpoint.errors import AuthenticationError, DeliveryError, ServerError, SupersededError

START = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = datetime(2026, 1, 1, 5, tzinfo=UTC)


@dataclass
class FakeDevo:
    """A front door that takes all, and a table that shows it late, and loses what it is told to."""

    loses: Counter[str] = field(default_factory=Counter)
    blind_polls: int = 0
    errors: list[Exception] = field(default_factory=list)
    quotes: str = "{}"
    took: list[str] = field(default_factory=list)
    table: Counter[str] = field(default_factory=Counter)
    asked: list[datetime] = field(default_factory=list)
    _written: list[str] = field(default_factory=list)

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

    def shown(self, since: datetime) -> Iterator[tuple[str, int]]:
        self.asked.append(since)
        if self.errors:
            raise self.errors.pop(0)
        if self.blind_polls:
            self.blind_polls -= 1
            return
        for each, count in self.table.items():
            yield self.quotes.format(each), count


@dataclass
class Scene:
    """One run after another over the same directory; time passes only where it is waited for."""

    directory: Path
    devo: FakeDevo = field(default_factory=FakeDevo)
    slept_s: float = 0.0

    @property
    def ledger(self) -> EventLedger:
        return EventLedger(self.directory / "ledger")

    @property
    def unverified(self) -> KeptLines:
        return KeptLines(self.directory / "unverified", max_batches=None)

    def verification(self, **options: Any) -> Verification:
        return Verification(
            unverified=self.unverified,
            ledger=self.ledger,
            writer=self.devo,
            shown=self.devo.shown,
            id_of=id_under("id"),
            now=lambda: START + timedelta(seconds=self.slept_s),
            clock=lambda: self.slept_s,
            sleep=self.sleep,
            **options,
        )

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds

    def confirmed(self, ids: Iterable[str], **options: Any) -> Verification:
        """Return the verification of a run whose lines were just confirmed."""
        pairs = [pair_of(each) for each in ids]
        self.devo.write(line for _, line in pairs)
        self.devo.confirm()
        verification = self.verification(**options)
        verification.add(pairs, sent_from=START)
        return verification

    def recorded(self, ids: Iterable[str]) -> list[str]:
        ledger = self.ledger
        return [each for each in ids if pair_of(each)[0] in ledger]


def pair_of(identity: str) -> Pair:
    return entry_of(identity, int(HOUR.timestamp() * 1_000_000)), codec.encode({"id": identity}) + b"\n"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_nothing_is_sent_again_where_all_is_shown(scene: Scene) -> None:
    """Where the table shows everything it is on record, was sent once, and nothing is kept."""
    verification = scene.confirmed("abc")
    assert scene.recorded("abc") == []
    verification.settle()
    assert (scene.devo.took, scene.recorded("abc")) == (list("abc"), list("abc"))
    assert (verification.verified, verification.sent_again) == (3, 0)
    assert list(scene.unverified.batches()) == []
    assert scene.slept_s == 0


def test_exactly_what_is_missing_is_sent_again(scene: Scene) -> None:
    """What was confirmed and lost is sent again, and nothing that is there."""
    scene.devo.loses.update("bd")
    verification = scene.confirmed("abcde")
    verification.settle()
    assert scene.devo.took == [*"abcde", *"bd"]
    assert scene.devo.table == Counter("abcde")
    assert scene.recorded("abcde") == list("abcde")
    assert (verification.verified, verification.sent_again) == (5, 2)


def test_what_is_late_is_waited_for(scene: Scene) -> None:
    """Events that are indexed late are not sent again as long as they come within the patience."""
    scene.devo.blind_polls = 5
    scene.confirmed("abc").settle()
    assert scene.devo.took == list("abc")
    assert 0 < scene.slept_s < 120


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 2), min_size=1), st.integers(0, 4))
@settings(deadline=None)
def test_whatever_is_lost_arrives_once(losses: dict[str, int], blind_polls: int) -> None:
    """Whatever is lost up to twice, and however late the table is, in the end it shows each alert exactly once."""
    with tempfile.TemporaryDirectory() as directory:
        scene = Scene(Path(directory), FakeDevo(loses=Counter(losses), blind_polls=blind_polls))
        scene.confirmed(losses).settle()
        assert scene.devo.table == Counter(list(losses))
        assert scene.recorded(losses) == list(losses)
        assert Counter(scene.devo.took) == {each: count + 1 for each, count in losses.items()}


def test_what_never_shows_is_an_error_with_counts(scene: Scene) -> None:
    """After the last send the error tells the counts; what was seen is on record, and the rest stays kept."""
    scene.devo.loses["b"] = 99
    with pytest.raises(DeliveryError, match=r"shows 2 of 3 alerts .* after 3 sends .* other 1 are kept") as raised:
        scene.confirmed("abc").settle()
    assert raised.value.unconfirmed == 1
    assert scene.devo.took == [*"abc", "b", "b"]
    assert scene.recorded("abc") == ["a", "c"]
    assert len(list(scene.unverified.batches())) == 1


def test_next_run_asks_only_for_what_was_missing(scene: Scene) -> None:
    """What one run gave up on is found by the next, which sends nothing that has arrived meanwhile."""
    scene.devo.blind_polls = 99
    with pytest.raises(DeliveryError):
        scene.confirmed("abc", max_sends=1).settle()
    scene.devo.blind_polls = 0
    verification = scene.verification()
    verification.settle()
    assert scene.devo.took == list("abc")
    assert (verification.verified, list(scene.unverified.batches())) == (3, [])


def test_run_that_was_killed_leaves_what_it_confirmed_to_the_next(scene: Scene) -> None:
    """What was confirmed by a run that could not ask any more is asked for, and sent again where it is missing."""
    scene.devo.loses["a"] = 1
    scene.confirmed("abc")  # and no more
    scene.verification().settle()
    assert scene.devo.took == [*"abc", "a"]
    assert scene.recorded("abc") == list("abc")


def test_what_another_run_saw_is_not_asked_for(scene: Scene) -> None:
    """An alert that came on record meanwhile is not missed, though the table does not show it in this span."""
    verification = scene.confirmed("ab")
    scene.ledger.add([pair_of("a")[0]], at=START)
    del scene.devo.table["a"]
    verification.settle()
    assert scene.devo.took == list("ab")


def test_run_that_may_not_send_sends_nothing_again(scene: Scene) -> None:
    """A run that has to make way for another leaves what is missing to that one."""

    def refuse() -> None:
        raise SupersededError("another has begun")

    scene.devo.loses["a"] = 1
    with pytest.raises(SupersededError):
        scene.confirmed("ab", before_sending=refuse).settle()
    assert scene.devo.took == list("ab")
    assert len(list(scene.unverified.batches())) == 1


def test_time_is_bounded(scene: Scene) -> None:
    """However patient, asking ends with the timeout, and nothing is sent again after it."""
    scene.devo.loses["b"] = 99
    with pytest.raises(DeliveryError, match=r"after 1 sends and 6. s"):
        scene.confirmed("ab", timeout_s=60, patience_s=1000).settle()
    assert scene.slept_s < 60 + 30
    assert scene.devo.took == list("ab")


def test_query_that_fails_for_a_while_is_asked_again(scene: Scene) -> None:
    """A query that fails in a way that may pass is asked again."""
    scene.devo.errors = [ServerError("x"), ServerError("x")]
    scene.confirmed("ab").settle()
    assert scene.devo.took == list("ab")
    assert scene.recorded("ab") == list("ab")


def test_query_that_keeps_failing_sends_nothing_again(scene: Scene) -> None:
    """What could not be asked for need not be missing, however long that lasts."""
    scene.devo.errors = [ServerError("x")] * 1000
    with pytest.raises(DeliveryError, match=r"shows 0 of 2 alerts .* after 1 sends"):
        scene.confirmed("ab").settle()
    assert scene.devo.took == list("ab")


def test_query_that_is_refused_ends_the_run(scene: Scene) -> None:
    """Where the query is refused nothing is taken for missing: all stays kept for when the token is mended."""
    scene.devo.errors = [AuthenticationError("x")]
    with pytest.raises(AuthenticationError):
        scene.confirmed("ab").settle()
    assert scene.devo.took == list("ab")
    assert [len(batch.pairs) for batch in scene.unverified.batches()] == [2]


def test_ids_in_quotes(scene: Scene) -> None:
    """An id that Devo shows as JSON text, in its quotes, is the same id."""
    scene.devo.quotes = '"{}"'
    scene.confirmed("ab").settle()
    assert scene.devo.took == list("ab")


def test_line_without_id_counts_as_seen(scene: Scene) -> None:
    """A line that has no id cannot be asked for; its confirmation has to do."""
    entry = entry_of("digest of its content", None)
    verification = scene.verification()
    verification.add([(entry, b'{"other":1}\n')], sent_from=START)
    verification.settle()
    assert entry in scene.ledger
    assert scene.devo.asked == []


@pytest.mark.parametrize(
    ("by_event_time", "since"),
    [(False, START - timedelta(minutes=5)), (True, HOUR)],
    ids=["by arrival", "by event"],
)
def test_span_that_is_asked_for(scene: Scene, by_event_time: bool, since: datetime) -> None:
    """It begins before the first arrival, by a clock that may differ, or with the hour of the oldest alert."""
    scene.confirmed("ab", by_event_time=by_event_time).settle()
    assert scene.devo.asked == [since]


def test_two_alerts_of_one_id(scene: Scene) -> None:
    """Two alerts that share an id, at different times, are both on record once the id is shown."""
    pairs = [(entry_of("a", hours * 3_600_000_000), b'{"id":"a"}\n') for hours in (1, 2)]
    scene.devo.table["a"] = 2
    verification = scene.verification()
    verification.add(pairs, sent_from=START)
    verification.settle()
    assert all(entry in scene.ledger for entry, _ in pairs)
    assert verification.verified == 2


def test_much_is_settled_on_the_way(scene: Scene) -> None:
    """Of many batches never more than a hundred are awaited at once."""
    verification = scene.verification()
    kept = 0
    for number in range(250):
        scene.devo.table[str(number)] += 1
        verification.add([pair_of(str(number))], sent_from=START)
        kept = max(kept, len(list((scene.directory / "unverified").iterdir())))
    assert kept == 99
    assert verification.verified == 200
    verification.settle()
    assert verification.verified == 250


def test_pending_alert_is_known(scene: Scene) -> None:
    """What was confirmed and is not seen yet is not sent a second time by the same run."""
    verification = scene.confirmed("a")
    assert pair_of("a")[0] in verification
    assert pair_of("b")[0] not in verification


@pytest.mark.parametrize(
    ("line", "identity"),
    [(b'{"id":"a"}\n', "a"), (b'{"id":7}\n', "7"), (b'{"id":null}\n', None), (b"{}\n", None)],
)
def test_id_of_a_line(line: bytes, identity: str | None) -> None:
    """The id is a text as Devo shows it; none is none."""
    assert id_under("id")(line) == identity
