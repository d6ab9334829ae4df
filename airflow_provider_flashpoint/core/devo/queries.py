"""Devo's query API, as far as it takes to see whether events have arrived: which ids a table shows.

Devo counts the events of each id, and the answer is read as a stream, so memory grows neither with the table nor with
the answer. Paths and shapes: the vendor's guide (python-sdk, docs/api/api.md).
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from datetime import datetime

import requests

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.reason import MAX_REASON_CHARACTERS, error_reason, network_cause
from airflow_provider_flashpoint.errors import ConfigurationError, NetworkError, ServerError

DEFAULT_MESSAGE_COLUMN = "rawMessage"  # where Devo's parsers keep an event as it came; in tables below my.app: message

_PATH = "/search/query"
_DATE_FORM = re.compile(r"^\([a-z]+\)")
_TABLE = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_READ_BYTES = 1 << 16

_log = logging.getLogger(__name__)


def ids_query(tag: str, id_field: str, *, message_column: str = DEFAULT_MESSAGE_COLUMN) -> str:
    """Return the LINQ text that counts the events of each id. It holds no value of any record.

    :param tag: names the table; a form of dates before it, such as ``(usd)``, does not belong to the name.
    :param id_field: the key of the id in an event's JSON.
    :param message_column: the column that holds the event as it came.
    :raises ConfigurationError: one of them is not a plain name, and could say something else in a query.
    """
    table = _DATE_FORM.sub("", tag)
    for what, name, form in (
        ("tag", table, _TABLE),
        ("id", id_field, _NAME),
        ("message_column", message_column, _NAME),
    ):
        if not form.fullmatch(name):
            raise ConfigurationError(f"The {what} {name[:80]!r} cannot be used in a query: it is no plain name.")
    return (
        f"from {table}\n"
        f'select str(jsonparse({message_column})["{id_field}"]) as id\n'
        "where isnotnull(id)\n"
        "group by id\n"
        "select count() as events"
    )


class QueryClient:
    """Asks the tables of one Devo domain.

    :param http: sends the requests, with the token of the API.
    :param message_column: the column that holds an event as it came.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        message_column: str = DEFAULT_MESSAGE_COLUMN,
    ) -> None:
        self._http = http
        self._message_column = message_column

    def id_counts(self, tag: str, id_field: str, *, since: datetime) -> Iterator[tuple[str, int]]:
        """Yield each id that events of ``tag`` have, and how many, from ``since`` (whole seconds, eventdate) to now.

        :raises: what `HttpClient.send` raises; ServerError, NetworkError also on the way, where the answer breaks off.
        """
        request = {
            "query": ids_query(tag, id_field, message_column=self._message_column),
            "from": int(since.timestamp()),
            "to": "now",  # without an end the answer would have none, and by our clock it may lie in Devo's future
            "mode": {"type": "json/simple/compact"},
        }
        response = self._http.send(Request("POST", _PATH, json=request, stream=True))
        with contextlib.closing(response):
            yield from _counts(response)


def _counts(response: requests.Response) -> Iterator[tuple[str, int]]:
    """Yield the rows of an answer, which names its columns in its first line."""
    names: list[str] = []
    try:
        for line in response.iter_lines(chunk_size=_READ_BYTES):
            if not line.strip():
                continue
            value = codec.decode(line)
            if isinstance(value, dict) and isinstance(value.get("m"), dict):
                names = sorted(value["m"], key=lambda name: value["m"][name]["index"])
            elif isinstance(value, dict) and isinstance(value.get("d"), list):
                row = dict(zip(names, value["d"], strict=True))
                yield str(row["id"]), int(row["events"])
            else:
                reason = error_reason(value)[:MAX_REASON_CHARACTERS] or "it has another shape than it should"
                raise ServerError(f"Devo did not answer the query to its end: {reason}.")
    except requests.RequestException as error:
        raise NetworkError(f"Devo POST {_PATH}: {network_cause(error)}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError("Devo's answer to the query cannot be read, or was cut short.") from error
