"""The DAGs, built from the collector's configuration file.

``flashpoint_indicator``   setup >> pull_<type> >> sync_<type>, one pair for each lookup
``flashpoint_alert``       setup >> pull_alerts (and pull_keywords, pull_keyword_classes where they are on)

Building reads the configuration that it is given and nothing else: no connection, no Variable, no network.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_flashpoint.airflow_runtime.compat import DeltaDataIntervalTimetable
from airflow_provider_flashpoint.airflow_runtime.staging import directory_name
from airflow_provider_flashpoint.config import AlertInput, IndicatorInput, InputConfig, LookupConfig, Verify
from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator
from airflow_provider_flashpoint.operators.pull_indicators import PullIndicatorsOperator
from airflow_provider_flashpoint.operators.setup import SetupOperator

INDICATOR_DAG_ID = "flashpoint_indicator"
ALERT_DAG_ID = "flashpoint_alert"
DEFAULT_START = datetime(2023, 2, 7, tzinfo=UTC)  # the collector's own initial start time

_DEFAULT_ARGS = {
    "owner": "flashpoint",
    "retries": 3,
    "retry_delay": timedelta(minutes=1),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}

_WINDOW_PARAMS: dict[str, dict[str, Any]] = {
    "from": {
        "type": ["null", "string"],
        "format": "date-time",
        "description": "Start of an explicit window, with `to`. Without both, the run's data interval is read.",
    },
    "to": {"type": ["null", "string"], "format": "date-time", "description": "End of an explicit window, with `from`."},
}
_STATUS_PARAM: dict[str, Any] = {
    "type": ["null", "string"],
    "enum": [None, "New", "Created"],
    "description": "New rebuilds the lookups from the initial start time. Without it, their state decides.",
}

_INDICATOR_DOC = """
Indicators from Flashpoint into Devo lookups.

* Trigger with `{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}` to read an explicit window.
* Trigger with `{"lookup_status": "New"}` to rebuild the lookups from the initial start time.
* The state of a lookup is the Variable `flashpoint_lookup__<lookup name>`; delete it to begin anew.
"""

_ALERT_DOC = """
Alerts from Flashpoint into the Devo table `{tag}`.

* Trigger with `{{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}}` to read an explicit window.
* What Devo confirmed before is not sent again, whatever window is read.
* The state is the Variable `flashpoint_alerts__{tag}`.
"""


def indicator_dag(config: IndicatorInput) -> DAG:
    """Return the DAG of the input ``flashpoint_indicator``."""
    with _dag(INDICATOR_DAG_ID, config, _INDICATOR_DOC, {**_WINDOW_PARAMS, "lookup_status": _STATUS_PARAM}) as dag:
        setup = _setup(INDICATOR_DAG_ID, "indicators", config)
        for lookup in config.lookups:
            shared = _indicator_arguments(config, lookup)
            name = directory_name(lookup.indicator_type)
            pull = PullIndicatorsOperator(task_id=f"pull_{name}", **shared)
            sync = LookupSyncOperator(
                task_id=f"sync_{name}",
                stage=pull.output,
                lookup_key=lookup.lookup_key,
                columns=lookup.columns,
                max_rejects=lookup.max_rejects,
                devo_conn_id=config.devo_conn_id,
                max_active_tis_per_dag=1,  # one lookup has one writer
                **shared,
            )
            setup >> pull >> sync
    return dag


def alert_dag(config: AlertInput) -> DAG:
    """Return the DAG of the input ``flashpoint_alert``."""
    with _dag(ALERT_DAG_ID, config, _ALERT_DOC.format(tag=config.tag), _WINDOW_PARAMS) as dag:
        query_tag = config.tag if config.verify is Verify.QUERY else None
        setup = _setup(ALERT_DAG_ID, "alerts", config, query_tag=query_tag)
        feeds = {"keywords": config.keywords, "keyword_classes": config.keyword_classes}
        streams: dict[str, tuple[str, str | None]] = {"alerts": (config.tag, None)}
        streams |= {kind: (feed.tag, feed.path) for kind, feed in feeds.items() if feed}
        for kind, (tag, path) in streams.items():
            pull = PullAlertsOperator(
                task_id=f"pull_{kind}",
                kind=kind,
                tag=tag,
                path=path,
                on_rerun=config.on_rerun.value,
                ledger_retention=config.ledger_retention,
                max_rejects=config.max_rejects,
                statistics_period=config.statistics_period,
                verify=(config.verify if kind == "alerts" else Verify.CONFIRM).value,  # keywords have no known id
                verify_timeout=config.verify_timeout,
                telemetry=config.telemetry,
                lag=config.lag,
                heal_gaps=config.heal_gaps,
                page_size=config.page_size,
                obfuscation=_plain_rules(config),
                initial_start_time=config.initial_start_time,
                devo_conn_id=config.devo_conn_id,
                flashpoint_conn_id=config.flashpoint_conn_id,
                staging_uri=config.staging_uri,
                max_active_tis_per_dag=1,  # one stream has one writer
            )
            setup >> pull
    return dag


@contextlib.contextmanager
def _dag(dag_id: str, config: InputConfig, doc: str, params: dict[str, dict[str, Any]]) -> Generator[DAG]:
    """Make a DAG of the tasks that the block adds.

    The params come last: Airflow copies those that are there into every task, several times over, and reads them from
    the DAG all the same.
    """
    tags = ["flashpoint", "devo"]
    if config.environment:
        tags.append(f"environment:{config.environment}")
    with DAG(
        dag_id,
        schedule=DeltaDataIntervalTimetable(config.request_period),
        start_date=config.initial_start_time or DEFAULT_START,
        catchup=config.catchup,
        max_active_runs=config.max_active_runs,
        default_args=_DEFAULT_ARGS,
        tags=tags,
        doc_md=doc,
    ) as dag:
        yield dag
    dag.params.update({name: Param(None, **schema) for name, schema in params.items()})


def _setup(module: str, data_set: str, config: InputConfig, *, query_tag: str | None = None) -> SetupOperator:
    return SetupOperator(
        task_id="setup",
        module=module,
        data_set=data_set,
        query_tag=query_tag,
        flashpoint_conn_id=config.flashpoint_conn_id,
        devo_conn_id=config.devo_conn_id,
    )


def _indicator_arguments(config: IndicatorInput, lookup: LookupConfig) -> dict[str, Any]:
    return {
        "indicator_type": lookup.indicator_type,
        "lookup_name": lookup.lookup_name,
        "lookup_status": lookup.lookup_status.value,
        "lag": lookup.lag,
        "heal_gaps": lookup.heal_gaps,
        "page_size": lookup.page_size,
        "obfuscation": _plain_rules(config),
        "initial_start_time": lookup.initial_start_time or config.initial_start_time,
        "flashpoint_conn_id": config.flashpoint_conn_id,
        "staging_uri": config.staging_uri,
    }


def _plain_rules(config: InputConfig) -> list[dict[str, Any]]:
    return [rule.to_dict() for rule in config.obfuscation]
