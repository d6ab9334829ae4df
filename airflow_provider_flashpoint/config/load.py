"""From the place of the configuration file to its values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from airflow_provider_flashpoint.config.document import read_document
from airflow_provider_flashpoint.config.inputs import parse_collector_config
from airflow_provider_flashpoint.config.model import CollectorConfig
from airflow_provider_flashpoint.errors import ConfigurationError

PATH_VARIABLE = "FLASHPOINT_COLLECTOR_CONFIG"
FILE_NAME = "flashpoint_collector.yaml"


def load_collector_config(path: str | os.PathLike[str], *, environ: Mapping[str, str] = os.environ) -> CollectorConfig:
    """Return the configuration of a file in the collector's shape, YAML or JSON.

    :param path: the file, or the folder of the DAG file, where `collector_config_path` says which file it is.
    :param environ: where ``FLASHPOINT_COLLECTOR_CONFIG`` may be set; not looked at where ``path`` is a file.
    :raises ConfigurationError: the file cannot be read, or something in it is wrong; then with one line for
        each problem: the full path of the key, its value, what is allowed.
    """
    file = Path(path)
    if file.is_dir():
        file = collector_config_path(file, environ)
    if not file.exists():
        raise ConfigurationError(
            f"{file}: there is no such file. Put the configuration of the collector there, "
            f"or set {PATH_VARIABLE} to the path of the file."
        )
    return parse_collector_config(read_document(file), source=str(file))


def collector_config_path(dags_folder: str | os.PathLike[str], environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the configuration file should be; does not look whether it is there.

    :param dags_folder: the folder of the DAG file, to which a relative path in the variable is relative too.
    :param environ: where ``FLASHPOINT_COLLECTOR_CONFIG`` may be set.
    """
    named = environ.get(PATH_VARIABLE, "").strip()
    return Path(dags_folder) / (Path(named).expanduser() if named else FILE_NAME)
