"""Reads a configuration file, YAML or JSON, into plain mappings and lists.

Errors name keys and positions, never values: a file may hold a secret by mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config.problems import Problems, child_path
from airflow_provider_flashpoint.errors import ConfigurationError

_YAML_TAG = "tag:yaml.org,2002:"
# Numbers and times stay text until their setting reads them. So `id: 0123` keeps its zero, and a wrong date is
# reported with its key.
_RESOLVED_TAGS = {f"{_YAML_TAG}{name}" for name in ("bool", "null", "merge")}
_QUOTED = re.compile(r"'(?!<[a-z ]+>')[^']{2,}'")


def read_document(file: Path) -> Any:
    """Return the content of a file: JSON if its name ends in ``.json``, otherwise YAML.

    Shape: mappings, lists, text, booleans and None; with JSON, also numbers.

    :raises ConfigurationError: the file cannot be read, is not UTF-8, not YAML or JSON, or has a key twice.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{file}: the file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        # Not chained: the cause holds the bytes of the file.
        raise ConfigurationError(f"{file}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None
    return _read_json(text, file) if file.suffix.lower() == ".json" else _read_yaml(text, file)


def _read_yaml(text: str, file: Path) -> Any:
    import yaml

    loader = None
    try:
        loader = _loader_class()(text)
        node = loader.get_single_node()
        if node is None:
            raise ConfigurationError(f"{file}: the file is empty.")
        _refuse_repeated(file, _repeated_in_nodes(node))
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = _QUOTED.sub("'…'", error.problem or "it cannot be read")
        raise ConfigurationError(f"{file}: {place}not valid YAML: {problem}.") from None
    except yaml.reader.ReaderError as error:
        raise ConfigurationError(
            f"{file}: not valid YAML: character {error.position} is one that YAML does not allow."
        ) from None
    except RecursionError:
        raise ConfigurationError(f"{file}: not valid YAML: it is nested too deeply.") from None
    except ValueError as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{file}: not valid YAML: a tagged value cannot be read.") from None
    finally:
        if loader is not None:
            loader.dispose()


@cache
def _loader_class() -> Any:
    import yaml

    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, form) for tag, form in candidates if tag in _RESOLVED_TAGS]
        for first, candidates in base.yaml_implicit_resolvers.items()
    }
    return type("CollectorLoader", (base,), {"yaml_implicit_resolvers": resolvers})


def _repeated_in_nodes(root: Any) -> Iterator[tuple[str, str]]:
    """Yield the path and the line of each key that its mapping has twice. Aliases are followed once."""
    from yaml import MappingNode, ScalarNode, SequenceNode

    waiting, seen = [(root, "")], set()
    while waiting:
        node, path = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            waiting += [(item, f"{path}[{index}]") for index, item in enumerate(node.value)]
        elif isinstance(node, MappingNode):
            keys = set()
            for key, value in node.value:
                if not isinstance(key, ScalarNode):
                    continue
                inner = child_path(path, key.value)
                if key.value in keys and key.tag != f"{_YAML_TAG}merge":
                    yield inner, f", again in line {key.start_mark.line + 1}"
                keys.add(key.value)
                waiting.append((value, inner))


class _JsonObject(dict[str, Any]):
    """A JSON object, and the keys that it had twice."""

    repeated: tuple[str, ...] = ()


def _json_object(pairs: list[tuple[str, Any]]) -> _JsonObject:
    result = _JsonObject(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        result.repeated = tuple(name for name in result if names.count(name) > 1)
    return result


def _read_json(text: str, file: Path) -> Any:
    try:
        document = json.loads(text, object_pairs_hook=_json_object)
    except json.JSONDecodeError as error:
        # Not chained: the cause holds the text of the file.
        raise ConfigurationError(
            f"{file}: line {error.lineno}, column {error.colno}: not valid JSON: {error.msg}."
        ) from None
    except RecursionError:
        raise ConfigurationError(f"{file}: not valid JSON: it is nested too deeply.") from None
    except ValueError:
        raise ConfigurationError(f"{file}: not valid JSON: a number cannot be read.") from None
    _refuse_repeated(file, _repeated_in_json(document))
    return document


def _repeated_in_json(root: Any) -> Iterator[tuple[str, str]]:
    waiting = [(root, "")]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, _JsonObject):
            yield from ((child_path(path, name), "") for name in value.repeated)
            waiting += [(inner, child_path(path, name)) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(item, f"{path}[{index}]") for index, item in enumerate(value)]


def _refuse_repeated(file: Path, repeated: Iterator[tuple[str, str]]) -> None:
    problems = Problems(str(file))
    for path, place in repeated:
        problems.add(path, f"the key is there twice{place}; keep one")
    problems.raise_if_any()
