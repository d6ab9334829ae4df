"""The DAGs, built from the collector's configuration.

``flashpoint_indicator``   setup >> pull_<type> >> sync_<type>, one pair for each lookup
``flashpoint_alert``       setup >> pull_alerts (and pull_keywords, pull_keyword_classes if they are on)
``flashpoint_credential``, ``flashpoint_vulnerability`` and ``flashpoint_report``    setup >> pull_<data set>

The DAGs of a configuration with a name end with it: ``flashpoint_indicator__<name>``.
Building a DAG reads no connection, Variable or network.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, get_parsing_context

from airflow_provider_flashpoint.airflow_runtime.compat import DeltaDataIntervalTimetable
from airflow_provider_flashpoint.assets import lookup_asset, table_asset
from airflow_provider_flashpoint.config import (
    AlertInput,
    IndicatorInput,
    InputConfig,
    LookupConfig,
    Verify,
    load_collector_configs,
)
from airflow_provider_flashpoint.config.lookups import task_names
from airflow_provider_flashpoint.config.model import (
    AlertSettings,
    EventInput,
    EventSettings,
    LookupPullSettings,
    SecretSettings,
    SourceSettings,
    StreamSettings,
)
from airflow_provider_flashpoint.config.shape import EVENT_INPUTS, FEEDS, dag_id
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, DataSet
from airflow_provider_flashpoint.dag_texts import (
    EVENT_PARAMS,
    DagTexts,
    Params,
    event_texts,
    indicator_texts,
    lookup_params,
)
from airflow_provider_flashpoint.notifications import StaleNotifier
from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator
from airflow_provider_flashpoint.operators.pull_events import PullEventsOperator
from airflow_provider_flashpoint.operators.pull_indicators import PullIndicatorsOperator
from airflow_provider_flashpoint.operators.setup import SetupOperator

__all__ = [
    "ALERT_DAG_ID",
    "INDICATOR_DAG_ID",
    "alert_dag",
    "alert_dags",
    "event_dag",
    "event_dags",
    "indicator_dag",
    "indicator_dags",
]

INDICATOR_DAG_ID = INPUT_NAMES[DataSet.INDICATORS]
ALERT_DAG_ID = INPUT_NAMES[DataSet.ALERTS]
DEFAULT_START = datetime(2023, 2, 7, tzinfo=UTC)  # the collector's own initial start time

_DEFAULT_ARGS = {
    "owner": "flashpoint",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}


def indicator_dags(dags_folder: str | os.PathLike[str]) -> Iterator[DAG]:
    """Yield the DAG ``flashpoint_indicator`` of each configuration, see `load_collector_configs`."""
    for name, _, config in _inputs(dags_folder, {DataSet.INDICATORS}):
        yield indicator_dag(config, name=name)


def alert_dags(dags_folder: str | os.PathLike[str]) -> Iterator[DAG]:
    """Yield the DAG ``flashpoint_alert`` of each configuration, see `load_collector_configs`."""
    for name, _, config in _inputs(dags_folder, {DataSet.ALERTS}):
        yield alert_dag(config, name=name)


def event_dags(dags_folder: str | os.PathLike[str]) -> Iterator[DAG]:
    """Yield the DAGs of `EVENT_INPUTS` of each configuration, see `load_collector_configs`."""
    for name, data_set, config in _inputs(dags_folder, EVENT_INPUTS):
        yield event_dag(config, data_set, name=name)


def _inputs(dags_folder: str | os.PathLike[str], data_sets: Collection[DataSet]) -> Iterator[tuple[str, DataSet, Any]]:
    """Yield the inputs of these data sets: the name of the configuration, the data set, the input.

    The files are read once. For a task, only the input of its DAG is yielded, because it needs no other.
    """
    wanted = get_parsing_context().dag_id
    for config in load_collector_configs(dags_folder):
        for data_set, found in config.inputs():
            if data_set in data_sets and wanted in (None, dag_id(INPUT_NAMES[data_set], config.name)):
                yield config.name, data_set, found


def indicator_dag(config: IndicatorInput, *, name: str = "") -> DAG:
    """Return the DAG of the input ``flashpoint_indicator``, of the configuration with this name."""
    types = [lookup.indicator_type for lookup in config.lookups]
    checked = {
        "indicator_types": types,
        "filters": _filters(*config.lookups),
        "lookups": [lookup.options() for lookup in config.lookups],
    }
    texts, params = indicator_texts(config), lookup_params(config)
    with _dag(DataSet.INDICATORS, name, config, texts=texts, params=params, **checked) as setup:
        source = {**config.arguments(SourceSettings), **_stream_arguments(config, name)}
        task_name = task_names(types)
        for lookup in config.lookups:
            own_name = task_name[lookup.indicator_type]
            pull = PullIndicatorsOperator(task_id=f"pull_{own_name}", **source, **lookup.arguments(LookupPullSettings))
            sync = LookupSyncOperator(
                task_id=f"sync_{own_name}",
                stage=pull.output,
                max_active_tis_per_dag=1,  # one lookup has one writer
                outlets=[lookup_asset(lookup.lookup_name, config.devo_conn_id)],
                **source,
                **lookup.arguments(LookupConfig),
            )
            setup >> pull >> sync
    return setup.dag


def alert_dag(config: AlertInput, *, name: str = "") -> DAG:
    """Return the DAG of the input ``flashpoint_alert``, of the configuration with this name."""
    texts = event_texts(DataSet.ALERTS, config.tag)
    checked = {"query_tag": config.tag if config.verify is Verify.QUERY else None, "filters": _filters(config)}
    with _dag(DataSet.ALERTS, name, config, texts=texts, params=EVENT_PARAMS, **checked) as setup:
        settings = {**config.arguments(SourceSettings, AlertSettings), **_stream_arguments(config, name)}
        streams: dict[str, dict[str, Any]] = {"alerts": {}}
        for kind in FEEDS:
            feed = getattr(config, kind)
            if feed:
                streams[kind] = {"tag": feed.tag, "path": feed.path, "verify": feed.verify.value, "filters": None}
        for kind, own in streams.items():
            setup >> PullAlertsOperator(
                task_id=f"pull_{kind}",
                kind=kind,
                max_active_tis_per_dag=1,  # one stream has one writer
                outlets=[table_asset(own.get("tag", config.tag), config.devo_conn_id)],
                **settings | own,
            )
    return setup.dag


def event_dag(config: EventInput, data_set: DataSet, *, name: str = "") -> DAG:
    """Return the DAG of the input of one of `EVENT_INPUTS`, of the configuration with this name."""
    texts = event_texts(data_set, config.tag)
    with _dag(data_set, name, config, texts=texts, params=EVENT_PARAMS, filters=_filters(config)) as setup:
        setup >> PullEventsOperator(
            task_id=f"pull_{data_set}",
            kind=data_set.value,
            max_active_tis_per_dag=1,  # one stream has one writer
            outlets=[table_asset(config.tag, config.devo_conn_id)],
            **config.arguments(SourceSettings, EventSettings, SecretSettings),
            **_stream_arguments(config, name),
        )
    return setup.dag


def _filters(*streams: StreamSettings) -> list[Any]:
    """Return the filters of the streams that have some."""
    return [found for stream in streams if (found := stream.arguments(StreamSettings)["filters"])]


def _stream_arguments(config: InputConfig, name: str) -> dict[str, Any]:
    # Earlier versions had no named configurations, so what they kept belongs to the one without a name.
    return {"devo_conn_id": config.devo_conn_id, "take_over": not name}


@contextlib.contextmanager
def _dag(
    data_set: DataSet,
    name: str,
    config: InputConfig,
    *,
    texts: DagTexts,
    params: Params,
    **setup: Any,
) -> Generator[SetupOperator]:
    """Create a DAG with its setup task and the tasks that the block adds.

    ``setup`` holds further arguments of the setup task.
    The params come last: Airflow copies the params of a DAG into each task that is added later, several times.
    """
    tags = ["flashpoint", "devo"]
    if name:
        tags.append(f"configuration:{name}")
    if config.environment:
        tags.append(f"environment:{config.environment}")
    with DAG(
        dag_id(INPUT_NAMES[data_set], name),
        schedule=DeltaDataIntervalTimetable(config.request_period),
        start_date=config.initial_start_time or DEFAULT_START,
        catchup=config.catchup,
        max_active_runs=config.max_active_runs,
        default_args={**_DEFAULT_ARGS, "execution_timeout": config.execution_timeout},
        tags=tags,
        description=texts.description,
        doc_md=texts.doc_md,
    ) as dag:
        yield SetupOperator(
            task_id="setup",
            module=INPUT_NAMES[data_set],
            data_set=data_set.value,
            flashpoint_conn_id=config.flashpoint_conn_id,
            devo_conn_id=config.devo_conn_id,
            **setup,
        )
    if config.stale_after:
        for task in dag.tasks:
            task.on_failure_callback = [StaleNotifier(config.stale_after, devo_conn_id=config.devo_conn_id)]
    dag.params.update({name: Param(**{"default": None, **schema}) for name, schema in params.items()})
