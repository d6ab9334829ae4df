"""Base class and field types of the settings: the values that the collector's file may hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StrictBool,
    StringConstraints,
)

from airflow_provider_flashpoint.config.problems.collected import shown
from airflow_provider_flashpoint.config.problems.validation import Allowed, fields_of
from airflow_provider_flashpoint.core.devo.lookups.csv_rows import EXTRA_COLUMN
from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationRule
from airflow_provider_flashpoint.core.staging.storage import local_path
from airflow_provider_flashpoint.core.window import as_utc, parse_instant
from airflow_provider_flashpoint.errors import ConfigurationError

_FLAGS = {"true": True, "false": False}
_TEMPLATE = re.compile(r"\{[{%#]")
_YEARS = range(1900, 3000)
_MAX_TYPE_CHARACTERS = 245  # a task id is the type behind `pull_`, and holds 250 characters


class Settings(BaseModel):
    """Base of all settings. The alias of a field is its key in the file, which may write numbers as text."""

    # Only models that read a value are built, since each process that parses DAGs imports them.
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    @classmethod
    def keys(cls) -> frozenset[str]:
        """Return the keys of these settings in the file."""
        return frozenset(fields_of(cls))

    def arguments(self, *of: type[Settings]) -> dict[str, Any]:
        """Return the fields that the models ``of`` declare, by name, as arguments of an operator.

        Choices become text, tuples lists and rules dictionaries. Times and spans of time stay as they are.
        """
        names = {name for model in of for name in model.model_fields}
        return {name: _argument(value) for name, value in self if name in names}


def _argument(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [_argument(item) for item in value]
    if isinstance(value, dict):
        return {key: _argument(item) for key, item in value.items()}
    return value.to_dict() if isinstance(value, ObfuscationRule) else value


class Verify(StrEnum):
    """The proof that Devo has an event: the confirmation of its transport, or a query that finds it."""

    CONFIRM = "confirm"
    QUERY = "query"


class OnRerun(StrEnum):
    """What a rerun does with events that Devo has confirmed."""

    SKIP = "skip"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Span(Allowed):
    """A span of time: a whole number of units in the file, a ``timedelta`` in the model. Both bounds are allowed."""

    unit: timedelta = timedelta(seconds=1)
    minimum: int = 0
    maximum: int = 0

    @classmethod
    def of(cls, unit: str, minimum: int, maximum: int) -> Self:
        """Return a span in ``seconds`` or ``days``."""
        text = f"a whole number of {unit} from {minimum} to {maximum}"
        return cls(text, unit=timedelta(**{unit: 1}), minimum=minimum, maximum=maximum)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Return how pydantic reads the span."""
        bounds = Field(ge=self.minimum, le=self.maximum)
        count = Annotated[int, bounds, BeforeValidator(self._count), AfterValidator(self.unit.__mul__)]
        return handler.generate_schema(count)

    def _count(self, value: Any) -> Any:
        return value // self.unit if isinstance(value, timedelta) else _no_flag(value)


