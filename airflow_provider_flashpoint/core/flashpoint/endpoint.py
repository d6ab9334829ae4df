"""A row of the endpoint table, and the requests of its data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.filters import Filter, FilterValue, filter_texts
from airflow_provider_flashpoint.core.flashpoint.lucene import Search
from airflow_provider_flashpoint.core.flashpoint.page import Record, value_at
from airflow_provider_flashpoint.core.flashpoint.paging.paginators import Paginator
from airflow_provider_flashpoint.core.flashpoint.rows.columns import Columns
from airflow_provider_flashpoint.core.flashpoint.rows.counterparts import Counterparts
from airflow_provider_flashpoint.core.http.client import Request
from airflow_provider_flashpoint.core.identity import Id, id_of
from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.core.window import Window, epoch_us, format_instant
from airflow_provider_flashpoint.errors import ConfigurationError


class Call(NamedTuple):
    """One of several requests by which clients read a data set. A POST has window and filters in its body."""

    method: str
    path: str


class Embed(NamedTuple):
    """Parts that a server adds to records on request. Its pages are then smaller."""

    parameter: str
    choices: tuple[str, ...]
    default: tuple[str, ...]
    max_page_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A row of the endpoint table.

    :param path: empty where it is not public; then it is a setting.
    :param calls: the requests that a setting chooses from, by its values; the path and the method are the default.
    :param records_key: the keys, joined by dots, of the list of records in an answer; None where that is the answer.
    :param window_parameters: the names of the start and the end of the window; empty where there is none.
    :param search: has the window and the filters in one text.
    :param total_header: the header of an answer with the number of records in its whole window.
    :param total_key: the keys, joined by dots, of that number in an answer.
    :param id_field: the identity of a record; empty where records have none, and all of a record identifies it.
    :param time_field: flattened name of the time of a record, None where it has none.
    :param version_fields: flattened names of times; the newest of them grows with each version of a record. Where
        events have one, each version is an event.
    :param secrets: keys whose values are removed from records, see `SecretFields`.
    :param type_parameter: selects records of one type; None where records have no type.
    :param types: the types of records.
    :param has_further_types: whether records may have types that are not known here.
    :param value_name: the flattened name of the value of a record, which is the key of a lookup if no other is named;
        ``{type}`` stands for the type of the record.
    :param counterparts: how the records of other API generations are called here.
    :param filters: the filters, by their names in the configuration.
    :param columns: the columns of lookups of these records.
    :param embed: the parts that can be added to records; None where there are none.
    :param documents: names the form of the records, for API generations that serve the same; by default the path.
    :param remedy: completes the error where the server does not know the request.
    :param raw_lists: leave lists of records undecoded, for records that are flattened.
    """

    path: str
    method: str = "GET"
    calls: Mapping[str, Call] = field(default_factory=dict)
    paginator: Paginator
    records_key: str | None
    window_parameters: tuple[str, str]
    search: Search | None = None
    size_parameter: str
    page_size: int
    max_page_size: int
    fixed_parameters: Mapping[str, str] = field(default_factory=dict)
    total_header: str = ""
    total_key: str = ""
    id_field: str
    time_field: str | None
    version_fields: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    type_parameter: str | None = None
    types: tuple[str, ...] = ()
    has_further_types: bool = False
    value_name: str = ""
    counterparts: Counterparts = field(default_factory=Counterparts)
    filters: Mapping[str, Filter] = field(default_factory=dict)
    columns: Columns = field(default_factory=Columns)
    embed: Embed | None = None
    documents: str = ""
    remedy: str = ""
    raw_lists: bool = False

    def with_settings(self, *, page_size: int | None, path: str | None, call: str | None = None) -> Endpoint:
        """Return the row with the settings of a connection; a larger page size is lowered to the maximum.

        :param call: chooses one of ``calls``; ``path`` takes precedence over the path of the call.
        :raises ConfigurationError: the page size is too small, or the path is not known.
        """
        if not (path or self.path):
            raise ConfigurationError(
                "The path of this data set is not public: set base_path_keywords or base_path_keyword_classes in the "
                "Flashpoint connection, or `path` in the configuration file."
            )
        size = min(page_size or self.page_size, self.max_page_size)
        if size < 2:
            raise ConfigurationError(
                f"page_size is {size}; for {self.path} it must be between 2 and {self.max_page_size} records."
            )
        method, own_path = self.calls.get(call or "", (self.method, self.path))
        return replace(self, page_size=size, method=method, path=path or own_path)

    def with_embedded(self, parts: Sequence[str] | None) -> Endpoint:
        """Return the row with parts added to its records, and pages of at most the size that these have.

        :param parts: None for the default of the row.
        :raises ConfigurationError: there is no such part.
        """
        if parts is None:
            parts = self.embed.default if self.embed else ()
        if not parts:
            return self
        choices = self.embed.choices if self.embed else ()
        if self.embed is None or not {*parts} <= {*choices}:
            raise ConfigurationError(
                f"embed is {safe_to_show(', '.join(map(str, parts)))} for {self.path}; allowed are: "
                f"{', '.join(choices) or 'nothing; it exists on ignite_v2. Leave it out'}."
            )
        size = self.embed.max_page_size
        return replace(
            self,
            page_size=min(self.page_size, size),
            max_page_size=size,
            fixed_parameters={**self.fixed_parameters, self.embed.parameter: ",".join(parts)},
        )

    def check_lookup(
        self, *, lookup_key: str | None = None, embed: Sequence[str] | None = None, row_per_hash: bool = False
    ) -> None:
        """Return if records can be read and become rows in this way.

        :raises ConfigurationError: they cannot, see `with_embedded` and `Columns.shape`.
        """
        self.with_embedded(embed)
        self.columns.shape(key=lookup_key or self.value_name, row_per_hash=row_per_hash)

    def request(self, window: Window | None, selection: Mapping[str, Any], parameters: Mapping[str, Any]) -> Request:
        """Return the request of a page.

        :param window: None for a page of any time.
        :param selection: see `selection`.
        :param parameters: those of the paginator.
        """
        page = {self.size_parameter: self.page_size, **self.fixed_parameters, **parameters}
        bounds = map(format_instant, window.request_bounds()) if window else ()
        selected = {name: bound for name, bound in zip(self.window_parameters, bounds, strict=False) if name}
        selected |= selection
        if self.search:
            selected = {self.search.parameter: self.search.text(window, selection)}
        if self.method == "POST":
            return Request("POST", self.path, params=page, json=selected)
        return Request("GET", self.path, params={**selected, **page})

    def probe(self) -> Request:
        """Return the cheapest request."""
        return replace(self, page_size=1, fixed_parameters={}).request(None, {}, {})

    def selection(self, record_type: str | None, filters: Mapping[str, FilterValue]) -> dict[str, Any]:
        """Return the request parameters that select records of one type and by filters.

        :raises ConfigurationError: a filter does not exist here, or its value is not allowed.
        """
        selection: dict[str, Any] = {}
        if self.type_parameter and record_type:
            selection[self.type_parameter] = record_type
        for name, text in self.filter_texts(filters).items():
            selection[self.filters[name].parameter] = text
        return selection

    def filter_texts(self, filters: Mapping[str, FilterValue]) -> dict[str, str]:
        """Return the values of filters as requests have them, by the names of the filters; errors as `selection`."""
        return filter_texts(self.filters, filters, place=self.path)

    def lookup_key_of(self, record_type: str) -> str:
        """Return the key of a lookup of one type for which no other is named."""
        return self.value_name.replace("{type}", record_type)

    def id_of(self, record: Record) -> Id | None:
        """Return the id of a record, None where it has none."""
        return id_of(record.get(self.id_field)) if self.id_field else None

    def time_of(self, record: Record) -> int | None:
        """Return the time of a record in microseconds since 1970, None where it has none."""
        return epoch_us(value_at(record, self.time_field)) if self.time_field else None

    def event_id(self, record: Record) -> Id | None:
        """Return what identifies a record as an event: its id, with its version where records have versions."""
        found = self.id_of(record)
        versions = [moment for name in self.version_fields if (moment := epoch_us(value_at(record, name))) is not None]
        return found if found is None or not versions else codec.encode([found, max(versions)]).decode()

    def identity(self, record: Record) -> str | bytes:
        """Return the identity of a record: its id, or all of it where it has none."""
        found = self.id_of(record)
        return found if isinstance(found, str) else codec.encode(found or record)
