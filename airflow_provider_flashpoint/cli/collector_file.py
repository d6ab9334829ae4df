"""Where the collector's configuration file is, for a person who may not say so."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from airflow_provider_flashpoint.config import collector_config_path
from airflow_provider_flashpoint.config.load import FILE_NAME, PATH_VARIABLE

_DAGS_FOLDER = "AIRFLOW__CORE__DAGS_FOLDER"
HELP = (
    f"the collector's configuration; by default what {PATH_VARIABLE} names, else {FILE_NAME} in ${_DAGS_FOLDER}, "
    "in ./dags or in $AIRFLOW_HOME/dags"
)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Give a command the option that names the file."""
    parser.add_argument("--config", type=Path, metavar="FILE", help=HELP)


def find(given: Path | None) -> Path:
    """Return the path of the file: the given one, or the first place that has one, or the first place of all."""
    if given is not None:
        return collector_config_path(given) if given.is_dir() else given
    named = os.environ.get(_DAGS_FOLDER)
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    folders = [*([Path(named).expanduser()] if named else []), Path("dags"), home / "dags"]
    places = [collector_config_path(folder) for folder in folders]
    return next((place for place in places if place.exists()), places[0])
