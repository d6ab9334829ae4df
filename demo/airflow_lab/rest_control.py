"""`Control` of Airflow 3, through its public REST API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests

from demo.airflow_lab.control import Run, Task, run_from
from demo.airflow_lab.errors import LabError

_TIMEOUT_S = 60.0  # a busy machine answers late
_PAGE_SIZE = 100
_ATTEMPTS = 5
_HEALTHY_PARTS = ("metadatabase", "scheduler", "dag_processor")


class RestControl:
    """Calls the API server at ``url`` as ``user``, and signs in with the first call."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._session = requests.Session()
        # Proxies and netrc entries of the machine must not apply to the loopback.
        self._session.trust_env = False

    def healthy(self) -> bool:
        try:
            answer = self._session.get(f"{self._url}/api/v2/monitor/health", timeout=_TIMEOUT_S)
            # The server builds the API for tasks at its first call, and answers no other call until that is done.
            for_tasks = self._session.get(f"{self._url}/execution/health", timeout=_TIMEOUT_S)
        except (requests.ConnectionError, requests.Timeout):
            return False
        return answer.ok and for_tasks.ok and all(answer.json()[part]["status"] == "healthy" for part in _HEALTHY_PARTS)

    def dag_known(self, dag_id: str) -> bool:
        return self._send("GET", _dag(dag_id), accept=(200, 404)).status_code == 200

    def import_errors(self) -> dict[str, str]:
        return {error["filename"]: error["stack_trace"] for error in self._pages("/importErrors", "import_errors")}

    def set_paused(self, dag_id: str, paused: bool) -> None:
        self._send("PATCH", f"{_dag(dag_id)}?update_mask=is_paused", json={"is_paused": paused})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None, logical_date: datetime | None) -> str:
        """``logical_date=None`` triggers a run without a date and without an interval."""
        body = {"logical_date": logical_date.isoformat() if logical_date else None, "conf": dict(conf or {})}
        return str(self._send("POST", f"{_dag(dag_id)}/dagRuns", json=body).json()["dag_run_id"])

    def runs(self, dag_id: str) -> list[Run]:
        answers = self._pages(f"{_dag(dag_id)}/dagRuns", "dag_runs")
        return [run_from(answer, answer["dag_run_id"]) for answer in answers]

    def tasks(self, dag_id: str, run_id: str) -> list[Task]:
        answers = self._pages(f"{_run(dag_id, run_id)}/taskInstances", "task_instances")
        return [
            Task(
                task_id=answer["task_id"],
                map_index=answer["map_index"],
                state=answer["state"],
                try_number=answer["try_number"],
                pid=answer["pid"],
            )
            for answer in answers
        ]

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str] | None) -> None:
        body: dict[str, Any] = {"dry_run": False, "only_failed": False, "dag_run_id": run_id}
        if task_ids is not None:
            body["task_ids"] = list(task_ids)
        self._send("POST", f"{_dag(dag_id)}/clearTaskInstances", json=body)

    def backfill_active(self, dag_id: str) -> bool:
        answers = self._pages(f"/backfills?dag_id={quote(dag_id)}", "backfills")
        return any(answer["completed_at"] is None for answer in answers)

    def variables(self) -> dict[str, str]:
        return {answer["key"]: answer["value"] for answer in self._pages("/variables", "variables")}

    def set_variable(self, key: str, value: str) -> None:
        body = {"key": key, "value": value}
        answer = self._send("PATCH", f"/variables/{quote(key, safe='')}", json=body, accept=(200, 404))
        if answer.status_code == 404:
            self._send("POST", "/variables", json=body)

    def delete_variable(self, key: str) -> None:
        self._send("DELETE", f"/variables/{quote(key, safe='')}")

    def close(self) -> None:
        self._session.close()

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        separator = "&" if "?" in path else "?"
        offset = 0
        while True:
            page = self._send("GET", f"{path}{separator}limit={_PAGE_SIZE}&offset={offset}").json()
            yield from page[key]
            offset += _PAGE_SIZE
            if offset >= page["total_entries"]:
                return

    def _send(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        accept: Sequence[int] = range(200, 300),
    ) -> requests.Response:
        if "Authorization" not in self._session.headers:
            self._sign_in()
        for attempt in range(_ATTEMPTS):
            # SQLite allows one writer at a time; the server answers 5xx to a call that waited too long.
            time.sleep(attempt * 0.5)
            answer = self._session.request(method, f"{self._url}/api/v2{path}", json=json, timeout=_TIMEOUT_S)
            if answer.status_code < 500:
                break
        if answer.status_code not in accept:
            raise LabError(f"{method} {path} was answered {answer.status_code}: {answer.text[:500]}")
        return answer

    def _sign_in(self) -> None:
        answer = self._session.post(f"{self._url}/auth/token", json=self._login, timeout=_TIMEOUT_S)
        if not answer.ok:
            raise LabError(f"Airflow's sign-in was answered {answer.status_code}.")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _dag(dag_id: str) -> str:
    return f"/dags/{quote(dag_id, safe='')}"


def _run(dag_id: str, run_id: str) -> str:
    return f"{_dag(dag_id)}/dagRuns/{quote(run_id, safe='')}"
