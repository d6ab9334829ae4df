"""Reads the fields of an Airflow connection into the settings model of its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from airflow_provider_flashpoint.core.settings import ConnectionSettings, field_schemas

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config.problems import Problems

Settings = TypeVar("Settings", bound=ConnectionSettings)


def read_settings(
    model: type[Settings], extra: Mapping[str, Any], *, conn_id: str, **standard: str | int | None
) -> Settings:
    """Return the settings of a connection.

    A field of the extra is read under its own name, its alias or ``extra__<type>__<name>``, in this order of
    precedence. An empty text or null counts as absent.

    :param standard: ``host``, ``port`` and ``password`` of the connection.
    :raises ConfigurationError: a key is unknown, or a value is not allowed. The message has one line for each problem,
        and no secrets.
    :raises MissingTokenError, InvalidTokenError: the connection has no token, or not a valid one.
    """
    from airflow_provider_flashpoint.config.problems import Problems

    problems = Problems(f"The connection {conn_id}")
    keys = _keys_of_fields(model, extra, problems)
    given = {name: value for name, value in standard.items() if value}
    given |= {name: extra[key] for name, key in keys.items()}
    try:
        settings = model.model_validate({"conn_id": conn_id, **given})
    except ValidationError as error:
        refusal = error
    else:
        problems.raise_if_any()
        return settings
    # Outside of the handler, so that no traceback shows the ValidationError, which holds the values.
    problems.add_all(_problems(refusal, model, given, keys))
    problems.raise_if_any()
    raise next(each["ctx"]["error"] for each in refusal.errors())


def _keys_of_fields(model: type[ConnectionSettings], extra: Mapping[str, Any], problems: Problems) -> Mapping[str, str]:
    """Return the key of the extra from which each field is read, by the field's name."""
    from airflow_provider_flashpoint.config.problems import unknown_key

    prefix = f"extra__{model.conn_type}__"
    names = model.extra_schemas()
    aliases = {field.alias: name for name, field in model.model_fields.items() if field.alias}
    keys = {}
    # The last one counts: prefixed keys come first, own names last.
    for key in sorted(extra, key=lambda key: (not key.startswith(prefix), key in names)):
        plain = key.removeprefix(prefix)
        name = aliases.get(plain, plain)
        if name not in names:
            problems.add(f"extra.{key}", unknown_key(plain, names, refused_secrets=()))
        elif extra[key] is not None and extra[key] != "":
            keys[name] = key
    return keys


def _problems(
    error: ValidationError, model: type[ConnectionSettings], given: Mapping[str, Any], keys: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each problem with a field."""
    from airflow_provider_flashpoint.config.validation import Allowed, not_allowed

    for details in error.errors():
        name = str(details["loc"][0]) if details["loc"] else ""
        if name not in given:
            continue  # a default that depends on a refused value, or a check of the whole model
        path = f"extra.{keys[name]}" if name in keys else name
        if details["type"] == "problem":
            yield path, details["msg"]
            continue
        schema, field = field_schemas(model)[name], model.model_fields[name]
        marks = list(field.metadata)
        is_secret = "format" in schema
        if is_secret or (schema["type"] == "string" and "examples" in schema):
            text = f"a text such as {schema['examples'][0]}" if "examples" in schema else "a text that is not empty"
            marks.append(Allowed(text, is_secret=is_secret))
        yield path, not_allowed(given[name], field.annotation, marks)
