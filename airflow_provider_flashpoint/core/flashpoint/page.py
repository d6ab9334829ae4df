"""Pages: the answers of a list endpoint, as they arrive and with their records decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.errors import MalformedPageError

Record = dict[str, Any]
Page = list[Record]
"""The records of one answer, or of a part of it, in the server's order."""

REPORT = "Report it to Flashpoint."
"""The remedy where an answer breaks the contract of its endpoint."""

_DECODED_AT_ONCE = 100  # records; decoded, they need several times the memory of their text


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a list endpoint, before its records are decoded.

    :param items: the records, as `msgspec.Raw` or already decoded.
    :param body: all of the answer; the items of its lists may be raw.
    :param path: names the endpoint in errors.
    :param size: bytes of the answer.
    :param total: the server's count of records in the whole window, None where it sends none.
    :param decode: decodes one raw record.
    :param clean: removes what no caller may see from a decoded record.
    """

    items: list[Any]
    body: Any = None
    path: str = ""
    size: int = 0
    total: int | None = None
    decode: Callable[[msgspec.Raw], Any] = codec.decode
    clean: Callable[[Record], Record] | None = None

    def field(self, key: str) -> Any:
        """Return the value under ``key`` of the body, None where there is none."""
        return self.body.get(key) if isinstance(self.body, Mapping) else None

    def record(self, number: int) -> Record:
        """Return one decoded record; a negative number counts from the end.

        :raises MalformedPageError: it is not an object; the message has its type, never its content.
        """
        item = self.items[number]
        record = self.decode(item) if isinstance(item, msgspec.Raw) else item
        if not isinstance(record, dict):
            raise MalformedPageError(
                f"{self.path}: element {number} of the page is {_shape(record)}, not an object. {REPORT}"
            )
        return self.clean(record) if self.clean else record

    def records(self) -> list[Record]:
        """Return all records, decoded; errors as in `record`."""
        return list(map(self.record, range(len(self.items))))

    def pages(self, start: int = 0) -> Iterator[Page]:
        """Yield the decoded records from number ``start`` on, in parts; errors as in `record`."""
        for first in range(start, len(self.items), _DECODED_AT_ONCE):
            yield [self.record(number) for number in range(first, min(first + _DECODED_AT_ONCE, len(self.items)))]


def value_at(value: Any, path: str) -> Any:
    """Return the value under keys that are joined by dots, None where there is none."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def without(body: Any, path: str) -> Any:
    """Return a copy of ``body`` with null under keys that are joined by dots, where it has them."""
    key, _, rest = path.partition(".")
    if not isinstance(body, Mapping) or key not in body:
        return body
    return {**body, key: without(body[key], rest) if rest else None}


def items_of(body: Any, *, key: str | None, path: str) -> list[Any]:
    """Return the list of records of a page: the body itself, or the list under ``key``, keys joined by dots.

    Services write "no records" in several ways: null, or an empty list, object or text, as the body or under ``key``.

    :raises MalformedPageError: the body has another shape; the message has its shape, never its content.
    """
    found = body
    for part in key.split(".") if key is not None else ():
        if isinstance(found, Mapping) and found:
            found = found.get(part, body)
        if found is body:
            break
    if found is None or found in ("", {}, []):
        return []
    if not isinstance(found, list) or (key is not None and found is body):
        expected = "a list" if key is None else f"an object with a list under `{key}`"
        raise MalformedPageError(
            f"{path} answered {_shape(body)}; expected {expected}. Check `host` and `api` of the Flashpoint connection."
        )
    return found


def _shape(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"an object with the keys {[safe_to_show(key, 40) for key in sorted(map(str, value))[:10]]}"
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), f"a {type(value).__name__}")
