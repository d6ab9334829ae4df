"""`Control` of Airflow 2, through an agent that runs in its Python."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from demo.airflow_lab.control import Run, Task, run_from
from demo.airflow_lab.errors import LabError

AGENT = Path(__file__).with_name("agent.py")


class AgentControl:
    """Calls the agent, one call at a time. ``agent`` is its running process."""

    def __init__(self, agent: subprocess.Popen[str]) -> None:
        self._agent = agent

    def healthy(self) -> bool:
        return bool(self._ask("healthy"))

    def dag_known(self, dag_id: str) -> bool:
        return bool(self._ask("dag_known", dag_id=dag_id))

    def import_errors(self) -> dict[str, str]:
        return dict(self._ask("import_errors"))

    def set_paused(self, dag_id: str, paused: bool) -> None:
        self._ask("set_paused", dag_id=dag_id, paused=paused)

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None, logical_date: datetime | None) -> str:
        """Airflow 2 has no run without a date: None is the present."""
        date = logical_date or datetime.now(UTC)
        return str(self._ask("trigger", dag_id=dag_id, conf=conf, logical_date=date.isoformat()))

    def runs(self, dag_id: str) -> list[Run]:
        return [run_from(answer, answer["run_id"]) for answer in self._ask("runs", dag_id=dag_id)]

    def tasks(self, dag_id: str, run_id: str) -> list[Task]:
        tasks: list[Task] = self._ask("tasks", dag_id=dag_id, run_id=run_id)
        return tasks

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str] | None) -> None:
        self._ask("clear", dag_id=dag_id, run_id=run_id, task_ids=task_ids)

    def backfill_active(self, dag_id: str) -> bool:
        """Airflow 2 runs a backfill inside its command and does not record it."""
        return False

    def variables(self) -> dict[str, str]:
        return dict(self._ask("variables"))

    def set_variable(self, key: str, value: str) -> None:
        self._ask("set_variable", key=key, value=value)

    def delete_variable(self, key: str) -> None:
        self._ask("delete_variable", key=key)

    def close(self) -> None:
        self._agent.communicate()

    def _ask(self, call: str, **arguments: Any) -> Any:
        print(json.dumps({"call": call, "arguments": arguments}), file=self._agent.stdin, flush=True)
        line = self._agent.stdout.readline() if self._agent.stdout else ""
        answer = json.loads(line or '{"error": "the agent has ended"}')
        if "error" in answer:
            raise LabError(f"Airflow 2 could not do {call}: {answer['error']}")
        return answer["result"]
