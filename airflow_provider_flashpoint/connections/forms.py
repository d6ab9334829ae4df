"""What follows from the table of connection types: the forms on both Airflow lines, and reading a connection.

Airflow 3.2 and later build a form from the provider info (`conn_fields`), earlier versions ask the hook for
widgets (`connection_form_widgets`). All versions keep the fields in the connection's extra, from where
`read_extra` takes them, whether they got there by form, URI, JSON or command line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_flashpoint.config.problems import Problems, close_match, shown
from airflow_provider_flashpoint.connections.fields import CONNECTION_TYPES, Field, Kind

_JSON_TYPES: dict[Kind, str] = {"integer": "integer", "number": "number", "flag": "boolean"}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_SECRETS: frozenset[Kind] = frozenset({"secret", "secret_or_path"})
_PRIVATE_KEY = "PRIVATE KEY-----"
_LONGEST_PATH_CHARACTERS = 255


class _Refused(Exception):
    """A value is not what its field allows; the text says what is."""


def conn_fields(conn_type: str) -> dict[str, dict[str, Any]]:
    """Return the extra fields as the provider info of Airflow 3.2 and later describes them.

    Shape: ``{name: {"label", "description", "schema"}}``. None of them must be filled in.
    """
    return {
        name: {"label": field.label, "description": field.description, "schema": _schema(field)}
        for name, field in CONNECTION_TYPES[conn_type].fields.items()
    }


def ui_field_behaviour(conn_type: str) -> dict[str, Any]:
    """Return what ``get_ui_field_behaviour`` of a hook returns: how the standard fields look."""
    connection_type = CONNECTION_TYPES[conn_type]
    examples = {name: field.example for name, field in connection_type.fields.items() if field.example}
    return {
        "hidden_fields": list(connection_type.hidden),
        "relabeling": dict(connection_type.labels),
        "placeholders": {**connection_type.placeholders, **examples},
    }


def connection_form_widgets(conn_type: str) -> dict[str, Any]:
    """Return what ``get_connection_form_widgets`` of a hook returns: the extra fields as those of a web form.

    Only for Airflow before 3.2; needs its form libraries.
    """
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import AnyOf, NumberRange, Optional, Regexp

    class StoredSecretWidget(BS3PasswordFieldWidget):  # type: ignore[misc]
        # The form leaves password fields blank, and its handler takes a blank one as a wish to delete. So a stored
        # secret shows as the text that the handler takes as no change.
        def __call__(self, field: Any, **attributes: Any) -> Any:
            # Here, for it is a heavy module that only a web server has imported already.
            from airflow.www.views import SENSITIVE_FIELD_PLACEHOLDER  # type: ignore[import-not-found]

            typed = field.raw_data[0] if field.raw_data else None
            kept = field.data if typed is None else typed == SENSITIVE_FIELD_PLACEHOLDER
            return super().__call__(field, **attributes, value=SENSITIVE_FIELD_PLACEHOLDER if kept else "")

    def widget(field: Field) -> Any:
        texts = {"label": field.label, "description": field.description}
        if field.kind == "flag":
            return BooleanField(**texts, default=field.default)
        if field.kind in _SECRETS:
            return PasswordField(**texts, validators=[Optional()], widget=StoredSecretWidget(hide_value=False))
        validators = [Optional()]
        if field.choices:
            validators.append(AnyOf(field.choices))
        if field.form:
            validators.append(Regexp(field.form))
        if field.kind == "integer":
            validators.append(NumberRange(min=field.minimum, max=field.maximum))
            return IntegerField(**texts, validators=validators, widget=BS3TextFieldWidget())
        # Airflow accepts no form field for numbers with a fraction; `read_extra` checks them.
        return StringField(**texts, validators=validators, widget=BS3TextFieldWidget(), default=_in_form(field))

    return {name: widget(field) for name, field in CONNECTION_TYPES[conn_type].fields.items()}


def read_extra(conn_type: str, extra: Mapping[str, Any], *, conn_id: str | None = None) -> dict[str, Any]:
    """Return the extra fields of a connection by their plain names, converted, with defaults filled in.

    Fields are taken under their own name, their alias or ``extra__<type>__<name>``; the first outranks. An
    empty text or null is no value. A field without value and default is not in the result.

    Types: text and secrets str, integer int, number float, flag bool, ``verify`` bool or str.

    :param conn_id: the connection, for the message.
    :raises ConfigurationError: a key is unknown or a value is not allowed; one line each, without secrets.
    """
    fields = CONNECTION_TYPES[conn_type].fields
    aliases = {field.alias: name for name, field in fields.items() if field.alias}
    problems = Problems(f"The connection {conn_id or f'of type {conn_type}'}")
    prefix = f"extra__{conn_type}__"
    result = {name: field.default for name, field in fields.items() if field.default is not None}
    for key in sorted(extra, key=lambda key: (not key.startswith(prefix), key in fields)):
        plain = key.removeprefix(prefix)
        name, value = aliases.get(plain, plain), extra[key]
        if name not in fields:
            match = close_match(plain, fields)
            hint = f" (did you mean {match}?)" if match else ""
            problems.add(f"extra.{key}", f"unknown key{hint}; allowed are {', '.join(sorted(fields))}")
        elif value is not None and value != "":
            try:
                result[name] = _converted(fields[name], value)
            except _Refused as refused:
                value_shown = "the value" if fields[name].kind in _SECRETS else shown(value)
                problems.add(f"extra.{key}", f"{value_shown} is not allowed; give {refused}")
    problems.raise_if_any()
    return result


def secret_values(conn_type: str, extra: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of the extra that must be masked in logs; where a secret lies in a file, not its path.

    :param extra: what `read_extra` returned.
    """
    fields = CONNECTION_TYPES[conn_type].fields
    return tuple(value for name, value in extra.items() if isinstance(value, str) and _is_secret(fields[name], value))


