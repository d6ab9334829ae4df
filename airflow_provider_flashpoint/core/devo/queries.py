"""Devo's query API, to verify that events have arrived.

Devo counts the events of each id. The answer is read as a stream, so memory grows neither with the table nor with the
answer. Paths and shapes: the vendor's guide (python-sdk, docs/api/api.md).
"""

from __future__ import annotations

import codecs
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import requests
import urllib3

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.devo.connection.api import api_client
from airflow_provider_flashpoint.core.devo.transport import need
from airflow_provider_flashpoint.core.http.body import AnswerLimits
from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.reason import error_reason, network_cause
from airflow_provider_flashpoint.core.identity import id_of
from airflow_provider_flashpoint.core.secrets.foreign_text import harmless, safe_to_show
from airflow_provider_flashpoint.errors import ConfigurationError, NetworkError, RejectedError, ServerError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.settings import DevoSettings

# The column in which Devo's parsers keep an event unchanged; in tables below my.app it is message.
DEFAULT_MESSAGE_COLUMN = "rawMessage"

_PATH = "/search/query"
_DATE_FORM = re.compile(r"^\([a-z]+\)")
_TABLE = re.compile(r"[A-Za-z0-9_]+([.-][A-Za-z0-9_]+)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIMITS = AnswerLimits(max_bytes=4 << 30)  # of one query, which is not held in memory
_BLANK = b" \t\r\n" + codecs.BOM_UTF8  # around a line
# Devo answers a wrong query, an unknown table included, with status 500. Other reasons, such as an overload, may pass.
_QUERY_FAULT = re.compile(
    r"\bMISSING_RESOURCE\b|\bQUERY_(PARSING|SYNTAX|SEMANTIC|VALIDATION)_ERROR\b|(Parse|Parsing|Syntax)(Error|Exception)\b"
)
_REMEDY = (
    "Check the tag, `message_column` and the right of the token to the table. A table below my.app exists only after "
    "its first event: send it with `verify: confirm`."
)


def ids_query(tag: str, id_field: str, *, message_column: str = DEFAULT_MESSAGE_COLUMN) -> str:
    """Return the LINQ query that counts the events of each id. It holds no value of any record.

    :param tag: the table; a prefix such as ``(usd)`` is not part of its name.
    :param id_field: the key of the id in an event's JSON.
    :param message_column: the column that holds the event unchanged.
    :raises ConfigurationError: one of them is not a plain name, and could change the query.
    """
    for what, name in (("id", id_field), ("message_column", message_column)):
        _check_plain(what, name, _NAME)
    return (
        f"{table_query(tag)}\n"
        f'select str(jsonparse({message_column})["{id_field}"]) as id\n'
        "where isnotnull(id)\n"
        "group by id\n"
        "select count() as events"
    )


def table_query(tag: str) -> str:
    """Return the LINQ query of all events of a table, see `ids_query`."""
    table = _DATE_FORM.sub("", tag)
    _check_plain("tag", table, _TABLE)
    return f"from `{table}`" if "-" in table else f"from {table}"


@dataclass(frozen=True)
class QueryClient:
    """Queries the tables of one Devo domain.

    :param http: sends the requests, with the token of the APIs.
    :param message_column: the column that holds an event unchanged.
    """

    http: HttpClient
    message_column: str = DEFAULT_MESSAGE_COLUMN

    def id_counts(self, tag: str, id_field: str, *, since: datetime) -> Iterator[tuple[str, int]]:
        """Yield each id in the events of ``tag`` and its number of events.

        :param since: the first date of the events (column ``eventdate``), in whole seconds; the last is now.
        :raises RejectedError: the query cannot succeed, for example because the table does not exist.
        :raises: the errors of `HttpClient.send`; ServerError, NetworkError also where the answer breaks off.
        """
        body = {
            "query": ids_query(tag, id_field, message_column=self.message_column),
            "from": int(since.timestamp()),
            # Without an end, Devo's answer would not end. By this machine's clock, the end might be in Devo's future.
            "to": "now()",
            "mode": {"type": "json/simple/compact"},
        }
        try:
            request = Request("POST", _PATH, json=body, permanent=_QUERY_FAULT, stream=True, accept=(200, 204))
            response = self.http.send(request)
            with contextlib.closing(response):
                yield from _counts(response, self.http.named(request))
        except RejectedError as error:
            raise RejectedError(f"{error} {_REMEDY}", status=error.status) from error


def _check_plain(what: str, name: str, form: re.Pattern[str]) -> None:
    if not form.fullmatch(name):
        raise ConfigurationError(f"The {what} {name[:80]!r} cannot be used in a query: it is not a plain name.")


def query_client(settings: DevoSettings) -> QueryClient:
    """Return a client of the query API; nothing is sent yet.

    :raises ConfigurationError: a setting is missing.
    """
    need(settings, "query_base_url")
    # Callers that wait for an arrival query again anyway, and know how long.
    http = api_client(settings, "query_base_url", max_attempts=1)
    return QueryClient(http, message_column=settings.message_column)


def _counts(response: requests.Response, name: str, limits: AnswerLimits = _LIMITS) -> Iterator[tuple[str, int]]:
    """Yield the rows of an answer, whose first line names the columns.

    :param name: names the query in errors.
    """
    names: list[str] = []
    try:
        for line in limits.lines(response, name=name):
            value = codec.decode(text) if (text := line.strip(_BLANK)) else None
            if not value:
                continue
            if isinstance(value, dict) and isinstance(value.get("m"), dict):
                names = sorted(value["m"], key=lambda name: value["m"][name]["index"])
            elif isinstance(value, dict) and isinstance(value.get("d"), list):
                row = dict(zip(names, value["d"], strict=True))
                if id_of(row["id"]) is not None:
                    yield str(row["id"]), int(row["events"])
            else:
                reason = safe_to_show(error_reason(value)) or "its shape is unknown"
                kind = RejectedError if _QUERY_FAULT.search(reason) else ServerError
                raise kind(f"{name}: the answer broke off: {reason}.")
    except urllib3.exceptions.HTTPError as error:
        raise NetworkError(f"{name}: {network_cause(error)}") from harmless(error)
    except (ValueError, KeyError, TypeError) as error:
        raise ServerError(f"{name}: the answer cannot be read, or was cut short.") from harmless(error)
