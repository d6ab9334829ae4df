"""One answer of a list endpoint: its records and where the walk goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_flashpoint.errors import MalformedPageError

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Records in the server's order, and the ``next`` token where the endpoint hands one out.

    ``total`` is the number of records in the whole window by the server's word, None where it does not say.
    """

    records: list[Record]
    next: str | None = None
    total: int | None = None


def records_of(body: Any, *, key: str | None, path: str) -> list[Record]:
    """Return the list of records of a page: the body itself, or what stands under ``key``.

    :raises MalformedPageError: the body has another shape; the message tells the shape, never the content.
    """
    found = body if key is None else body.get(key) if isinstance(body, Mapping) else None
    if not isinstance(found, list):
        expected = "a list" if key is None else f"an object with a list under `{key}`"
        raise MalformedPageError(f"{path} answered {_shape(body)} where {expected} was due.")
    for number, record in enumerate(found):
        if not isinstance(record, dict):
            raise MalformedPageError(f"{path}: element {number} of the page is {_shape(record)}, not an object.")
    return found


def _shape(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"an object with the keys {sorted(map(str, value))[:10]}"
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), f"a {type(value).__name__}")
