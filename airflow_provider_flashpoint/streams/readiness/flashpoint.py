"""Checks whether Flashpoint serves what the configurations read: settings, access, and the keys of lookups.

One cause is one finding, whatever number of data sets it stops. A few records of each type are read, and none is kept.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.config.model import LookupConfig
from airflow_provider_flashpoint.config.problems.collected import close_match
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import serves
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey
from airflow_provider_flashpoint.errors import FlashpointProviderError, NetworkError, TransientError, as_setup_error
from airflow_provider_flashpoint.streams.readiness.findings import Finding, reason_of
from airflow_provider_flashpoint.streams.readiness.fit import misfits
from airflow_provider_flashpoint.streams.readiness.reads import reads_of

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig
    from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
    from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

_SAMPLE = 10  # records
_MAX_NAMES_SHOWN = 30
_PATH = re.compile(r"\S*/\S*")  # the part of an error that differs between data sets with the same cause


def flashpoint_findings(configs: Sequence[CollectorConfig]) -> Iterator[Finding]:
    """Examine the Flashpoint connections, each once; without a configuration, the default one.

    Each request is attempted once, since a person waits for the answer.
    """
    from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

    reads: dict[str, dict[tuple[DataSet, str | None], list[Any]]] = defaultdict(dict)
    for (conn_id, data_set, path), streams in reads_of(configs or [None]).items():
        reads[conn_id][data_set, path] = streams
    for conn_id, of_connection in reads.items():
        hook = FlashpointHook(conn_id)
        try:
            hook.settings()
        except Exception as error:  # whatever is wrong with one connection, the others are examined too
            yield Finding(f"{conn_id}: fields", False, reason_of(error))
            continue
        yield from _findings(conn_id, hook, of_connection)


def _findings(
    conn_id: str, hook: FlashpointHook, reads: Mapping[tuple[DataSet, str | None], Sequence[Any]]
) -> Iterator[Finding]:
    api = hook.settings().api
    problems = [problem for (data_set, _), streams in reads.items() for problem in misfits(api, data_set, streams)]
    if problems:
        yield Finding(f"{conn_id}: settings", False, "\n".join(dict.fromkeys(problems)))
    served = {read: streams for read, streams in reads.items() if serves(api, read[0])}
    answered = set()
    for finding, data_sets in _answers(conn_id, hook, served):
        yield finding
        answered |= data_sets if finding.good else set()
    lookups = [each for (data_set, _), streams in served.items() if data_set in answered for each in streams]
    keyed = [
        each for each in lookups if isinstance(each, LookupConfig) and not [*misfits(api, DataSet.INDICATORS, [each])]
    ]
    if keyed:
        yield from _key_findings(conn_id, hook, keyed)


def _answers(
    conn_id: str, hook: FlashpointHook, reads: Mapping[tuple[DataSet, str | None], Sequence[Any]]
) -> Iterator[tuple[Finding, set[DataSet]]]:
    """Request each data set; yield a finding for each that is answered, then one for each cause that others have."""
    failed: dict[str, tuple[str, list[DataSet]]] = {}
    without_answer: list[DataSet] | None = None
    for data_set, path in reads:
        if without_answer:  # the next request would wait for the same
            without_answer.append(data_set)
            continue
        try:
            said = hook.check(data_set, paths={data_set: path} if path else None, max_attempts=1)
        except Exception as error:  # as above
            said = reason_of(as_setup_error(error) if isinstance(error, FlashpointProviderError) else error)
            _, data_sets = failed.setdefault(_PATH.sub("", said), (said, []))
            data_sets.append(data_set)
            without_answer = data_sets if isinstance(error, NetworkError) else None
        else:
            yield Finding(f"{conn_id}: {_name(data_set)}", True, said), {data_set}
    for said, data_sets in failed.values():
        yield Finding(f"{conn_id}: {', '.join(map(_name, data_sets))}", False, said), {*data_sets}


def _key_findings(conn_id: str, hook: FlashpointHook, lookups: Sequence[LookupConfig]) -> Iterator[Finding]:
    """Compare the key of each lookup with records of its type."""
    client = hook.client(max_attempts=1)
    found: dict[str, list[str]] = defaultdict(list)
    for lookup in {repr((each.indicator_type, each.lookup_key, each.filters)): each for each in lookups}.values():
        part = f"{conn_id}: lookup_key of {lookup.indicator_type}"
        try:
            key, problem = _proof(client, lookup)
        except Exception as error:  # as above
            yield Finding(part, False, reason_of(error))
            if isinstance(error, TransientError):  # the next request would meet the same
                break
            continue
        if problem:
            yield Finding(part, False, problem)
        else:
            found[key].append(lookup.indicator_type)
    unproven = found.pop("", [])
    proven = "; ".join(f"{key} is in the records of {', '.join(types)}" for key, types in found.items())
    missing = f"not proven, since there are no records of {', '.join(unproven)}" if unproven else ""
    if said := "; ".join(filter(None, (proven, missing))):
        yield Finding(f"{conn_id}: lookup keys", True, f"{said}.")


def _proof(client: FlashpointClient, lookup: LookupConfig) -> tuple[str, str]:
    """Return the key of a lookup, empty where there is no record to prove it, and what is wrong with it, or nothing."""
    source = client.source(DataSet.INDICATORS, record_type=lookup.indicator_type, filters=lookup.filters)
    endpoint = source.endpoint
    key = lookup.lookup_key or endpoint.lookup_key_of(lookup.indicator_type)
    # Unsorted, which is cheap: the newest records need not be the first.
    request = replace(endpoint, page_size=_SAMPLE, fixed_parameters={}).request(None, source.selection, {})
    records = [each for page in source.read(request, records_key=endpoint.records_key).pages() for each in page]
    rows = endpoint.columns.shape(key=key, row_per_hash=lookup.row_per_hash).rows(records, key)
    without = [row for row in rows if RowKey(key, ()).value_in(row) is None]
    if len(without) <= lookup.max_rejects and len(without) < max(len(rows), 1):
        return key if rows else "", ""
    names = sorted({name for row in rows for name in row})
    if key in names:
        return key, (
            f"lookup_key is {key!r}, which is empty in {len(without)} of {len(rows)} rows that were read. A run "
            f"rejects them, and max_rejects is {lookup.max_rejects}.{_did_you_mean(key, names, endpoint, lookup)}"
        )
    more = f" and {len(names) - _MAX_NAMES_SHOWN} more" if len(names) > _MAX_NAMES_SHOWN else ""
    return key, (
        f"lookup_key is {key!r}, which none of {len(rows)} rows has.{_did_you_mean(key, names, endpoint, lookup)} The "
        f"keys there are: {', '.join(names[:_MAX_NAMES_SHOWN])}{more}."
    )


def _did_you_mean(key: str, names: Sequence[str], endpoint: Any, lookup: LookupConfig) -> str:
    """Return a question after the name that was probably meant, behind a blank; empty where no name is like the key."""
    usual = endpoint.lookup_key_of(lookup.indicator_type)
    ending = next((name for name in names if name.endswith(f".{key}")), None)
    match = ending or close_match(key, names) or (usual if usual in names else None)
    return f" Did you mean {match}?" if match and match != key else ""


def _name(data_set: DataSet) -> str:
    return data_set.replace("_", " ")
