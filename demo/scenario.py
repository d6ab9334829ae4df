"""The steps of the demo: several intervals, newer versions, a rerun, and a check after each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.config.model import CredentialInput
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, DataSet
from airflow_provider_flashpoint.dag_factory import ALERT_DAG_ID, INDICATOR_DAG_ID
from airflow_provider_flashpoint.operators.pull_alerts import DEFAULT_TAG
from demo.airflow_lab import AirflowLab
from sandbox.dataset.events.credentials import credentials
from sandbox.generations import LEGACY, Document, Generation
from sandbox.sandbox import Sandbox
from sandbox.verdict import EventVerdict, LookupVerdict, judge_alerts, judge_events, judge_lookup

PERIOD = timedelta(seconds=300)
INTERVALS = 5
_INDICATORS = 3000
_ALERTS = 400
_CREDENTIALS = 200
_TOUCHED = 90
_RUNS_TIMEOUT_S = 240.0

_CREDENTIAL_DAG_ID = INPUT_NAMES[DataSet.CREDENTIALS]
_CREDENTIAL_TAG = CredentialInput.model_fields["tag"].default

Say = Callable[[str], None]


@dataclass(frozen=True)
class Filtered:
    """A lookup with filters.

    :param indicator_type: the type of its indicators.
    :param filters: as in the configuration file.
    :param matches: the same condition, for the check.
    """

    indicator_type: str
    filters: Mapping[str, str]
    matches: Callable[[Document], bool]


_BY_TEXT = Filtered("url", {"query": "demoloader"}, lambda document: "demoloader" in json.dumps(document))
FILTERED = {
    "legacy": _BY_TEXT,
    "ignite_v1": _BY_TEXT,
    "ignite_v2": Filtered(
        "url", {"score": "malicious"}, lambda document: bool(document["score"]["value"] == "malicious")
    ),
}


@dataclass(frozen=True)
class Span:
    """The time range of the demo's data: whole periods, the last of which has just ended."""

    start: datetime
    end: datetime

    @classmethod
    def before(cls, now: datetime) -> Span:
        """Return the span of the periods that ended by ``now``."""
        end = datetime.fromtimestamp(now.timestamp() // PERIOD.total_seconds() * PERIOD.total_seconds(), UTC)
        return cls(end - INTERVALS * PERIOD, end)


def publish(sandbox: Sandbox, generation: Generation, span: Span) -> None:
    """Publish indicators, alerts and, on Ignite, credentials, spread over the span; many of them are hostile."""
    store = sandbox.flashpoint.store
    types = generation.types
    generation.indicators.publish(store, 1, _INDICATORS, span.start, span.end, types=types, with_large_value=True)
    generation.alerts.publish(store, 1, _ALERTS, span.start, span.end)
    if generation is not LEGACY:
        store.publish_credentials(credentials(1, _CREDENTIALS, span.start, span.end))


def write_config(path: Path, generation: Generation, span: Span) -> None:
    """Write the collector's configuration of the demo: a lookup of each type, one of them filtered."""
    common = {
        "initial_start_time": span.start.isoformat(),
        "request_period_in_seconds": int(PERIOD.total_seconds()),
        "catchup": True,
    }
    filtered = FILTERED[generation.api]
    lookups: list[dict[str, dict[str, Any]]] = [
        {kind: {"lookup_key": generation.lookup_key(kind), "lookup_status": "New"}} for kind in generation.types
    ]
    lookups[generation.types.index(filtered.indicator_type)][filtered.indicator_type]["filters"] = filtered.filters
    inputs = {
        "flashpoint_indicator": {"id": "demo", "services": {"indicators": {**common, "lookups": lookups}}},
        "flashpoint_alert": {"id": "demo", "services": {"alerts": common}},
    }
    if generation is not LEGACY:
        inputs[_CREDENTIAL_DAG_ID] = {"id": "demo", "services": {"credentials": common}}
    path.write_text(json.dumps({"inputs": inputs}, indent=2), encoding="utf-8")


def run(airflow: AirflowLab, sandbox: Sandbox, generation: Generation, span: Span, say: Say) -> None:
    """Run all DAGs over their intervals, over newer versions of indicators, and over the first interval again."""
    dags = [INDICATOR_DAG_ID, ALERT_DAG_ID, *([] if generation is LEGACY else [_CREDENTIAL_DAG_ID])]
    for dag_id in dags:
        airflow.unpause(dag_id)
    say(f"The scheduler runs {INTERVALS} intervals of each DAG: the first builds, the others add.")
    first = {
        dag_id: airflow.wait_for_runs(dag_id, INTERVALS, timeout_s=_RUNS_TIMEOUT_S, run_type="scheduled")[0]
        for dag_id in dags
    }
    touched = generation.touch(sandbox.flashpoint.store, count=_TOUCHED, types=generation.types)
    say(f"Flashpoint updates {len(touched)} indicators that Devo has already; a manual run reads an explicit window.")
    window = {"from": span.end.isoformat(), "to": (datetime.now(UTC) + timedelta(seconds=1)).isoformat()}
    run_id = airflow.trigger(INDICATOR_DAG_ID, conf=window)
    airflow.wait_for_run(INDICATOR_DAG_ID, run_id, timeout_s=_RUNS_TIMEOUT_S)
    say("The first run of each DAG is cleared and runs again: nothing may change in Devo.")
    for dag_id in dags:
        airflow.clear(dag_id, first[dag_id]["run_id"])
    for dag_id in dags:
        airflow.wait_for_run(dag_id, first[dag_id]["run_id"], timeout_s=_RUNS_TIMEOUT_S)


def judge(sandbox: Sandbox, generation: Generation) -> tuple[list[LookupVerdict], list[EventVerdict]]:
    """Compare the contents of Devo with those of Flashpoint."""
    filtered = FILTERED[generation.api]
    conditions = {filtered.indicator_type: filtered.matches}
    lookups = [
        judge_lookup(
            sandbox,
            default_lookup_name(kind),
            indicator_type=kind,
            generation=generation,
            matches=conditions.get(kind, lambda document: True),
        )
        for kind in generation.types
    ]
    events = [judge_alerts(sandbox, DEFAULT_TAG, generation=generation)]
    if generation is not LEGACY:
        index = sandbox.flashpoint.store.credentials
        served = [index.identity(key) for key in index.select(None, None, None).walk("asc")]
        events.append(judge_events(sandbox, _CREDENTIAL_TAG, served, id_field="_id"))
    return lookups, events


def states(airflow: AirflowLab) -> dict[str, dict[str, Any]]:
    """Return the state of each stream, by its name, from the Airflow Variables."""
    found = [json.loads(value) for name, value in airflow.variables().items() if name.startswith("flashpoint_")]
    return {state["name"]: state for state in found}


def state_of(name: str, states: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the state of a lookup or a table; the name of a stream may end with its data set."""
    return states.get(name) or states.get(f"{name}__{DataSet.CREDENTIALS}", {})
