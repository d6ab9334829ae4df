"""The lab: actions, queries and waits on a private Airflow."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from demo.airflow_lab import task_log
from demo.airflow_lab.backfill import Reprocess, backfill_arguments
from demo.airflow_lab.control import Run, Task
from demo.airflow_lab.errors import LabError
from demo.airflow_lab.instance import AirflowInstance

_SUCCESS = frozenset({"success"})
_ENDED = frozenset({"success", "failed"})
_NOW: Any = object()
_BACKFILL_ATTEMPTS = 3


class AirflowLab(AirflowInstance):
    """A real Airflow and the control of its DAGs.

    For its settings, start and stop see `AirflowInstance`. DAGs are paused until `unpause`.
    """

    # Actions

    def unpause(self, dag_id: str, timeout_s: float = 120.0) -> None:
        """Wait until the DAG's file is parsed, then let the scheduler run the DAG."""
        self.wait_for_dag(dag_id, timeout_s)
        self._running.set_paused(dag_id, False)

    def pause(self, dag_id: str) -> None:
        self._running.set_paused(dag_id, True)

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        logical_date: datetime | None = _NOW,
    ) -> str:
        """Return the id of a new manual run.

        :param logical_date: the present by default; None triggers a run without a date on Airflow 3.
        """
        date = datetime.now(UTC) if logical_date is _NOW else logical_date
        return self._running.trigger(dag_id, conf, date)

    def backfill(
        self,
        dag_id: str,
        from_: datetime,
        to: datetime,
        *,
        max_active_runs: int = 1,
        reprocess: Reprocess = "none",
        run_backwards: bool = False,
        conf: Mapping[str, Any] | None = None,
        on_started: Callable[[], object] = lambda: None,
        timeout_s: float = 300.0,
    ) -> list[Run]:
        """Run the intervals that start in [``from_``, ``to``], both included, and return their runs.

        Airflow 2 runs them inside its command, at most ``max_active_runs`` of the DAG at once. Airflow 3
        leaves them to the scheduler, so the DAG is unpaused.

        :param reprocess: which existing runs to repeat: ``none``, ``failed`` or ``completed``.
        :param on_started: called once the backfill has started.
        :raises LabError: a run failed, the command failed, or time ran out.
        """
        arguments = backfill_arguments(
            self.line,
            dag_id,
            from_,
            to,
            max_active_runs=max_active_runs,
            reprocess=reprocess,
            run_backwards=run_backwards,
            conf=conf,
        )
        # Airflow 3 allows one backfill of a DAG at a time, and notices its end late.
        self.wait_until(lambda: not self._running.backfill_active(dag_id), timeout_s, f"the last backfill of {dag_id}")
        if self.line == 3:
            # On SQLite a scheduler that starts the runs while they are being created loses them.
            self._running.set_paused(dag_id, True)
        with ThreadPoolExecutor(1) as pool:
            command = pool.submit(self._create_backfill, arguments, timeout_s)
            if self.line == 3:
                command.result()
                self._running.set_paused(dag_id, False)
            on_started()
            command.result()

        def ended() -> list[Run] | None:
            runs = [run for run in self.runs(dag_id) if (date := run["logical_date"]) and from_ <= date <= to]
            self._raise_failed(dag_id, runs)
            return runs if runs and all(run["state"] in _ENDED for run in runs) else None

        what = f"the backfill of {dag_id}"
        return self.wait_until(ended, timeout_s, what, lambda: self._describe(dag_id))

    def clear(self, dag_id: str, run_id: str, task_ids: Sequence[str] | None = None) -> None:
        """Clear the tasks of a run, all or the named ones, so that they run again.

        The scheduler of Airflow 2 ignores the runs of a backfill, so there a cleared one waits for another
        backfill.
        """
        self._running.clear(dag_id, run_id, task_ids)

    def set_variable(self, key: str, value: str) -> None:
        self._running.set_variable(key, value)

    def delete_variable(self, key: str) -> None:
        self._running.delete_variable(key)

    # Queries

    def runs(self, dag_id: str) -> list[Run]:
        """Return the runs of a DAG in the order of their dates, those without a date last."""
        return sorted(
            self._running.runs(dag_id),
            key=lambda run: (run["logical_date"] or datetime.max.replace(tzinfo=UTC), run["run_id"]),
        )

    def tasks(self, dag_id: str, run_id: str) -> list[Task]:
        return self._running.tasks(dag_id, run_id)

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int | None = None) -> str:
        """Return the log of one attempt of a task, or of all attempts, as lines of text."""
        return task_log.read(self._settings.home / "logs", dag_id, run_id, task_id, try_number)

    def variables(self) -> dict[str, str]:
        return self._running.variables()

    def import_errors(self) -> dict[str, str]:
        """Return the import error of each DAG file that has one."""
        return self._running.import_errors()

    # Waits

    def wait_for_dag(self, dag_id: str, timeout_s: float = 120.0) -> None:
        """Return when the DAG's file has been parsed.

        :raises LabError: a DAG file has an error, a component ended, or time ran out.
        """

        def known() -> bool:
            if errors := self.import_errors():
                raise LabError("\n".join(f"{file} cannot be read:\n{error}" for file, error in errors.items()))
            return self._running.dag_known(dag_id)

        self.wait_until(known, timeout_s, f"the DAG {dag_id}")

    def wait_for_runs(
        self,
        dag_id: str,
        count: int,
        states: Collection[str] = _SUCCESS,
        timeout_s: float = 120.0,
        run_type: str | None = None,
    ) -> list[Run]:
        """Wait until ``count`` or more runs are in one of ``states``, and return them.

        :param run_type: count only ``scheduled``, ``manual`` or ``backfill`` runs.
        :raises LabError: a run failed (and ``states`` does not include that), a component ended, or time
            ran out; with the logs of the tasks.
        """

        def enough() -> list[Run] | None:
            runs = [run for run in self.runs(dag_id) if run_type in {None, run["run_type"]}]
            if "failed" not in states:
                self._raise_failed(dag_id, runs)
            reached = [run for run in runs if run["state"] in states]
            return reached if len(reached) >= count else None

        what = f"{count} runs of {dag_id} in {' or '.join(sorted(states))}"
        return self.wait_until(enough, timeout_s, what, lambda: self._describe(dag_id))

    def wait_for_run(
        self, dag_id: str, run_id: str, states: Collection[str] = _SUCCESS, timeout_s: float = 120.0
    ) -> Run:
        """Return one run when it is in one of ``states``; raises as `wait_for_runs` does."""

        def reached() -> Run | None:
            runs = [run for run in self.runs(dag_id) if run["run_id"] == run_id]
            if "failed" not in states:
                self._raise_failed(dag_id, runs)
            return next((run for run in runs if run["state"] in states), None)

        what = f"run {run_id} of {dag_id} in {' or '.join(sorted(states))}"
        return self.wait_until(reached, timeout_s, what, lambda: self._describe(dag_id))

    def _create_backfill(self, arguments: Sequence[str], timeout_s: float) -> None:
        for _ in range(_BACKFILL_ATTEMPTS):
            answer = self.cli(*arguments, timeout_s=timeout_s)
            if answer.returncode == 0:
                return
            # On SQLite the command may collide with another writer; then it has changed nothing.
            if "database is locked" not in answer.stderr:
                break
        raise LabError(f"airflow {' '.join(arguments)} failed:\n{answer.stdout[-2000:]}\n{answer.stderr[-4000:]}")

    def _raise_failed(self, dag_id: str, runs: Sequence[Run]) -> None:
        if failed := [run for run in runs if run["state"] == "failed"]:
            logs = "\n".join(self._failed_logs(dag_id, run["run_id"]) for run in failed[:3])
            raise LabError(f"{len(failed)} runs of {dag_id} failed.\n{logs}")

    def _failed_logs(self, dag_id: str, run_id: str) -> str:
        return "\n".join(
            f"--- {run_id} {task['task_id']}, try {task['try_number']}\n"
            + "\n".join(self.task_log(dag_id, run_id, task["task_id"]).splitlines()[-30:])
            for task in self.tasks(dag_id, run_id)
            if task["state"] == "failed"
        )

    def _describe(self, dag_id: str) -> str:
        return "\n".join(f"{run['state']:8} {run['run_type']:9} {run['run_id']}" for run in self.runs(dag_id))
