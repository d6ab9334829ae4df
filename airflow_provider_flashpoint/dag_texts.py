"""The texts of the DAGs in Airflow's UI: descriptions, documentation, and the fields of the trigger form."""

from __future__ import annotations

from typing import Any, NamedTuple

from airflow_provider_flashpoint.config import IndicatorInput
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.stream_key import alert_stream, event_stream

_MOST_NAMES = 5

Params = dict[str, dict[str, Any]]
_WINDOW_PARAMS: Params = {
    "from": {
        "type": ["null", "string"],
        "format": "date-time",
        "title": "Read from",
        "description": "Start of a window of your own. Leave both times empty to read the data interval of the run.",
    },
    "to": {
        "type": ["null", "string"],
        "format": "date-time",
        "title": "Read to",
        "description": "End of that window, which is not part of it.",
    },
}
EVENT_PARAMS: Params = {
    **_WINDOW_PARAMS,
    "accept_change": {
        "default": False,
        "type": "boolean",
        "title": "Accept a change of the source",
        "description": "Go on although the API generation or the filters have changed. The table then holds the events "
        "of both.",
    },
}

_WINDOW = 'To read a window of your own, trigger with `{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}`.'


class DagTexts(NamedTuple):
    """``description`` is one line, ``doc_md`` is Markdown."""

    description: str
    doc_md: str


def indicator_texts(config: IndicatorInput) -> DagTexts:
    """Return the texts of the DAG of indicators."""
    names = [lookup.lookup_name for lookup in config.lookups]
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    lookups = "\n".join(
        f"* `{lookup.lookup_name}`: indicators of type `{lookup.indicator_type}`" for lookup in config.lookups
    )
    return DagTexts(
        f"Flashpoint's indicators as lookups in Devo: {', '.join(names[:_MOST_NAMES])}{more}",
        f"""
Reads indicators from Flashpoint and writes them to lookups in Devo:

{lookups}

Each run reads what changed in its data interval, and what a paused or failed run has left.

* {_WINDOW}
* To rebuild lookups from the initial start time, trigger with `{{"rebuild": ["<lookup name>"]}}`, or rebuild all of
  them with `{{"lookup_status": "New"}}`.
* The state of a lookup is the Variable `flashpoint_lookup__<lookup name>__<Devo domain>__<Flashpoint connection>`.
  Delete it to start again.
""",
    )


def event_texts(data_set: DataSet, tag: str) -> DagTexts:
    """Return the texts of a DAG of events."""
    stream = (alert_stream if data_set is DataSet.ALERTS else event_stream)(tag, data_set)
    return DagTexts(
        f"Flashpoint's {data_set} as events in Devo's table {tag}",
        f"""
Reads {data_set} from Flashpoint and sends them to the Devo table `{tag}`.

* {_WINDOW}
* What Devo has confirmed is not sent again, whichever window is read.
* The state is the Variable `flashpoint_alerts__{stream}__<Devo domain>__<Flashpoint connection>`.
""",
    )


def lookup_params(config: IndicatorInput) -> Params:
    names = [lookup.lookup_name for lookup in config.lookups]
    rebuild = {
        "default": [],
        "type": ["array", "null"],
        "items": {"type": "string", "enum": names},
        "examples": names,
        "title": "Lookups to rebuild",
        "description": "Each is read again from the initial start time, or from the oldest time that it keeps, and its "
        "content is replaced. With a window of your own, it then holds that window alone. Other lookups are updated. "
        "A backfill rebuilds in each of its runs, and a run that is cleared rebuilds again.",
    }
    return {**_WINDOW_PARAMS, "rebuild": rebuild}
