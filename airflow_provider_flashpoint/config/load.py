"""From the configuration files to their values.

Several files stand side by side: each has a ``name``, and makes its own DAGs. What is wrong has no DAG or task: a
lookup, an input or a whole file. All the rest keeps its own.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config.document import read_document
from airflow_provider_flashpoint.config.model import CollectorConfig
from airflow_provider_flashpoint.config.parse import parse_collector_config, parse_right_part
from airflow_provider_flashpoint.config.problems.collected import Problems, close_match
from airflow_provider_flashpoint.config.shape import INPUTS
from airflow_provider_flashpoint.core.flashpoint.api import FEED_DATA_SETS
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.errors import ConfigurationError

PATH_VARIABLE = "FLASHPOINT_COLLECTOR_CONFIG"
FILE_NAME = "flashpoint_collector.yaml"
_HEADS = INPUTS | {"inputs"}
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A file, its configuration, and why parts of it, or all of it, are left out.

    Both are None for a file of a folder that is no configuration of the collector.
    """

    path: Path
    config: CollectorConfig | None = None
    error: ConfigurationError | None = None


def load_collector_configs(dags_folder: str | os.PathLike[str], *, strict: bool = False) -> list[CollectorConfig]:
    """Return the configurations that a DAG file makes its DAGs from, without their wrong parts.

    Airflow runs no DAG of a file with an import error. So problems are only logged here, and a DAG file without DAGs
    shows them: it is ``strict``.

    :param dags_folder: the folder of the DAG file, see `collector_config_paths`.
    :raises ConfigurationError: nothing is right; with ``strict``, something is wrong.
    """
    files = read_config_files(collector_config_paths(dags_folder))
    errors = [file.error for file in files if file.error]
    configs = [file.config for file in files if file.config]
    if errors and (strict or not configs):
        raise _joined(*errors)
    for error in errors:
        _log.error("What is wrong here has no DAG or task. %s", error)
    return configs


def _joined(*errors: ConfigurationError | None) -> ConfigurationError:
    found = [error for error in errors if error]
    return found[0] if len(found) == 1 else ConfigurationError("\n  ".join(map(str, found)))


def read_config_files(places: Iterable[Path]) -> list[ConfigFile]:
    """Return the files of these places, each with its configuration or its problem.

    A folder stands for its files: ``*.yaml``, ``*.yml`` and ``*.json``, unless they are hidden or have none of the
    collector's keys. Two configurations of one name are both wrong, since the DAGs of that name could belong to either.
    Of two that deliver one stream, the later one is wrong.
    """
    found = {os.path.realpath(file.path): file for place in places for file in _files_of(place)}
    return list(_without_conflicts(list(found.values())))


def _files_of(place: Path) -> list[ConfigFile]:
    try:
        if not place.is_dir():
            return [_read(place)]
        inside = [file for file in sorted(place.iterdir()) if file.suffix.lower() in _SUFFIXES and not file.is_dir()]
    except OSError as error:
        return [ConfigFile(place, error=ConfigurationError(f"{place}: it cannot be read: {error.strerror}."))]
    found = [_read(file, is_listed=True) for file in inside if not file.name.startswith(".")]
    if any(file.config or file.error for file in found):
        return found
    text = f"{place}: the folder holds no configuration of the collector (*.yaml, *.yml or *.json)."
    return [*found, ConfigFile(place, error=ConfigurationError(text))]


def _read(file: Path, *, is_listed: bool = False) -> ConfigFile:
    """Read a file. One that is only listed in a folder may be of another program: then it has no key of ours."""
    try:
        document = _document(file)
        if is_listed and not (isinstance(document, Mapping) and any(close_match(str(key), _HEADS) for key in document)):
            return ConfigFile(file)
        return ConfigFile(file, *parse_right_part(document, source=str(file)))
    except ConfigurationError as error:
        return ConfigFile(file, error=error)
    except Exception as error:  # whatever is wrong with one file, the others have their DAGs
        return ConfigFile(file, error=ConfigurationError(f"{file}: it cannot be read ({type(error).__name__})."))


