"""The backfill command of both Airflow lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

Reprocess = Literal["none", "failed", "completed"]

_REPROCESS_OF_AIRFLOW_2: Mapping[Reprocess, tuple[str, ...]] = {
    "none": (),
    "failed": ("--rerun-failed-tasks",),
    "completed": ("--reset-dagruns", "--yes"),
}


def backfill_arguments(
    line: int,
    dag_id: str,
    from_: datetime,
    to: datetime,
    *,
    max_active_runs: int,
    reprocess: Reprocess,
    run_backwards: bool,
    conf: Mapping[str, Any] | None,
) -> list[str]:
    """Return the arguments after ``airflow``.

    Airflow 2 takes ``max_active_runs`` from the DAG only, so it is left out there.
    """
    backwards = ["--run-backwards"] if run_backwards else []
    if line == 2:
        given_conf = ["--conf", json.dumps(conf)] if conf else []
        dates = ["--start-date", from_.isoformat(), "--end-date", to.isoformat()]
        return [
            "dags", "backfill", dag_id, *dates, *_REPROCESS_OF_AIRFLOW_2[reprocess], *backwards, *given_conf
        ]  # fmt: skip
    given_conf = ["--dag-run-conf", json.dumps(conf)] if conf else []
    dates = ["--from-date", from_.isoformat(), "--to-date", to.isoformat()]
    limits = ["--max-active-runs", str(max_active_runs), "--reprocess-behavior", reprocess]
    return ["backfill", "create", "--dag-id", dag_id, *dates, *limits, *backwards, *given_conf]
