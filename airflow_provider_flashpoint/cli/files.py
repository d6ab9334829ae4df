"""The configuration files that a command reads: those of the option ``--config``, or those of the DAG files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from airflow_provider_flashpoint.config import CollectorConfig
from airflow_provider_flashpoint.config.load import (
    FILE_NAME,
    PATH_VARIABLE,
    ConfigFile,
    collector_config_paths,
    read_config_files,
)
from airflow_provider_flashpoint.errors import ConfigurationError

_DAGS_FOLDER = "AIRFLOW__CORE__DAGS_FOLDER"
FILE_HELP = (
    f"a configuration file, or a folder of them; by default those that {PATH_VARIABLE} names, else {FILE_NAME} in "
    f"${_DAGS_FOLDER}, in ./dags, in $AIRFLOW_HOME/dags or in the DAG folder of Airflow's configuration"
)


def add_file_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` to the parser of a command."""
    parser.add_argument(
        "--config", type=Path, action="append", metavar="FILE", help=f"{FILE_HELP}. May be given several times."
    )


def read_files(places: Sequence[Path] | None) -> list[ConfigFile]:
    """Return the configuration files of these places, or of the first default place that has one.

    :raises ConfigurationError: there is none; the message names the places.
    """
    if places:
        return read_config_files(places)
    dags_folder = os.environ.get(_DAGS_FOLDER)
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    folders = [*([Path(dags_folder).expanduser()] if dags_folder else []), Path("dags"), home / "dags"]
    missing: dict[str, None] = {}
    for folder in chain(folders, _folder_of_airflow()):
        default = collector_config_paths(folder)
        if any(map(os.path.exists, default)):
            return read_config_files(default)
        missing |= dict.fromkeys(map(str, default))
    text = f"The configuration file is not at {', nor at '.join(missing)}."
    if os.environ.get(PATH_VARIABLE, "").strip():
        raise ConfigurationError(f"{text} Correct {PATH_VARIABLE}; several paths are joined by {os.pathsep!r}.")
    raise ConfigurationError(f"{text} Name the file, or set {PATH_VARIABLE} to its path.")


def _folder_of_airflow() -> Iterator[Path]:
    """Yield the DAG folder of Airflow's configuration, if Airflow is here: reading that takes a second."""
    if find_spec("airflow"):
        from airflow_provider_flashpoint.airflow_runtime.installation import dags_folder

        if folder := dags_folder():
            yield folder


def read_configs(places: Sequence[Path] | None) -> tuple[list[CollectorConfig], list[ConfigurationError]]:
    """Return the configurations of these places, see `read_files`, and why others have none."""
    try:
        files = read_files(places)
    except ConfigurationError as error:
        return [], [error]
    return [file.config for file in files if file.config], [file.error for file in files if file.error]
