"""Reads a configuration file, YAML or JSON, into plain mappings and lists.

Errors name keys and positions, never values: a file may hold a secret by mistake.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config.problems.collected import Problems, child_path
from airflow_provider_flashpoint.errors import ConfigurationError

_YAML_TAG = "tag:yaml.org,2002:"
# Numbers and times stay text until their setting reads them. So `id: 0123` keeps its zero, and a wrong date is
# reported with its key.
_RESOLVED_TAGS = {f"{_YAML_TAG}{name}" for name in ("bool", "null", "merge")}


def read_document(file: Path) -> Any:
    """Return the content of a file, see `document_of`.

    :raises ConfigurationError: as `text_of` and `document_of`.
    """
    return document_of(text_of(file), file)


def text_of(file: Path) -> str:
    """Return the text of a file.

    :raises ConfigurationError: the file cannot be read, or is not UTF-8.
    """
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{file}: the file cannot be read: {error.strerror}. Check its rights.") from error
    except UnicodeDecodeError as error:
        # Not chained: the cause holds the bytes of the file.
        raise ConfigurationError(f"{file}: byte {error.start} is not UTF-8; save the file as UTF-8.") from None


def document_of(text: str, file: Path) -> Any:
    """Return the content of a text: JSON if the name of its file ends in ``.json``, otherwise YAML.

    Shape: mappings, lists, text, booleans and None; with JSON, also numbers.

    :raises ConfigurationError: the text is not YAML or JSON, or has a key twice.
    """
    language, read = ("JSON", _read_json) if file.suffix.lower() == ".json" else ("YAML", _read_yaml)
    try:
        return read(text, file)
    except RecursionError:
        raise ConfigurationError(f"{file}: not valid {language}: it is nested too deeply.") from None


def _read_yaml(text: str, file: Path) -> Any:
    import yaml

    from airflow_provider_flashpoint.config.problems.yaml_errors import place_and_cause

    loader = None
    try:
        loader = _loader_class()(text)
        node = loader.get_single_node()
        if node is None:
            raise ConfigurationError(f"{file}: the file is empty; it must hold a mapping with the key inputs.")
        _refuse_repeated(file, node, _entries_of_node)
        return loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        place, cause = place_and_cause(error, text)
        raise ConfigurationError(f"{file}: {f'{place}: ' if place else ''}not valid YAML: {cause}.") from None
    except yaml.reader.ReaderError as error:
        raise ConfigurationError(
            f"{file}: not valid YAML: character {error.position} is one that YAML does not allow."
        ) from None
    except ConfigurationError:
        raise
    except ValueError:
        raise ConfigurationError(f"{file}: not valid YAML: a tagged value cannot be read; remove its tag.") from None
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


def _entries_of_node(node: Any) -> Iterator[tuple[str | int, Any, str | None]]:
    from yaml import MappingNode, ScalarNode, SequenceNode

    if isinstance(node, SequenceNode):
        yield from ((index, item, None) for index, item in enumerate(node.value))
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                may_repeat = key.tag == f"{_YAML_TAG}merge"
                yield key.value, value, None if may_repeat else f", again in line {key.start_mark.line + 1}"


class _JsonObject(dict[str, Any]):
    """A JSON object that keeps all its pairs, also those of a key that is there twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _entries_of_json(value: Any) -> Iterator[tuple[str | int, Any, str | None]]:
    if isinstance(value, _JsonObject):
        yield from ((name, inner, "") for name, inner in value.pairs)
    elif isinstance(value, list):
        yield from ((index, item, None) for index, item in enumerate(value))


def _place_and_cause(error: json.JSONDecodeError, text: str) -> tuple[str, str]:
    """Return the place and the cause of an error; a comma is wrong where the text before the error ends."""
    at, cause = error.pos, error.msg
    is_missing = cause.startswith("Expecting ',' delimiter")
    is_extra = cause.startswith("Illegal trailing comma")  # since Python 3.13
    if is_missing or text[at : at + 1] in ("}", "]"):
        at = len(text[:at].rstrip()) - 1
        is_extra = text[at] == ","
    if is_missing:
        cause = "a comma or a bracket is missing after this"
    elif is_extra:
        cause = "a comma before the end"
    return f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}", cause


def _read_json(text: str, file: Path) -> Any:
    try:
        document = json.loads(text, object_pairs_hook=_JsonObject)
    except json.JSONDecodeError as error:
        place, cause = _place_and_cause(error, text)
        # Not chained: the cause holds the text of the file.
        raise ConfigurationError(f"{file}: {place}: not valid JSON: {cause}.") from None
    except ValueError:
        raise ConfigurationError(f"{file}: not valid JSON: a number cannot be read.") from None
    _refuse_repeated(file, document, _entries_of_json)
    return document


def _refuse_repeated(
    file: Path, root: Any, entries_of: Callable[[Any], Iterator[tuple[str | int, Any, str | None]]]
) -> None:
    """Refuse keys that their mapping has twice. Aliases are followed once.

    :param entries_of: returns key or index, value, and where the key is; None in the place of keys that may repeat.
    """
    problems = Problems(str(file))
    waiting, seen = [(root, "")], set()
    while waiting:
        holder, path = waiting.pop()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        keys = set()
        for key, value, place in entries_of(holder):
            inner = f"{path}[{key}]" if isinstance(key, int) else child_path(path, key)
            if key in keys and place is not None:
                problems.add(inner, f"the key is there twice{place}; keep one")
            keys.add(key)
            waiting.append((value, inner))
    problems.raise_if_any()