def _flag(value: object) -> object:
    return _FLAGS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _digits(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")
    return value


def _not_empty(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("the text is empty or cannot be printed")
    return value


def _no_template(value: str) -> str:
    if _TEMPLATE.search(value):
        raise ValueError("Airflow would read the text as a template")
    return value


def _instant(value: object) -> datetime:
    try:
        instant = parse_instant(value) if isinstance(value, str) else as_utc(value)  # type: ignore[arg-type]
    except (ConfigurationError, AttributeError, OverflowError) as error:
        raise ValueError("not a time in ISO 8601") from error
    if instant.year not in _YEARS:  # windows begin before it, and data intervals end after it
        raise ValueError("the year is out of bounds")
    return instant


def _distinct_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := {column: None for column in columns if columns.count(column) > 1}:
        raise ConfigurationError(f"{', '.join(map(shown, repeated))} is there twice; give each column once")
    if EXTRA_COLUMN in columns:
        raise ConfigurationError(f"{EXTRA_COLUMN} is reserved: the provider adds it to the columns; leave it out")
    return columns


def _parts(value: object) -> object:
    return () if value == "none" else (value,) if isinstance(value, str) else value


def _storage_address(value: str) -> str:
    local_path(value)
    return value


_DIGITS = BeforeValidator(_digits)
_PRINTABLE = AfterValidator(_not_empty)

Flag = Annotated[StrictBool, BeforeValidator(_flag)]
Count = Annotated[int, BeforeValidator(_no_flag)]
Text = Annotated[str, StringConstraints(strip_whitespace=True), _PRINTABLE, _DIGITS]
IndicatorType = Annotated[
    Text,
    Field(max_length=_MAX_TYPE_CHARACTERS),
    AfterValidator(_no_template),
    Allowed(f"an indicator type of at most {_MAX_TYPE_CHARACTERS} characters, without {{{{"),
]
LookupKey = Annotated[Text, AfterValidator(_no_template), Allowed("a text that is not empty, without {{")]
Columns = Annotated[
    Literal["all"]
    | Annotated[
        tuple[Annotated[str, Field(pattern=r"\S")], ...], Field(min_length=1), AfterValidator(_distinct_columns)
    ],
    Allowed(f"a list of flattened keys, each once, without {EXTRA_COLUMN}, which is added to them; or `all`"),
]
Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    Allowed(f"a time in ISO 8601 from {_YEARS[0]} to {_YEARS[-1]}, such as 2026-02-07T00:00:00Z"),
]
_FilterValue = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    _PRINTABLE,
    AfterValidator(_no_template),
    _DIGITS,
    BeforeValidator(lambda value: str(value).lower() if isinstance(value, bool) else value),
]
Filters = Annotated[
    dict[str, _FilterValue | tuple[_FilterValue, ...]],
    Field(min_length=1),
    Allowed("filters and their texts, such as {score: malicious, tags: [apt, ransomware]}, without {{"),
]
Embedded = Annotated[
    tuple[_FilterValue, ...],
    BeforeValidator(_parts),
    Allowed("all, none, or a list such as [external_references, mitre_attack_ids]"),
]
# A configuration's name ends the ids of its DAGs and is a tag of them.
ConfigName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?$", max_length=64),
    Allowed("at most 64 ASCII letters, digits, _ and -, with a letter or digit at both ends"),
    _DIGITS,
]
ConnId = Annotated[
    str,
    Field(pattern=r"^[\w#!()\-.:/\\]+$", max_length=250),
    Allowed("the id of an Airflow connection"),
    _DIGITS,
]
Tag = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_()-]+(\.[A-Za-z0-9_()-]+)+$", min_length=3, max_length=1024),
    Allowed(
        "ASCII letters, digits, _ and - in parts joined by dots, such as threatintel.flashpoint.intelligence.alerts"
    ),
    _DIGITS,
]
# An Airflow Variable is named after the lookup, and its key holds 250 characters.
LookupName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_]+$", max_length=200),
    Allowed("at most 200 ASCII letters, digits and _"),
    _DIGITS,
]
# The environment becomes a tag of the DAG, whose length Airflow limits.
Environment = Annotated[
    str,
    Field(pattern=r"^\S([^\r\n]*\S)?$", max_length=64),
    _PRINTABLE,
    Allowed("a text of 1 to 64 characters"),
    _DIGITS,
]
UrlPath = Annotated[
    str,
    Field(pattern=r"^/([^\s?#/][^\s?#]*)?$"),
    _PRINTABLE,
    Allowed("a path that begins with one /, without a query"),
]
StagingUri = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9+.-]*://[^\s:]*(:[^\s@]*)?$"),
    _PRINTABLE,
    AfterValidator(_storage_address),
    Allowed("a URI without a password, such as file:///data/flashpoint or s3://aws_default@bucket/flashpoint"),
]
