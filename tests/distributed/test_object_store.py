"""An object store as the staging storage, seen by two machines at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_flashpoint.airflow_runtime.staging import staging_root, storage_path
from airflow_provider_flashpoint.core.staging.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.stage import MANIFEST, Stage, StageWriter, prune_stages
from airflow_provider_flashpoint.core.staging.storage import StoragePath, list_names, read_whole, write_whole
from airflow_provider_flashpoint.core.window import Window
from tests.distributed.object_store import ObjectStore

pytestmark = [pytest.mark.airflow, pytest.mark.distributed]

NOW = datetime(2026, 1, 2, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(hours=1), NOW)
ROWS = [{"value.domain": f"{number}.example"} for number in range(10)]


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with ObjectStore() as store:
        yield store


@pytest.fixture
def machines(store: ObjectStore, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> list[StoragePath]:
    """The same directory by way of two connections, each of which has a file system of its own, as machines have."""
    for name in ("one", "other"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", store.connection())
    return [staging_root(store.staging_uri(name)) / request.node.name for name in ("one", "other")]


def test_what_another_machine_wrote_is_listed_at_once(machines: list[StoragePath]) -> None:
    """A directory that was listed before is listed anew, since its files come from everywhere."""
    one, other = machines
    write_whole(one / "1", b"")
    assert list_names(one) == list_names(other) == ["1"]
    write_whole(one / "2", b"")
    assert list_names(other) == ["1", "2"]


def test_a_directory_that_is_not_there_has_no_names(machines: list[StoragePath]) -> None:
    """What was never written is empty, as on a disk."""
    assert list_names(machines[0]) == []


def test_a_file_that_is_not_there_is_told_as_on_a_disk(machines: list[StoragePath]) -> None:
    """Callers know a missing file by one error, wherever it should be."""
    with pytest.raises(FileNotFoundError):
        read_whole(machines[0] / "1")


def test_a_stage_of_one_machine_is_read_by_another(machines: list[StoragePath]) -> None:
    """The address in the summary is enough to find the rows."""
    writer = StageWriter(machines[0], window=WINDOW, pulled_at=NOW, rows_per_part=3)
    writer.add(ROWS[:5])
    writer.add(ROWS[5:])
    summary = writer.finish()
    elsewhere = summary.uri.replace("//one@", "//other@")
    assert list(Stage(storage_path(elsewhere), summary).rows()) == ROWS


def test_a_newer_stage_of_a_window_takes_the_place_of_that_of_another_machine(machines: list[StoragePath]) -> None:
    """One stage of a window is left, and all of it is there."""
    for machine, pulled_at in zip(machines, (NOW, NOW + timedelta(seconds=1)), strict=True):
        writer = StageWriter(machine, window=WINDOW, pulled_at=pulled_at)
        writer.add(ROWS)
        writer.finish()
    (window,) = list_names(machines[0])
    (stage,) = list_names(machines[0] / window)
    assert stage == writer.directory.name
    assert MANIFEST in list_names(machines[0] / window / stage)


def test_an_abandoned_stage_leaves_nothing(machines: list[StoragePath]) -> None:
    """A pull that fails leaves no file behind."""
    writer = StageWriter(machines[0], window=WINDOW, pulled_at=NOW, rows_per_part=3)
    writer.add(ROWS)
    writer.abandon()
    assert list_names(machines[0]) == []


def test_old_stages_are_pruned_by_any_machine(machines: list[StoragePath]) -> None:
    """What one machine left is removed by another once its time is over."""
    writer = StageWriter(machines[0], window=WINDOW, pulled_at=NOW)
    writer.add(ROWS)
    writer.finish()
    assert prune_stages(machines[1], before=NOW + timedelta(days=1)) == 1
    assert list_names(machines[0]) == []


def test_an_alert_that_another_machine_confirmed_meanwhile_is_known_after_a_refresh(
    machines: list[StoragePath],
) -> None:
    """Two machines that deliver the same window at once see each other's confirmations."""
    one, other = map(EventLedger, machines)
    first, second = entry_of("1", 0), entry_of("2", 0)
    one.add([first], at=NOW)
    assert first in one
    assert second not in one
    other.add([second], at=NOW)
    one.refresh([second])
    assert second in one
