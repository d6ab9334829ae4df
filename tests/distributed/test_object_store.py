"""An object store as the staging storage of two machines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_flashpoint.airflow_runtime.storage.staging import staging_root, storage_path
from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.folders import list_files, list_names
from airflow_provider_flashpoint.core.staging.indicators.stage import MANIFEST, Stage
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.staging.prune import prune_stages
from airflow_provider_flashpoint.core.staging.storage import StoragePath, read_whole, write_whole
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
    """The same directory through two connections: each has a separate file system object, like two machines."""
    for name in ("one", "other"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", store.connection())
    return [staging_root(store.staging_uri(name)) / request.node.name for name in ("one", "other")]


def test_files_of_another_machine_are_listed_at_once(machines: list[StoragePath]) -> None:
    """A list of names is not cached, because other machines write files too."""
    one, other = machines
    write_whole(one / "1", b"")
    assert list_names(one) == list_names(other) == ["1"]
    write_whole(one / "2", b"")
    assert list_names(other) == ["1", "2"]


def test_a_missing_directory_has_no_names(machines: list[StoragePath]) -> None:
    """The list of names of a missing directory is empty, as on a disk."""
    assert list_names(machines[0]) == []


def test_a_missing_file_is_the_same_error_as_on_a_disk(machines: list[StoragePath]) -> None:
    """A missing file raises FileNotFoundError on every storage."""
    with pytest.raises(FileNotFoundError):
        read_whole(machines[0] / "1")


def test_a_stage_of_one_machine_is_read_by_another(machines: list[StoragePath]) -> None:
    """The address in the stage summary is enough to read the rows."""
    writer = StageWriter(machines[0], window=WINDOW, pulled_at=NOW, rows_per_part=3)
    writer.add(ROWS[:5])
    writer.add(ROWS[5:])
    summary = writer.finish()
    elsewhere = summary.uri.replace("//one@", "//other@")
    assert list(Stage(storage_path(elsewhere), summary).rows()) == ROWS


def test_a_newer_stage_of_a_window_replaces_that_of_another_machine(machines: list[StoragePath]) -> None:
    """Only the newest stage of a window remains, and it is complete."""
    for machine, pulled_at in zip(machines, (NOW, NOW + timedelta(seconds=1)), strict=True):
        writer = StageWriter(machine, window=WINDOW, pulled_at=pulled_at)
        writer.add(ROWS)
        writer.finish()
    manifests = [Path(name) for name in list_files(machines[0]) if name.endswith(MANIFEST)]
    assert [manifest.parent.name for manifest in manifests] == [writer.directory.name]


def test_an_abandoned_stage_leaves_nothing(machines: list[StoragePath]) -> None:
    """A pull that fails leaves no file behind."""
    writer = StageWriter(machines[0], window=WINDOW, pulled_at=NOW, rows_per_part=3)
    writer.add(ROWS)
    writer.abandon()
    assert list_names(machines[0]) == []


def test_old_stages_are_pruned_by_any_machine(machines: list[StoragePath]) -> None:
    """Each machine removes the old stages of the others."""
    writer = StageWriter(machines[0], window=WINDOW, pulled_at=NOW)
    writer.add(ROWS)
    writer.finish()
    assert prune_stages(machines[1], before=NOW + timedelta(days=1)) == 1
    assert list_names(machines[0]) == []


def test_a_refresh_adds_events_that_another_machine_confirmed(machines: list[StoragePath]) -> None:
    """Two machines that deliver the same window at once read each other's ledger entries."""
    one, other = map(EventLedger, machines)
    first, second = entry_of("1", 0), entry_of("2", 0)
    one.add([first], at=NOW)
    assert first in one
    assert second not in one
    other.add([second], at=NOW)
    one.refresh([second])
    assert second in one
