"""This version continues from the files of version 0.1.0: Variables, ledgers, a stage, unsent lines.

`home_of_0_1_0` was written by version 0.1.0. Its runs delivered the first of two periods, staged the indicators of the
second, and kept the alerts of the second as unsent lines.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.staging.indicators.stage import Stage, StageSummary
from airflow_provider_flashpoint.dag_factory import alert_dag, indicator_dag
from airflow_provider_flashpoint.hooks import DevoHook
from sandbox.devo.settings import DevoSettings
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_lookup
from tests.conftest import RunDag, event_variable, lookup_variable, sandbox_key
from tests.csv_file import write_csv

pytestmark = pytest.mark.airflow

HOME = Path(__file__).parent / "home_of_0_1_0"
START = datetime(2026, 11, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=5)
TAG = "threatintel.flashpoint.intelligence.alerts"
LOOKUP = "Threatintel_Flashpoint_Intelligence_Domain"
LOOKUP_VARIABLE = lookup_variable(sandbox_key(LOOKUP))
ALERTS_VARIABLE = event_variable(sandbox_key(TAG))


def kept(name: str) -> Any:
    return json.loads((HOME / name).read_text())


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """A copy of the staging storage of the old version."""
    return Path(shutil.copytree(HOME / "staging", tmp_path / "staging"))


@pytest.fixture
def sandbox(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both services with their data at the time of the old version, and Airflow with the old Variables."""
    from airflow.models.variable import Variable

    published = kept("flashpoint.json")
    with Sandbox(devo=DevoSettings(job_polls=0)) as running:
        running.flashpoint.store.publish_indicators(published["indicators"])
        running.flashpoint.store.publish_alerts(published["alerts"])
        for name, text in running.airflow_connections().items():
            monkeypatch.setenv(name, text)
        _fill_lookup()
        for name, text in kept("variables.json").items():
            Variable.set(name, text)
        yield running
    for name in (LOOKUP_VARIABLE, ALERTS_VARIABLE):
        Variable.delete(name)


def _fill_lookup() -> None:
    content = kept("devo.json")["lookup"]
    key, *_ = content["columns"]
    rows = [dict(zip(content["columns"][:-1], row, strict=False)) for row in content["rows"]]
    with tempfile.TemporaryFile() as file:
        write_csv(rows, content["columns"], key, file)
        file.seek(0)
        DevoHook().lookups().deploy(
            LOOKUP, columns=content["columns"], key=key, csv_file=file, operation=Operation.CREATE
        )


@pytest.fixture
def run(run_dag: RunDag, staging: Path) -> Callable[[str, int], str]:
    """A function that runs a period of a DAG, by its number, on the old staging storage."""
    common = {
        "initial_start_time": START.isoformat(),
        "request_period_in_seconds": PERIOD.total_seconds(),
        "staging_uri": staging.as_uri(),
    }
    config = parse_collector_config({
        "flashpoint_indicator": {**common, "lookups": [{"domain": {"lookup_key": "value.domain"}}]},
        "flashpoint_alert": {**common, "ledger_retention_days": 3650},
    })
    assert config.indicators
    assert config.alerts
    dags = {"indicators": indicator_dag(config.indicators), "alerts": alert_dag(config.alerts)}

    def run_period(kind: str, number: int) -> str:
        return str(run_dag(dags[kind], START + (number + 1) * PERIOD).state)

    return run_period


def state(variable: str) -> dict[str, Any]:
    from airflow.models.variable import Variable

    return dict(json.loads(Variable.get(variable)))


def test_lookup_is_continued(run: Callable[[str, int], str], sandbox: Sandbox) -> None:
    """New runs append to the lookup with its existing columns, and a rerun restores no old value."""
    before = json.loads(kept("variables.json")[f"flashpoint_lookup__{LOOKUP}"])
    assert [run("indicators", 1), run("indicators", 0)] == ["success", "success"]
    verdict = judge_lookup(sandbox, LOOKUP, indicator_type="domain")
    assert verdict.is_good
    assert [str(job.operation) for job in sandbox.devo.lookups[LOOKUP].jobs][1:].count("create") == 0
    after = state(LOOKUP_VARIABLE)
    assert after["columns"] == before["columns"]
    assert (after["status"], after["generation"]) == ("Created", before["generation"])
    assert after["to_checkpoint_time"] == "2026-11-01T00:10:00Z"


def test_alerts_are_continued(run: Callable[[str, int], str], sandbox: Sandbox) -> None:
    """Unsent lines are delivered, and confirmed events are not sent again."""
    confirmed = {json.loads(line)["alert_id"] for line in kept("devo.json")["events"]}
    assert [run("alerts", 1), run("alerts", 0)] == ["success", "success"]
    sent = [json.loads(line)["alert_id"] for line in sandbox.devo.tables.messages(TAG)]
    assert sorted(sent) == sorted({alert["alert_id"] for alert in kept("flashpoint.json")["alerts"]} - confirmed)
    assert state(ALERTS_VARIABLE)["to_checkpoint_time"] == "2026-11-01T00:10:00Z"


def test_stage_is_readable(staging: Path) -> None:
    """A stage that was pulled before the upgrade can be synced after it."""
    summary = StageSummary.from_dict({**kept("xcom_of_pull.json"), "uri": staging.as_uri()})
    [directory] = [path.parent for path in staging.rglob("manifest.json") if "T001000" in str(path)]
    assert sum(1 for _ in Stage(directory, summary).rows()) == summary.records
