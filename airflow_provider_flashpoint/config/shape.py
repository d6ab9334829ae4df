"""The shapes of the collector's file, folded into the one that the models read.

An input may hold its settings in ``services.indicators`` (``services.alerts``), in ``indicators`` (``alerts``), or by
itself; the deepest place outranks. ``indicators.lookup_name: x`` means ``indicators: {lookup_name: x}``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from airflow_provider_flashpoint.config.lookups import folded_lookups
from airflow_provider_flashpoint.config.model import (
    DEFAULT_DEVO_CONN_ID,
    AlertInput,
    CredentialInput,
    EventInput,
    IndicatorInput,
    KeywordFeed,
    LookupConfig,
    ReportInput,
    VulnerabilityInput,
)
from airflow_provider_flashpoint.config.problems.collected import Problems, child_path, shown
from airflow_provider_flashpoint.config.problems.section import Section
from airflow_provider_flashpoint.core.flashpoint.api import FEED_DATA_SETS, INPUT_NAMES, DataSet

INDICATORS, ALERTS = INPUT_NAMES[DataSet.INDICATORS], INPUT_NAMES[DataSet.ALERTS]
INPUTS = frozenset(INPUT_NAMES.values())
EVENT_INPUTS: dict[DataSet, type[EventInput]] = {
    DataSet.CREDENTIALS: CredentialInput,
    DataSet.VULNERABILITIES: VulnerabilityInput,
    DataSet.REPORTS: ReportInput,
}
"""The inputs that have one service, which is named after the data set."""
UNUSED = {
    "globals": "it configures the collector's own process, which Airflow replaces",
    "global_overrides": "it configures the collector's own process, which Airflow replaces",
    "outputs": f"where Devo is, and its certificates, belong to the connection {DEFAULT_DEVO_CONN_ID}",
}

FEEDS = tuple(data_set.value for data_set in FEED_DATA_SETS)
_OF_INPUT = frozenset({"environment", "id"})
INPUT_KEYS = _OF_INPUT | {"enabled", "services"}
SHARED_KEYS = LookupConfig.shared_keys() | {"lookup_name"}
INDICATOR_KEYS = (IndicatorInput.keys() | SHARED_KEYS) - _OF_INPUT
ALERT_KEYS = (AlertInput.keys() | {"override_tag"}) - _OF_INPUT - set(FEEDS)


def dag_id(input_name: str, name: str) -> str:
    """Return the id of the DAG of an input, in the configuration with this name."""
    return f"{input_name}__{name}" if name else input_name


def folded(document: Any, problems: Problems) -> Section:
    """Return a document in the shape of `CollectorConfig`, with the place of each key in the file.

    :param document: a mapping in the collector's shape, as `read_document` returns it; stays as it is.
    :param problems: where unknown keys, secrets and wrong shapes are added.
    """
    result = Section({}, "", problems)
    if not isinstance(document, Mapping):
        problems.add("", f"the file holds {shown(document)}; it must hold a mapping with the key inputs")
        return result
    root = Section(document, "", problems)
    inputs = root.section("inputs") if "inputs" in root else root
    known = INPUTS | _refused_further_inputs(inputs)
    root.refuse_unknown({"name", "inputs", *UNUSED} | (known if inputs is root else set()))
    if inputs is not root:
        inputs.refuse_unknown(known)
    if not inputs.keys() & INPUTS:
        problems.add("inputs", f"at least one input is needed, of {', '.join(INPUT_NAMES.values())}")
    if root.get("name") is not None:
        result["name"] = root["name"]
    result["indicators"] = _indicators(inputs)
    result["alerts"] = _alerts(inputs)
    for data_set, model in EVENT_INPUTS.items():
        result[data_set] = _events(inputs, data_set, model)
    result["notes"] = [f"{key} is not used: {why}." for key, why in UNUSED.items() if key in root]
    return result


def _refused_further_inputs(inputs: Section) -> set[str]:
    """Add a problem for each second input of one kind, and return their names."""
    further = {name: kind for name in inputs for kind in INPUTS if re.fullmatch(rf"{kind}[\W_]*\d+", name)}
    for name, kind in further.items():
        text = f"a file has one {kind}; put this one into a file of its own, with a `name`"
        inputs.problems.add(child_path(inputs.path, name), text)
    return set(further)


def _indicators(inputs: Section) -> Section | None:
    opened = _opened(inputs, INDICATORS, ("indicators",), INDICATOR_KEYS)
    if opened is None:
        return None
    entry, services = opened
    service = services["indicators"].with_defaults(entry, INDICATOR_KEYS)
    lookups = folded_lookups(service)
    services["indicators"].refuse_unknown(INDICATOR_KEYS | lookups.keys())
    result = service.only(IndicatorInput.keys() - _OF_INPUT).with_defaults(entry, _OF_INPUT)
    result["lookups"] = list(lookups.values())
    return result


def _alerts(inputs: Section) -> Section | None:
    opened = _opened(inputs, ALERTS, ("alerts", *FEEDS), ALERT_KEYS)
    if opened is None:
        return None
    entry, services = opened
    services["alerts"].refuse_unknown(ALERT_KEYS)
    service = _with_tag(services["alerts"].only(ALERT_KEYS).with_defaults(entry, ALERT_KEYS))
    result = service.with_defaults(entry, _OF_INPUT)
    for name in FEEDS:
        keys = KeywordFeed.keys() | {"override_tag"}
        services[name].refuse_unknown(keys)
        if services[name]:
            result[name] = _with_tag(services[name].only(keys)).with_defaults(service, {"tag"})
    return result


def _events(inputs: Section, data_set: DataSet, model: type[EventInput]) -> Section | None:
    keys = (model.keys() | {"override_tag"}) - _OF_INPUT
    opened = _opened(inputs, INPUT_NAMES[data_set], (data_set.value,), keys)
    if opened is None:
        return None
    entry, services = opened
    services[data_set].refuse_unknown(keys)
    return _with_tag(services[data_set].only(keys).with_defaults(entry, keys)).with_defaults(entry, _OF_INPUT)


def _opened(
    inputs: Section, name: str, service_names: Collection[str], settings: Collection[str]
) -> tuple[Section, dict[str, Section]] | None:
    """Return an input and its services, empty if the file has none; None if the input is absent or off."""
    if name not in inputs:
        return None
    entry = inputs.section(name).unfolded({"services", *service_names})
    if is_off(entry):
        entry.refuse_secrets(service_names)
        return None
    entry.refuse_unknown({*INPUT_KEYS, *service_names, *settings})
    nested = entry.section("services").unfolded(service_names)
    nested.refuse_unknown(service_names)
    services = {}
    for service_name in service_names:
        found = [holder.section(service_name) for holder in (nested, entry) if service_name in holder]
        if len(found) > 1:
            entry.problems.add(found[1].path, f"it is also at {found[0].path}; keep one of the two")
        services[service_name] = found[0] if found else nested.section(service_name)
    return entry, services


def is_off(entry: Mapping[str, Any]) -> bool:
    """Return whether an input is switched off, by a flag or by its text."""
    return str(entry.get("enabled")).strip().lower() == "false"


def _with_tag(section: Section) -> Section:
    """Return the section with ``override_tag``, the name in other collectors of Devo, in the place of ``tag``."""
    result = section.only(section.keys() - {"override_tag"})
    if "tag" not in result and section.get("override_tag") is not None:
        result["tag"] = section["override_tag"]
        result.places["tag"] = section.place("override_tag")
    return result
