"""Parsing the DAG files, against files that build as many empty tasks.

As in Airflow's DAG processor, Airflow is loaded first, and each parse runs in a fresh process.
"""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

from benchmarks.case import OURS, Bar, Case, Contender, Measured, Work

_LOOKUPS = 20  # a pull and a sync for each, a setup, and two tasks for alerts
_LOADED, _EMPTY = "ours, loaded before", "empty DAGs"
_DAGS = Path(__file__).parents[2] / "dags"
_EMPTY_FILE = """
from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("{name}", schedule=timedelta(minutes=5), start_date=datetime(2026, 1, 1)) as dag:
    first = EmptyOperator(task_id="first")
    for number in range(1, {count}):
        first >> EmptyOperator(task_id=f"task_{{number}}")
"""


def parse(work: Work, *, is_ours: bool, is_loaded: bool = False) -> Measured:
    """Read the DAGs folder as Airflow does. The modules of this project are loaded before, or by the parse."""
    home = work.directory / "airflow"
    dags = home / "dags"
    dags.mkdir(parents=True)
    os.environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    if is_ours:
        for file in _DAGS.glob("*.py"):
            shutil.copy(file, dags)
        config = dags / "flashpoint_collector.json"
        config.write_text(json.dumps(_configuration()), encoding="utf-8")
        os.environ["FLASHPOINT_COLLECTOR_CONFIG"] = str(config)
    else:
        for name, count in (("indicator", 1 + 2 * _LOOKUPS), ("alert", 2)):
            (dags / f"{name}.py").write_text(_EMPTY_FILE.format(name=name, count=count), encoding="utf-8")
    import airflow.providers.standard.operators.empty  # noqa: F401  Airflow's own imports are not measured
    from airflow.dag_processing.dagbag import DagBag

    if is_loaded:
        import airflow_provider_flashpoint.dag_factory  # noqa: F401

    def run() -> int:
        bag = DagBag(str(dags))
        if bag.import_errors:
            raise ValueError(str(bag.import_errors))
        return sum(len(dag.tasks) for dag in bag.dags.values())

    return run


def _configuration() -> dict[str, object]:
    lookups = [{f"type-{number}": {"lookup_key": "value.domain"}} for number in range(_LOOKUPS)]
    return {"inputs": {"flashpoint_indicator": {"lookups": lookups}, "flashpoint_alert": {}}}


CASES = [
    Case(
        name="parse",
        title="parse of DAGs",
        unit="tasks",
        count=1,
        contenders={
            OURS: Contender(partial(parse, is_ours=True)),
            _LOADED: Contender(partial(parse, is_ours=True, is_loaded=True)),
            _EMPTY: Contender(partial(parse, is_ours=False)),
        },
        bars=(Bar("parse of DAGs, loaded before: time of empty ones, times", "seconds", _LOADED, _EMPTY, at_most=1.3),),
        server=None,
    )
]
