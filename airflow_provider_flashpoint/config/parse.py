"""From a document in the collector's shape to a configuration, or to the part of it that is right."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from airflow_provider_flashpoint.config.lookups import meant_setting
from airflow_provider_flashpoint.config.model import CollectorConfig
from airflow_provider_flashpoint.config.obfuscation import check_rules
from airflow_provider_flashpoint.config.problems.collected import Problems, child_path, close_match
from airflow_provider_flashpoint.config.problems.section import Section
from airflow_provider_flashpoint.config.problems.validation import validated
from airflow_provider_flashpoint.config.shape import INPUTS, folded
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, DataSet
from airflow_provider_flashpoint.errors import ConfigurationError


def parse_collector_config(document: Any, *, source: str = "The configuration of the collector") -> CollectorConfig:
    """Return the configuration that a mapping in the collector's shape describes.

    :param document: the content of a file, as `read_document` returns it.
    :param source: the name of the file, for the message.
    :raises ConfigurationError: with one line for each problem: path of the key, its value, what is allowed.
    """
    config, error = parse_right_part(document, source=source)
    if error:
        raise error
    return config or CollectorConfig()


def parse_right_part(document: Any, *, source: str) -> tuple[CollectorConfig | None, ConfigurationError | None]:
    """Return the configuration without the parts that are wrong, and their problems; None where there are none.

    Left out are the lookups with a problem of their own, and the inputs with another problem. A problem outside of the
    inputs, such as a setting in the wrong place, may concern each of them, so no part is right then.
    """
    problems = Problems(source)
    settings = folded(document, problems)
    config = validated(CollectorConfig, settings, problems)
    for data_set in INPUT_NAMES:
        if section := settings.get(data_set):
            keys = {each["indicator_type"]: str(each.get("lookup_key") or "") for each in section.get("lookups", ())}
            check_rules(section, data_set, keys)
    error = problems.error()
    if not error:
        return config, None
    if not _leave_out_wrong(settings, problems.paths()):
        return None, error
    rest = Problems(source)
    config = validated(CollectorConfig, settings, rest)
    is_empty = rest.error() or not config or not any(config.inputs())
    return None if is_empty else config, error


def _leave_out_wrong(settings: Section, paths: Collection[str]) -> bool:
    """Remove the wrong lookups and inputs from ``settings``; return whether the problems are all in them.

    :param paths: the places of the problems.
    """
    others = set(paths)
    for data_set, name in INPUT_NAMES.items():
        found = {path for path in others if _is_within(path, name) or _is_within(path, f"inputs.{name}")}
        others -= found
        section = settings.get(data_set)
        if section and data_set is DataSet.INDICATORS:
            found = _without_wrong_lookups(section, found)
        if found or (section and not section.get("lookups", True)):
            settings[data_set] = None
    return not any(close_match(path.rpartition(".")[2], INPUTS) is None for path in others)


def _without_wrong_lookups(section: Section, paths: Collection[str]) -> set[str]:
    """Remove the lookups with a problem of their own, and return the places of the other problems.

    A wrong entry whose name may mean a setting is no lookup: the right ones must not run without this setting.
    """
    others, right = set(paths), []
    for lookup in section["lookups"]:
        own = (lookup.path, child_path(section.path, lookup["indicator_type"]))
        found = {path for path in paths if any(_is_within(path, place) for place in own)}
        if not found:
            right.append(lookup)
        elif not meant_setting(lookup["indicator_type"]):
            others -= found
    section["lookups"] = right
    item = re.compile(rf"{re.escape(section.place('lookups'))}\[\d+\]")  # has no lookup, and no setting either
    return {path for path in others if not item.fullmatch(path)}


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))
