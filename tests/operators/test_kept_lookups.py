"""A lookup with `keep_days` in Devo: what is old goes with a rebuild, and does not come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.dag_factory import indicator_dag
from sandbox.dataset.documents import indicators
from sandbox.generations import IGNITE_V2
from tests.conftest import RunDag
from tests.operators.conftest import StartWorld
from tests.operators.state_runs import services
from tests.operators.test_streams_apart import COUNT, PERIOD, World

pytestmark = pytest.mark.airflow

NOW = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC)
DAY = timedelta(days=1)
OLD = NOW - 20 * DAY


class KeepingWorld(World):
    """Old indicators beside the new ones, in runs of any period."""

    def start(self) -> None:
        super().start()
        self.flashpoints["flashpoint_one"].store.publish_indicators(
            indicators(1, COUNT, OLD, OLD + PERIOD, types=("domain",))
        )

    def run(self, end: datetime, **arguments: Any) -> str:
        self.end = end
        return str(self.lookup(initial_start_time=OLD, **arguments)["operation"])


@pytest.fixture
def world(start_world: StartWorld) -> Any:
    return start_world(KeepingWorld)


def test_what_is_old_goes_and_stays_away(world: KeepingWorld) -> None:
    """The rebuild of a day removes old rows; reruns, explicit windows and backfills of old times bring none back."""
    keep = {"keep": 10 * DAY}
    assert world.run(NOW - DAY) == "create"
    assert world.run(NOW) == "append"
    everything = world.rows("devo_acme")
    assert world.run(NOW, **keep) == "replace"
    kept = world.rows("devo_acme")
    assert 0 < kept < everything
    assert world.run(NOW, **keep) == "append"  # a rerun, and every other run of the day
    assert world.run(NOW - 2 * PERIOD, **keep) in ("append", "none")
    for conf, end in (
        (None, OLD + PERIOD),
        ({"from": OLD.isoformat(), "to": (OLD + DAY).isoformat()}, NOW),
    ):
        world.conf = conf
        with pytest.raises(AirflowSkipException, match="Nothing is read: the lookup keeps what changed since"):
            world.run(end, **keep)
    assert world.rows("devo_acme") == kept
    world.conf = {"from": OLD.isoformat(), "to": NOW.isoformat()}
    assert world.run(NOW, **keep) == "append"
    assert world.rows("devo_acme") == kept


def test_a_new_lookup_begins_with_what_it_keeps(world: KeepingWorld) -> None:
    """It holds no row that its first rebuild would remove."""
    assert world.run(NOW, keep=10 * DAY) == "create"
    kept = world.rows("devo_acme")
    world.variables.clear()
    assert world.run(NOW) == "replace"
    assert 0 < kept < world.rows("devo_acme")


def test_a_run_of_an_old_window_succeeds_without_a_lookup(
    airflow_database: None, run_dag: RunDag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pull and sync are skipped, so that a backfill of old times ends well, and no lookup comes into being."""
    with services(monkeypatch, IGNITE_V2) as sandbox:
        service = {
            "lookups": [{"domain": {"keep_days": 10, "lookup_name": "Of_Old_Windows"}}],
            "staging_uri": tmp_path.as_uri(),
        }
        config = parse_collector_config({"flashpoint_indicator": service})
        assert config.indicators
        conf = {"from": OLD.isoformat(), "to": (OLD + DAY).isoformat()}
        assert run_dag(indicator_dag(config.indicators), NOW, conf).state == "success"
        assert not sandbox.devo.lookups.names()


def test_the_file_sets_both_times(tmp_path: Path) -> None:
    """`keep_days` and `rebuild_every_days` of the file reach the pull and the sync of each lookup."""
    service = {
        "lookups": [{"domain": {"keep_days": 30, "rebuild_every_days": 7}}, {"url": {}}],
        "keep_days": 90,
        "staging_uri": tmp_path.as_uri(),
    }
    config = parse_collector_config({"flashpoint_indicator": service})
    assert config.indicators
    dag = indicator_dag(config.indicators)
    found = {task.task_id: (task.keep.days, task.rebuild_every.days) for task in dag.tasks if hasattr(task, "keep")}
    assert found == {"pull_domain": (30, 7), "sync_domain": (30, 7), "pull_url": (90, 1), "sync_url": (90, 1)}
