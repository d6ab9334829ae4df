"""Reads the fields of an Airflow connection into the settings model of its type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, cast

from airflow_provider_flashpoint.core.settings import ConnectionSettings, is_secret

Settings = TypeVar("Settings", bound=ConnectionSettings)


def used_aliases(model: type[ConnectionSettings], extra: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield the keys of the extra that are an alias: the key, the field's own name, and whether the value is a secret.

    Airflow hides the values of some keys on its pages, by their names, and knows none of the aliases.
    """
    schemas = model.extra_schemas()
    names = {field.alias: name for name, field in model.model_fields.items() if field.alias}
    for key, value in extra.items():
        name = names.get(key.removeprefix(f"extra__{model.conn_type}__"))
        if name and value:
            yield key, name, is_secret(str(value), schemas[name])


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
    # Imported here, since the provider info of each process needs no problems.
    from airflow_provider_flashpoint.config.problems.collected import Problems, unknown_key
    from airflow_provider_flashpoint.config.problems.section import Section
    from airflow_provider_flashpoint.config.problems.validation import validated

    problems = Problems(f"The connection {conn_id}")
    given = Section({name: value for name, value in standard.items() if value} | {"conn_id": conn_id}, "", problems)
    prefix = f"extra__{model.conn_type}__"
    names = model.extra_schemas()
    aliases = {name: model.model_fields[name].alias or name for name in names}
    # The last one counts: prefixed keys come first, own names last.
    for key in sorted(extra, key=lambda key: (not key.startswith(prefix), key in names)):
        plain = key.removeprefix(prefix)
        alias = aliases.get(plain, plain)
        if alias not in aliases.values():
            problems.add(f"extra.{key}", unknown_key(plain, names, refused_secrets=()))
        elif extra[key] is not None and extra[key] != "":
            given[alias] = extra[key]
            given.places[alias] = f"extra.{key}"
    settings = validated(model, given, problems)
    problems.raise_if_any()
    return cast("Settings", settings)
