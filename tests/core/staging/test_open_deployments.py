"""Notes of deployments whose end is not known: when they stay, when they are over, and that they are few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.staging.indicators.open_deployments import OpenDeployments
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    DeliveryError,
    NetworkError,
    RateLimitedError,
    RejectedError,
    ServerError,
    StageError,
    SupersededError,
    TransientError,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(NOW - HOUR, NOW)


class Killed(BaseException):
    """The end of a process, as its own code sees it."""


def kinds(notes: OpenDeployments) -> list[str]:
    return ["answered" if note.is_answered else "open" for note in notes.of_others(NOW)]


def deploy(
    notes: OpenDeployments,
    error: BaseException | None = None,
    *,
    at: datetime = NOW,
    window: Window = WINDOW,
    builds: bool = False,
    failures: tuple[BaseException, ...] = (),
) -> None:
    """Send once, and again after each failure; then end, or raise the error."""
    clock = Clock(now=lambda: at)
    with notes.noted(window, builds=builds, clock=clock, check=lambda: None) as before_sending:
        for failure in (None, *failures):
            before_sending(failure)
        if error:
            raise error


@pytest.mark.parametrize(
    ("error", "failures", "left"),
    [
        (None, [], []),
        (None, [ServerError("x"), RateLimitedError("x")], []),
        (None, [NetworkError("x")], ["open"]),
        (None, [DeliveryError("x"), ServerError("x")], ["open"]),
        (RejectedError("x"), [], []),
        (AuthenticationError("x"), [ServerError("x")], []),
        (RejectedError("x"), [NetworkError("x")], ["open"]),
        (ConfigurationError("x"), [], []),
        (StageError("x"), [], []),
        (TransientError("the job did not end"), [], ["answered"]),
        (ServerError("x"), [], ["answered"]),
        (RateLimitedError("x"), [], ["answered"]),
        (SupersededError("x"), [], ["answered"]),
        (SupersededError("x"), [NetworkError("x")], ["open"]),
        (NetworkError("x"), [], ["open"]),
        (DeliveryError("x"), [], ["open"]),
        (Killed(), [], ["open"]),
        (OSError("x"), [], ["open"]),
        (RuntimeError("x"), [ServerError("x")], ["open"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else repr(value),
)
def test_a_note_stays_while_a_request_may_be_under_way(
    tmp_path: Path, error: BaseException | None, failures: list[BaseException], left: list[str]
) -> None:
    """A request without an answer may take effect later; one that was answered needs at most one repair."""
    notes = OpenDeployments(tmp_path / "notes")
    try:
        deploy(notes, error, failures=tuple(failures))
    except BaseException as raised:
        assert raised is error
    assert kinds(notes) == left


def test_the_note_is_there_before_the_turn_is_checked(tmp_path: Path) -> None:
    """Either a newer attempt finds the note, or this one finds that it lost its turn; then nothing was sent."""
    notes, seen = OpenDeployments(tmp_path / "notes"), []

    def check() -> None:
        seen.extend(kinds(notes))
        raise SupersededError("x")

    with (
        pytest.raises(SupersededError),
        notes.noted(WINDOW, builds=False, clock=Clock(), check=check) as before_sending,
    ):
        before_sending(None)
    assert (seen, kinds(notes)) == (["open"], [])


@pytest.mark.parametrize(
    ("begun_ago", "is_over"),
    [
        (timedelta(), False),
        (HOUR, False),
        (1.01 * HOUR, True),
        (-HOUR, False),
        (-1.01 * HOUR, True),
        (400 * HOUR, True),
    ],
)
def test_an_hour_later_no_request_takes_effect(tmp_path: Path, begun_ago: timedelta, is_over: bool) -> None:
    """A note is over an hour after its begin, and one far ahead of the clock at once."""
    notes = OpenDeployments(tmp_path / "notes")
    with pytest.raises(NetworkError):
        deploy(notes, NetworkError("x"), at=NOW - begun_ago)
    (note,) = notes.of_others(NOW)
    assert note.is_over(NOW) == is_over
    notes.settle([note], rebuilt=False, began_at=NOW)
    assert notes.of_others(NOW) == ([] if is_over else [note])


@pytest.mark.parametrize("rebuilt", [False, True])
def test_a_build_is_repaired_by_a_build_alone(tmp_path: Path, rebuilt: bool) -> None:
    """Rows that are added do not undo the replacement of a whole lookup."""
    notes = OpenDeployments(tmp_path / "notes")
    with pytest.raises(ServerError):
        deploy(notes, ServerError("x"), builds=True)
    notes.settle(notes.of_others(NOW), rebuilt=rebuilt, began_at=NOW)
    assert kinds(notes) == ([] if rebuilt else ["answered"])


def test_of_many_notes_that_are_over_the_earliest_of_each_kind_is_enough(tmp_path: Path) -> None:
    """The number of notes does not grow with the time for which Devo does not answer."""
    notes = OpenDeployments(tmp_path / "notes")
    for number in range(30):
        start = NOW - (100 + number) * HOUR
        with pytest.raises(NetworkError):
            window = Window(start, start + HOUR)
            deploy(notes, NetworkError("x"), at=start + HOUR, window=window, builds=number % 2 == 1)
    starts = {(note.builds, note.start) for note in notes.of_others(NOW)}
    assert starts == {(False, NOW - 128 * HOUR), (True, NOW - 129 * HOUR)}
    assert len(list((tmp_path / "notes").iterdir())) == 2


@pytest.mark.parametrize("name", ["x", "a-b-c-d", "20260101-1-2-append", ".hidden", "é-é-é-é", "-----"])
def test_foreign_files_are_no_notes(tmp_path: Path, name: str) -> None:
    """Whatever else stands beside the notes stops no sync."""
    (tmp_path / name).write_bytes(b"")
    assert OpenDeployments(tmp_path).of_others(NOW) == []


def test_a_preview_leaves_nothing(tmp_path: Path) -> None:
    """A read-only one reads the notes, and neither writes nor removes any."""
    with pytest.raises(ServerError):
        deploy(OpenDeployments(tmp_path), ServerError("x"))
    before = list(tmp_path.iterdir())
    notes = OpenDeployments(tmp_path, read_only=True)
    deploy(notes)
    notes.settle(notes.of_others(NOW), rebuilt=True, began_at=NOW)
    assert (list(tmp_path.iterdir()), kinds(notes)) == (before, ["answered"])


@pytest.mark.parametrize("hours", [(0, 1), (-24, -23), (-9000, -8999), (0, 0.5), (-1, 30)])
def test_a_note_holds_the_window_of_its_rows(tmp_path: Path, hours: tuple[float, float]) -> None:
    """A later sync knows the window to bring again, and reads nothing beyond it for the note."""
    window = Window(*(NOW + hour * HOUR for hour in hours))
    notes = OpenDeployments(tmp_path)
    with pytest.raises(Killed):
        deploy(notes, Killed(), window=window)
    (note,) = notes.of_others(NOW)
    assert Window(note.start, note.end) == window


@pytest.mark.parametrize("error", [NetworkError("x"), ServerError("x")])
@pytest.mark.parametrize("ends", [(9, 2), (2, 9), (2, 5, 9), (9, 5, 2), (5, 9, 2), (3, 3)])
def test_notes_that_are_over_leave_one_over_all_of_their_windows(
    tmp_path: Path, error: Exception, ends: tuple[int, ...]
) -> None:
    """None of the rows of the notes that are removed is forgotten, however often the notes are read."""
    notes = OpenDeployments(tmp_path)
    for number, end in enumerate(ends):
        window = Window(NOW - (20 - number) * HOUR, NOW - end * HOUR)
        with pytest.raises(type(error)):
            deploy(notes, error, at=NOW - 2 * HOUR, window=window)
    for _ in range(2):
        (note,) = notes.of_others(NOW)
        assert (note.start, note.end) == (NOW - 20 * HOUR, NOW - min(ends) * HOUR)
    notes.settle([note], rebuilt=False, began_at=NOW)
    assert list(tmp_path.iterdir()) == []
