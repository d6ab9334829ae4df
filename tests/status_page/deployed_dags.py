"""DAGs, runs, summaries and states in Airflow's database, as a scheduler left them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

PERIOD = timedelta(minutes=5)
END = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC)


def at(periods: float) -> datetime:
    """Return the time so many periods before the end of the last complete one."""
    return END - periods * PERIOD


class Deployed:
    """The DAG `flashpoint_indicator` with one lookup, and `flashpoint_alert`, in Airflow's database."""

    def __init__(self, folder: Path) -> None:
        self.staging = folder / "staging"
        self._serialized: dict[str, Any] = {}

    def deploy(self, *more: Any) -> None:
        """Write the DAGs, and more of them, into the database."""
        try:
            from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
        except ImportError:  # before 3.2
            from airflow.models.dagbag import DagBag, sync_bag_to_db
        from airflow.models.dagbundle import DagBundleModel
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.utils.session import create_session

        from airflow_provider_flashpoint.config import parse_collector_config
        from airflow_provider_flashpoint.dag_factory import alert_dag, indicator_dag

        common = {"initial_start_time": at(100).isoformat(), "staging_uri": self.staging.as_uri()}
        config = parse_collector_config({
            "flashpoint_indicator": {**common, "lookups": [{"domain": {"lookup_name": "Bad_Domains"}}]},
            "flashpoint_alert": common,
        })
        assert config.indicators
        assert config.alerts
        bag = DagBag(str(self.staging / "none"))
        for dag in (indicator_dag(config.indicators), alert_dag(config.alerts), *more):
            bag.bag_dag(dag)
        with create_session() as session:
            session.merge(DagBundleModel(name="testing"))
        sync_bag_to_db(bag, "testing", None)
        self._serialized = {dag_id: SerializedDagModel.get_dag(dag_id) for dag_id in bag.dag_ids}

    def run(
        self,
        dag_id: str,
        start: float,
        end: float,
        *,
        state: str = "success",
        run_type: str = "scheduled",
        run_after: float | None = None,
        **summary: Any,
    ) -> str:
        """Add a run that read from and to so many periods ago, and return its id. It runs at the end by default."""
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        run_id = f"from_{start}_to_{end}"
        writer = "pull_alerts" if dag_id == "flashpoint_alert" else "sync_domain"
        window = {"from": at(start).isoformat(), "to": at(end).isoformat()}
        with create_session() as session:
            run = self._serialized[dag_id].create_dagrun(
                run_id=run_id,
                logical_date=at(start),
                data_interval=(at(start), at(end)),
                run_after=at(end if run_after is None else run_after),
                run_type=DagRunType(run_type),
                triggered_by=DagRunTriggeredByType.TEST,
                state=state,
                session=session,
            )
            task = run.get_task_instance(writer, session=session)
            task.state, task.end_date = state, at(end) + timedelta(seconds=30)
            session.flush()
            if state == "success":
                value = {"window": window, "to_checkpoint_time": window["to"], "rejected": 0, **summary}
                xcom = {"dag_run_id": run.id, "dag_id": dag_id, "run_id": run_id, "task_id": writer}
                session.add(XComModel(**xcom, map_index=-1, key="return_value", value=value))
        return run_id

    def remember(self, variable: str, **state: Any) -> None:
        """Write the state of a stream."""
        from airflow.models.variable import Variable

        Variable.set(variable, json.dumps({"version": 1, **state}))

    def remove(self) -> None:
        """Remove everything again."""
        from airflow.models.dag import DagModel
        from airflow.models.dagrun import DagRun
        from airflow.models.variable import Variable
        from airflow.utils.session import create_session
        from sqlalchemy import delete

        with create_session() as session:
            session.execute(delete(DagRun).where(DagRun.dag_id.in_(self._serialized)))
            session.execute(delete(DagModel).where(DagModel.dag_id.in_(self._serialized)))
            session.execute(delete(Variable).where(Variable.key.startswith("flashpoint_")))

    def home(self) -> Path:
        """Return the directory of the stages of the lookup."""
        from airflow_provider_flashpoint.streams.deployed import deployed_streams

        [found] = deployed_streams({"flashpoint_indicator"})
        assert found.stream.store
        return Path(str(found.stream.store.directory("indicators", "domain")))
