"""Turns the inputs of a configuration file into those of another API generation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from airflow_provider_flashpoint.config.migration.lookups import LookupMigration, by_type, drop_options
from airflow_provider_flashpoint.config.problems.collected import Problems, child_path, is_secret_name, no_secrets
from airflow_provider_flashpoint.config.problems.section import Section
from airflow_provider_flashpoint.config.shape import ALERTS, FEEDS, INDICATORS, is_off
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, Api, DataSet, host_of
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of, serves, with_same_documents

Document = dict[str, Any]
_SERVICES = {name: data_set.value for data_set, name in INPUT_NAMES.items()}


def without_secrets(document: Any, api: Api, notes: list[str], path: str = "", service: str = "") -> Any:
    """Return a copy of a document without the keys that are secrets, which a collector's file has.

    :param api: the API generation whose host the notes name.
    :param service: the service of the input; one has the name of a secret.
    """
    if isinstance(document, list):
        return [without_secrets(each, api, notes, path, service) for each in document]
    if not isinstance(document, Mapping):
        return document
    kept = {}
    for key, value in document.items():
        place = child_path(path, str(key))
        if isinstance(key, str) and is_secret_name(key) and key != service:
            notes.append(f"{place} is left out: {no_secrets(host_of(api))}.")
        else:
            kept[key] = without_secrets(value, api, notes, place, _SERVICES.get(key, service))
    return kept


def migrated(document: Document, api: Api, notes: list[str]) -> Document:
    """Return a copy of a document, converted for an API generation. Only its indicators and alerts change.

    :param document: a valid one, without secrets.
    :param notes: gets what was left out, and what people must check.
    """
    new = deepcopy(document)
    inputs = new["inputs"] if isinstance(new.get("inputs"), dict) else new
    if _is_on(inputs.get(INDICATORS)):
        inputs[INDICATORS] = _indicators(inputs[INDICATORS], api, notes)
    if _is_on(inputs.get(ALERTS)):
        inputs[ALERTS] = _alerts(inputs[ALERTS], api, notes)
        # Without a change, a file for legacy was one of legacy, so its alerts have the keys that they had.
        for holder in _holders(inputs[ALERTS], "alerts") if api is not Api.LEGACY or new != document else ():
            _warn_of_obfuscation(holder, notes, condition=f" if the alerts came from {other_alerts(api)}")
    return new


def other_alerts(api: Api) -> str:
    """Return, in words, the API generations whose alerts are other documents than those of ``api``."""
    return " or ".join(sorted({*Api} - with_same_documents(api, DataSet.ALERTS)))


def _is_on(entry: object) -> bool:
    return isinstance(entry, dict) and not is_off(entry)


def _indicators(entry: Document, api: Api, notes: list[str]) -> Document:
    entry = _unfolded(entry, ("indicators",))
    holders = [*_holders(entry, "indicators")]
    service = holders[0]
    holder_of_lookups = next(holder for holder in holders if holder.get("lookups"))
    old_lookups = by_type(holder_of_lookups["lookups"])
    for holder in holders:
        drop_options(holder, api, notes, of=DataSet.INDICATORS)
    for name, settings in [*old_lookups.items(), *((name, service.get(name)) for name in old_lookups)]:
        drop_options(settings or {}, api, notes, of=name)
    migration = LookupMigration(api, notes)
    holder_of_lookups["lookups"] = migration.migrated(holder_of_lookups["lookups"], service)
    if migration.is_foreign:
        for name in old_lookups:
            service.pop(name, None)
    for holder in holders:
        if migration.is_foreign:
            _warn_of_obfuscation(holder, notes)
            holder |= {"lookup_status": "New"} if "lookup_status" in holder else {}
        _drop_filters(holder, DataSet.INDICATORS, api, notes)
    for name, settings in by_type(holder_of_lookups["lookups"]).items():
        _drop_filters(settings or {}, DataSet.INDICATORS, api, notes, of=name)
    return entry


def _alerts(entry: Document, api: Api, notes: list[str]) -> Document:
    entry = _unfolded(entry, ("alerts", *FEEDS))
    for kind in FEEDS:
        for holder in (entry, entry.get("services")):
            if isinstance(holder, dict) and kind in holder and not serves(api, DataSet(kind)):
                del holder[kind]
                notes.append(f"{kind} cannot be read on {api}: left out.")
    for holder in _holders(entry, "alerts"):
        _drop_filters(holder, DataSet.ALERTS, api, notes)
    return entry


def _drop_filters(settings: Document, data_set: DataSet, api: Api, notes: list[str], *, of: str = "") -> None:
    """Remove the filters that an API generation does not have, and note that more is read then."""
    known, filters = endpoint_of(api, data_set).filters, settings.get("filters") or {}
    for name in [name for name in filters if name not in known]:
        del filters[name]
        notes.append(
            f"The filter {name} of {of or data_set} does not exist on {api}: left out, so that more is read. Filters "
            f"there: {', '.join(sorted(known)) or 'none'}."
        )
    if not filters:
        settings.pop("filters", None)


def _holders(entry: Document, service: str) -> Iterator[Document]:
    """Yield the mappings that hold the settings of an input, the one that outranks the others first."""
    for holder in (entry.get("services"), entry):
        if isinstance(holder, dict) and isinstance(holder.get(service), dict):
            yield holder[service]
    yield entry


def _unfolded(entry: Document, services: Iterable[str]) -> Document:
    """Return an input with dotted keys as mappings."""
    problems = Problems("")
    result = dict(Section(entry, "", problems).unfolded({"services", *services}))
    if isinstance(result.get("services"), dict):
        result["services"] = dict(Section(result["services"], "", problems).unfolded({*services}))
    return result


def _warn_of_obfuscation(holder: Document, notes: list[str], *, condition: str = "") -> None:
    if rules := holder.get("obfuscation"):
        paths = ", ".join(str(rule.get("path")) for rule in rules if isinstance(rule, dict))
        notes.append(
            f"CHECK the obfuscation of {paths}{condition}: records of another API generation have other keys, and a "
            "rule without its key hides nothing."
        )