def _is_secret(field: Field, value: str) -> bool:
    if field.kind == "secret_or_path":
        return _PRIVATE_KEY in value or len(value) > _LONGEST_PATH_CHARACTERS
    # A certificate may have been stored together with its key.
    return field.kind == "secret" or _PRIVATE_KEY in value


def _schema(field: Field) -> dict[str, Any]:
    # Null among the types is how the form knows that a field may be left empty.
    schema: dict[str, Any] = {"type": [_JSON_TYPES.get(field.kind, "string"), "null"]}
    if field.kind in _SECRETS:
        schema["format"] = "password"
    if field.default is not None:
        schema["default"] = _in_form(field)
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    if field.form is not None:
        schema["pattern"] = field.form
    return schema


def _in_form(field: Field) -> bool | str | None:
    if field.kind == "flag_or_path" and isinstance(field.default, bool):
        return str(field.default).lower()
    return field.default


def _converted(field: Field, value: object) -> Any:
    if field.kind in ("integer", "number"):
        return _number(field, value)
    flag = value if isinstance(value, bool) else _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if field.kind == "flag" and flag is None:
        raise _Refused("true or false")
    if field.kind in ("flag", "flag_or_path") and flag is not None:
        return flag
    return _text(field, value)


def _number(field: Field, value: object) -> float:
    whole = field.kind == "integer"
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    least, most = field.minimum or 0, math.inf if field.maximum is None else field.maximum
    if not (math.isfinite(number) and least <= number <= most) or (whole and not number.is_integer()):
        end = "up" if field.maximum is None else f"to {most}"
        raise _Refused(f"a {'whole ' if whole else ''}number from {least} {end}")
    return int(number) if whole else number


def _text(field: Field, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if field.choices and value not in field.choices:
        match = close_match(value, field.choices) if isinstance(value, str) else None
        raise _Refused(" or ".join(field.choices) + (f" (did you mean {match}?)" if match else ""))
    if not isinstance(value, str) or not value.strip():
        raise _Refused("a text")
    if field.form is not None and not re.search(field.form, value):
        raise _Refused(f"a text such as {field.example}")
    return value
