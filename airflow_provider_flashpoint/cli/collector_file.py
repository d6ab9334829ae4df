"""Where the collector's configuration file is, for a person who may not say so."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from airflow_provider_flashpoint.config import collector_config_path
from airflow_provider_flashpoint.config.load import FILE_NAME, PATH_VARIABLE
from airflow_provider_flashpoint.errors import ConfigurationError

_DAGS_FOLDER = "AIRFLOW__CORE__DAGS_FOLDER"
HELP = (
    f"the collector's configuration; by default what {PATH_VARIABLE} names, else {FILE_NAME} in ${_DAGS_FOLDER}, "
    "in ./dags or in $AIRFLOW_HOME/dags"
)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a command the option that names the file."""
    parser.add_argument("--config", type=Path, metavar="FILE", help=HELP)


def find(given: Path | None) -> Path:
    """Return the path of the file: the given one, or the first place that has one.

    :raises ConfigurationError: none of the places has one; the message names them.
    """
    if given is not None:
        return collector_config_path(given) if given.is_dir() else given
    named = os.environ.get(_DAGS_FOLDER)
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    folders = [*([Path(named).expanduser()] if named else []), Path("dags"), home / "dags"]
    places = [collector_config_path(folder) for folder in folders]
    for place in places:
        if place.exists():
            return place
    raise ConfigurationError(
        f"The configuration of the collector is not at {', nor at '.join(dict.fromkeys(map(str, places)))}. "
        f"Name the file, or set {PATH_VARIABLE} to its path."
    )