def _without_conflicts(files: Sequence[ConfigFile]) -> Iterator[ConfigFile]:
    """Yield the files, the nameless one first. One with the name or a stream of another one has that problem."""
    paths = defaultdict(list)
    for file in files:
        if file.config:
            paths[_key(file)].append(file.path)
    takers: dict[tuple[str, ...], Path] = {}
    for file in sorted(files, key=_key):
        if not file.config:
            yield file
            continue
        problems = Problems(str(file.path))
        name, others = file.config.name, [path for path in paths[_key(file)] if path != file.path]
        if others:
            problem = f"{name!r} is the name of" if name else "missing, as in"
            problems.add("name", f"{problem} {' and '.join(map(str, others))} too; name each configuration differently")
        streams = [] if others else list(_streams(file.config))
        for what, *conn_ids in filter(takers.get, streams):
            taker = takers[what, *conn_ids]
            problems.add(
                "",
                f"the {what} over {' and '.join(conn_ids)} is filled by {taker} too; leave it to one of them, or use "
                "another name or connection",
            )
        error = problems.error()
        if not error:
            takers |= dict.fromkeys(streams, file.path)
        yield replace(file, config=None, error=_joined(error, file.error)) if error else file


def _key(file: ConfigFile) -> str:
    """Return the name that must differ from file to file, in any case of its letters."""
    return file.config.name.casefold() if file.config else ""


def _streams(config: CollectorConfig) -> Iterator[tuple[str, ...]]:
    """Yield what one configuration alone may fill: a lookup of a Devo, or a table of a Devo from one Flashpoint.

    Two Flashpoints may add to one table. A lookup of two would be replaced by each that builds it.
    """
    if config.indicators:
        devo = config.indicators.devo_conn_id
        yield from ((f"lookup {lookup.lookup_name}", devo) for lookup in config.indicators.lookups)
    for data_set, found in config.inputs():
        feeds = {kind.value: getattr(found, kind, None) for kind in FEED_DATA_SETS}
        for kind, feed in {data_set.value: found, **feeds}.items():
            if tag := getattr(feed, "tag", None):
                yield f"table {tag} of the {kind}", found.devo_conn_id, found.flashpoint_conn_id


def load_collector_config(path: str | os.PathLike[str]) -> CollectorConfig:
    """Return the configuration of one file in the collector's shape, YAML or JSON.

    :param path: the file, or the folder of the DAG file, in which `collector_config_path` finds the file.
    :raises ConfigurationError: the file cannot be read, or something in it is wrong; see `parse_collector_config`.
    """
    file = Path(path)
    if file.is_dir():
        file = collector_config_path(file)
    return parse_collector_config(_document(file), source=str(file))


def _document(file: Path) -> Any:
    if not file.exists():
        raise ConfigurationError(
            f"{file}: there is no such file. Put the configuration of the collector there, or name another path in "
            f"{PATH_VARIABLE}; several paths are joined by {os.pathsep!r}."
        )
    return read_document(file)


def collector_config_path(dags_folder: str | os.PathLike[str]) -> Path:
    """Return the path of the configuration where there is one, whether it exists or not.

    :param dags_folder: the folder of the DAG file. A relative path in ``FLASHPOINT_COLLECTOR_CONFIG`` begins there.
    :raises ConfigurationError: that variable begins with ``~`` and a user whom this machine does not have.
    """
    return _path(dags_folder, os.environ.get(PATH_VARIABLE, "").strip())


def collector_config_paths(dags_folder: str | os.PathLike[str]) -> list[Path]:
    """Return the files and folders that ``FLASHPOINT_COLLECTOR_CONFIG`` names, joined by ``:``; see above."""
    whole = collector_config_path(dags_folder)
    named = os.environ.get(PATH_VARIABLE, "").split(os.pathsep)
    if len(named) == 1 or os.path.lexists(whole):  # the name of a file may hold a colon
        return [whole]
    return [_path(dags_folder, part.strip()) for part in named if part.strip()] or [whole]


def _path(dags_folder: str | os.PathLike[str], named: str) -> Path:
    try:
        return Path(dags_folder) / (Path(named).expanduser() if named else FILE_NAME)
    except RuntimeError as error:
        raise ConfigurationError(
            f"{PATH_VARIABLE} begins with a user that this machine does not have: {named}. Write the whole path."
        ) from error
