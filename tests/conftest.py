"""Fixtures of all tests, and an Airflow home for them, set before anything imports Airflow."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from leaked_secrets import pytest_configure, pytest_runtest_makereport, pytest_sessionfinish  # noqa: F401  hooks

from airflow_provider_flashpoint.airflow_runtime.storage.variables import prefix_of
from airflow_provider_flashpoint.core.secrets.known import forget_all
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.core.stream_key import StreamKey

# Tests import from this module too. Under a second name it would run again and replace the home that Airflow uses.
sys.modules.setdefault("tests.conftest", sys.modules[__name__])

# Properties are proved without a look at the clock, so that a busy machine fails none. Each run has the same examples,
# so that a failure comes from the change; `--hypothesis-profile=search` looks for new ones. A test takes the profile
# that is loaded when its module is imported.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", _UNTIMED)
settings.register_profile("same", _UNTIMED, derandomize=True)
settings.load_profile("same")

_HOME = tempfile.mkdtemp(prefix="airflow-home-")
os.environ.update({
    "AIRFLOW_HOME": _HOME,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_FOLDER": str(Path(_HOME, "dags")),
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
    "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
})
Path(_HOME, "dags").mkdir()
_databases: list[str] = []  # of Airflow, once a test has created it

RunDag = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_known_secrets() -> None:
    """Forget the secrets of other tests, which may be words here."""
    forget_all()


def sandbox_key(name: str) -> StreamKey:
    """Return the key of a stream over the sandbox's default connections."""
    return StreamKey(name, destination="sandbox", source="flashpoint_default")


def lookup_variable(key: StreamKey) -> str:
    """Return the Variable with the state of a lookup."""
    return key.variable(prefix_of(LookupState))


def event_variable(key: StreamKey) -> str:
    """Return the Variable with the state of an event table."""
    return key.variable(prefix_of(EventState))


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Create the metadata database of the tests' Airflow."""
    from airflow import __version__
    from airflow.utils.db import initdb

    if __version__.startswith("2."):
        import airflow.providers.fab.auth_manager.models  # noqa: F401  registers the table of users
    initdb()
    _databases.append(_HOME)


@pytest.fixture(scope="module", autouse=True)
def no_runs_of_other_modules() -> Iterator[None]:
    """Leave no Variable, no DAG, no run and no event of an asset in the database to the tests of other modules."""
    yield
    if not _databases:
        return
    try:
        from airflow.models.asset import AssetEvent
    except ImportError:  # Airflow 2.11
        from airflow.models.dataset import DatasetEvent as AssetEvent
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        for model in (Variable, AssetEvent, DagRun, DagModel):  # the database deletes what belongs to a run or a DAG
            session.query(model).delete(synchronize_session=False)


@pytest.fixture(scope="session")
def run_dag(airflow_database: None) -> Iterator[RunDag]:
    """Return a function that runs a DAG in this process and returns its run."""
    from airflow import __version__

    def run(dag: Any, logical_date: datetime, conf: dict[str, Any] | None = None) -> Any:
        if __version__.startswith("2."):
            # dag.test() keeps the standard output of its first run for the logs of all later runs.
            task_log = logging.getLogger("airflow.task")
            task_log.handlers = [each for each in task_log.handlers if type(each) is not logging.StreamHandler]
            return dag.test(execution_date=logical_date, run_conf=conf)
        try:
            from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
        except ImportError:  # 3.1
            from airflow.models.dagbag import DagBag, sync_bag_to_db
        from airflow.models.dagbundle import DagBundleModel
        from airflow.utils.session import create_session

        with create_session() as session:
            session.merge(DagBundleModel(name="testing"))
        bag = DagBag(str(Path(_HOME, "dags")))
        bag.bag_dag(dag)
        sync_bag_to_db(bag, "testing", None)  # Airflow 3 runs only serialized DAGs
        return dag.test(logical_date=logical_date, run_conf=conf)

    return run
