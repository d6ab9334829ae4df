"""Base of the connection models.

A connection field is declared once, in the model of its service: type, bounds, default, ``title`` (its label in a
form), description, examples and alias. Reading a connection, both kinds of forms and masking follow from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from airflow_provider_flashpoint.errors import ConfigurationError

SecretText = Annotated[str, Field(repr=False, json_schema_extra={"format": "password"})]
TextOrPath = Annotated[str, Field(repr=False, json_schema_extra={"format": "multiline", "path": True})]
SecretTextOrPath = Annotated[str, Field(repr=False, json_schema_extra={"format": "password", "path": True})]

_BEARER = re.compile(r"bearer(\s+|\Z)", re.IGNORECASE)
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060"  # byte order mark and zero-width characters, which str.strip() keeps
# Asterisks or dots, as forms and logs show a secret; the mask of Airflow 2; <...> and ..., as our texts name a value.
_MASK = r"[*\u2022\u25cf\u25aa\u25a0\u2588\u2217\u2731\uff0a]"  # asterisks, dots and blocks
_PLACEHOLDER = re.compile(
    rf"{_MASK}(?:[-_\s]*{_MASK})*|\.{{3,}}|\u2026+|<[^<>]*>|RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"
)
_URL_PARTS = re.compile(r"[/:@?#&=]")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_PRIVATE_KEY = "PRIVATE KEY-----"
_MAX_PATH_CHARACTERS = 255


def stripped(text: str) -> str:
    """Return ``text`` without the blanks, line breaks and invisible characters at both ends.

    A file of a secret, or a cell of a table, brings them along.
    """
    while (shorter := text.strip().strip(_INVISIBLE)) != text:
        text = shorter
    return text


def without_bearer(token: str) -> str:
    """Return ``token`` without the word ``Bearer`` and the blanks before and after it."""
    token = stripped(token)
    scheme = _BEARER.match(token)
    return token[scheme.end() :] if scheme else token


def check_no_placeholder(text: str) -> None:
    """Check that neither ``text`` nor, in a URL, a part of it is a mask or a placeholder.

    :raises ConfigurationError: it is one. The message does not show it: a secret may have been put into brackets.
    """
    for part in _URL_PARTS.split(text) if "://" in text else (without_bearer(text),):
        if _PLACEHOLDER.fullmatch(part):
            raise ConfigurationError(
                "a mask or a placeholder (asterisks, or <...>) was stored in place of the value; "
                "enter the value itself, without brackets"
            )


class ConnectionSettings(BaseModel):
    """Settings of one connection.

    The fields declared here exist in every Airflow connection; a subclass gives a title to those that its form shows.
    The fields that a subclass adds are stored in the connection's extra.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )
    conn_type: ClassVar[str]
    required: ClassVar[Mapping[str, str]] = {}
    """What a form adds to the titles of the fields that are needed."""
    sections: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The sections of the form, each with its fields of the extra: the most needed first."""

    conn_id: str
    host: str = ""
    port: int | None = None
    password: SecretText = ""

    @classmethod
    def extra_schemas(cls) -> dict[str, dict[str, Any]]:
        """Return the JSON schema of each field that is stored in the extra, by name."""
        standard = ConnectionSettings.model_fields
        return {name: schema for name, schema in field_schemas(cls).items() if name not in standard}

    @cached_property
    def token(self) -> str:
        """The API token, without ``Bearer``; empty where there is none."""
        return without_bearer(self._given_token())

    def secrets(self) -> Iterator[str]:
        """Yield the values to mask in logs. The path of a file that holds a secret is not one of them."""
        yield self.token
        for name, schema in field_schemas(type(self)).items():
            value = getattr(self, name)
            if isinstance(value, str) and is_secret(value, schema):
                yield value

    def _given_token(self) -> str:
        return self.password

    @field_validator("*", mode="before")
    @classmethod
    def _from_text(cls, value: object, info: ValidationInfo) -> object:
        """Strip and convert texts, and refuse placeholders. Pydantic then refuses every other type."""
        name = info.field_name or ""
        if isinstance(value, str):
            value = stripped(value)
            check_no_placeholder(value)
        if name in ConnectionSettings.model_fields:
            return value
        annotation = cls.model_fields[name].annotation
        types = get_args(annotation) or (annotation,)
        if isinstance(value, str):
            if not value:
                return None
            if bool in types:
                return _FLAGS.get(value.lower(), value)
            if int in types or float in types:
                value = float(value)
        if isinstance(value, float) and int in types and value.is_integer():
            return int(value)
        return str(value) if str in types and type(value) is int else value


@cache
def field_schemas(model: type[ConnectionSettings]) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each field of ``model``, by name.

    Each has one ``type``: that of an optional value without null, and ``string`` for a flag or a path.
    """
    schema = model.model_json_schema(by_alias=False)
    definitions = schema.get("$defs", {})
    flat = {}
    for name, field in schema["properties"].items():
        variants = [each for each in field.pop("anyOf", []) if each != {"type": "null"}]
        reference = field.pop("$ref", "").rpartition("/")[2]
        flat[name] = {**definitions.get(reference, {}), **(variants[-1] if variants else {}), **field}
    return flat


def is_secret(value: str, schema: dict[str, Any]) -> bool:
    """Return whether the value of a field is a secret; the path of a file that holds one is not."""
    if _PRIVATE_KEY in value:  # a certificate may be stored together with its key
        return True
    if "path" in schema:  # a text in place of the path may hold a key in any form, such as base64
        return len(value) > _MAX_PATH_CHARACTERS
    return schema.get("format") == "password"
