"""From the configuration file to its values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config.document import read_document
from airflow_provider_flashpoint.config.model import CollectorConfig
from airflow_provider_flashpoint.config.obfuscation import check_rules
from airflow_provider_flashpoint.config.problems import Problems
from airflow_provider_flashpoint.config.shape import folded
from airflow_provider_flashpoint.config.validation import validated
from airflow_provider_flashpoint.errors import ConfigurationError

PATH_VARIABLE = "FLASHPOINT_COLLECTOR_CONFIG"
FILE_NAME = "flashpoint_collector.yaml"


def load_collector_config(path: str | os.PathLike[str]) -> CollectorConfig:
    """Return the configuration of a file in the collector's shape, YAML or JSON.

    :param path: the file, or the folder of the DAG file, in which `collector_config_path` finds the file.
    :raises ConfigurationError: the file cannot be read, or something in it is wrong; see `parse_collector_config`.
    """
    file = Path(path)
    if file.is_dir():
        file = collector_config_path(file)
    if not file.exists():
        raise ConfigurationError(
            f"{file}: there is no such file. Put the configuration of the collector there, "
            f"or set {PATH_VARIABLE} to the path of the file."
        )
    return parse_collector_config(read_document(file), source=str(file))


def parse_collector_config(document: Any, *, source: str = "The configuration of the collector") -> CollectorConfig:
    """Return the configuration that a mapping in the collector's shape describes.

    :param document: the content of a file, as `read_document` returns it.
    :param source: the name of the file, for the message.
    :raises ConfigurationError: with one line for each problem: path of the key, its value, what is allowed.
    """
    problems = Problems(source)
    settings = folded(document, problems)
    config = validated(CollectorConfig, settings, problems)
    for data_set in ("indicators", "alerts"):
        if section := settings.get(data_set):
            keys = {each["indicator_type"]: str(each.get("lookup_key", "")) for each in section.get("lookups", ())}
            check_rules(section, data_set, keys)
    problems.raise_if_any()
    return config or CollectorConfig()


def collector_config_path(dags_folder: str | os.PathLike[str]) -> Path:
    """Return the path of the configuration file, whether it exists or not.

    :param dags_folder: the folder of the DAG file. A relative path in ``FLASHPOINT_COLLECTOR_CONFIG`` begins there.
    :raises ConfigurationError: that variable begins with ``~`` and a user whom this machine does not have.
    """
    named = os.environ.get(PATH_VARIABLE, "").strip()
    try:
        return Path(dags_folder) / (Path(named).expanduser() if named else FILE_NAME)
    except RuntimeError as error:
        raise ConfigurationError(
            f"{PATH_VARIABLE} begins with a user that this machine does not have: {named}. Write the whole path."
        ) from error
