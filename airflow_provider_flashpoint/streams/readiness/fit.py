"""Whether the API generation of its Flashpoint connections can serve a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet, input_of
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness.findings import reason_of
from airflow_provider_flashpoint.streams.readiness.reads import reads_of, selection_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig


def fit(config: CollectorConfig, api: Api | None = None) -> tuple[list[str], list[str]]:
    """Return why the API generation cannot serve a configuration, and which data sets were not checked.

    :param api: the API generation; by default that of each connection. Nothing is requested.
    """
    problems: list[str] = []
    unchecked = {}
    for (conn_id, data_set, _), streams in reads_of([config]).items():
        try:
            served = api or _api_of(conn_id)
        except Exception as error:  # a connection, and Airflow itself, can be wrong in any way
            unchecked[conn_id] = (
                f"The types and filters were not checked, since the connection {conn_id} cannot be read: "
                f"{reason_of(error)} Name the API generation with --api."
            )
            continue
        problems += misfits(served, data_set, streams)
    return list(dict.fromkeys(problems)), list(unchecked.values())


def misfits(api: Api, data_set: DataSet, streams: Sequence[Any]) -> Iterator[str]:
    """Yield every reason why an API generation cannot serve a data set, behind the paths of the keys that have it.

    :param streams: the settings of the streams that read the data set.
    """
    place = input_of(data_set)
    if unserved := _problem(api, data_set):
        yield f"{place}: {unserved[0]}"
        return
    wrong_types = _problem(api, data_set, types=selection_of(streams)["types"])
    yield from (f"{place}.lookups: {problem}" for problem in wrong_types)
    found: dict[str, list[str]] = {}
    for stream in streams:
        for path, selection in _parts(place, stream):
            for problem in _problem(api, data_set, **selection):
                found.setdefault(problem, []).append(path)
    for problem, paths in found.items():
        yield f"{' and '.join(paths)}: {problem}"


def _parts(place: str, stream: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the settings of a stream that depend on the API generation: the path of the key, and what to check."""
    selection = selection_of([stream])
    for indicator_type, options in zip(selection["types"], selection["lookups"], strict=True):
        place = f"{place}.lookups.{indicator_type}"
        yield f"{place}.embed", {"lookups": [{"embed": options["embed"]}]}
        yield f"{place}.row_per_hash", {"lookups": [{**options, "embed": None}]}
    for name, value in (item for filters in selection["filters"] for item in filters.items()):
        yield f"{place}.filters.{name}", {"filters": [{name: value}]}


def _problem(api: Api, data_set: DataSet, **selection: Any) -> list[str]:
    from airflow_provider_flashpoint.core.flashpoint.endpoints import check_selection

    try:
        check_selection(api, data_set, **selection)
    except ConfigurationError as error:
        return [str(error)]
    return []


def _api_of(conn_id: str) -> Api:
    if not find_spec("airflow"):
        raise ConfigurationError("Airflow is not installed here.")
    from airflow_provider_flashpoint.airflow_runtime import database
    from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

    database.start()
    api: Api = FlashpointHook(conn_id).settings().api
    return api
