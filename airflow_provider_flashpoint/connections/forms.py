"""The forms of a connection type, derived from its settings model.

Airflow 3.2 and later build a form from the provider info (`conn_fields`), earlier versions from the hook's widgets
(`connection_form_widgets`). Both store the fields in the connection's extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.settings import field_schemas

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.settings import ConnectionSettings

_STANDARD_FIELDS = ("login", "port", "schema", "host", "password")
_BOUNDS = ("format", "enum", "minimum", "maximum", "pattern")


def conn_fields(model: type[ConnectionSettings]) -> dict[str, dict[str, Any]]:
    """Return the fields of the extra as the provider info of Airflow 3.2 and later describes them.

    Shape: ``{name: {"label", "description", "schema"}}``. No field is required.
    """
    return {
        name: {"label": schema["title"], "description": schema["description"], "schema": _form_schema(schema)}
        for name, schema in model.extra_schemas().items()
    }


def ui_field_behaviour(model: type[ConnectionSettings]) -> dict[str, Any]:
    """Return the value of ``get_ui_field_behaviour`` of a hook: labels, placeholders and hidden standard fields."""
    labels = {
        name: field.title for name, field in model.model_fields.items() if name in _STANDARD_FIELDS and field.title
    }
    placeholders = {name: _placeholder(schema) for name, schema in field_schemas(model).items()}
    return {
        "hidden_fields": [name for name in _STANDARD_FIELDS if name not in labels],
        "relabeling": labels,
        "placeholders": {name: text for name, text in placeholders.items() if text},
    }


def connection_form_widgets(model: type[ConnectionSettings]) -> dict[str, Any]:
    """Return the value of ``get_connection_form_widgets`` of a hook: a web form field for each field of the extra.

    Only for Airflow before 3.2; needs its form libraries.
    """
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import NumberRange, Optional, Regexp, any_of

    class StoredSecretWidget(BS3PasswordFieldWidget):  # type: ignore[misc]
        def __init__(self) -> None:  # Airflow 3.1 brings stand-ins of the form libraries, whose widgets take nothing
            self.hide_value = False

        # The form leaves password fields blank, and its handler deletes a field that comes back blank. So a stored
        # secret shows as the text that the handler takes as no change.
        def __call__(self, field: Any, **attributes: Any) -> Any:
            # Imported here because it is a heavy module that only a web server has loaded already.
            from airflow.www.views import SENSITIVE_FIELD_PLACEHOLDER  # type: ignore[import-not-found]

            typed = field.raw_data[0] if field.raw_data else None
            kept = field.data if typed is None else typed == SENSITIVE_FIELD_PLACEHOLDER
            return super().__call__(field, **attributes, value=SENSITIVE_FIELD_PLACEHOLDER if kept else "")

    def widget(schema: dict[str, Any]) -> Any:
        texts = {"label": schema["title"], "description": schema["description"]}
        if schema["type"] == "boolean":
            return BooleanField(**texts, default=_form_default(schema))
        if "format" in schema:
            return PasswordField(**texts, validators=[Optional()], widget=StoredSecretWidget())
        validators = [Optional()]
        if "enum" in schema:
            validators.append(any_of(schema["enum"]))
        if "pattern" in schema:
            validators.append(Regexp(schema["pattern"]))
        if schema["type"] == "integer":
            validators.append(NumberRange(min=schema.get("minimum"), max=schema.get("maximum")))
            return IntegerField(**texts, validators=validators, widget=BS3TextFieldWidget())
        # Airflow accepts no form field for numbers with a fraction; `read_settings` checks them.
        return StringField(**texts, validators=validators, widget=BS3TextFieldWidget(), default=_form_default(schema))

    return {name: widget(schema) for name, schema in model.extra_schemas().items()}


def _form_schema(schema: dict[str, Any]) -> dict[str, Any]:
    # Null among the types tells the form that the field may be left empty.
    fields = {"type": [schema["type"], "null"], "default": _form_default(schema)} | {
        key: schema.get(key) for key in _BOUNDS
    }
    return {key: value for key, value in fields.items() if value is not None}


def _form_default(schema: dict[str, Any]) -> bool | str | None:
    """Return the value that a new form contains. Numbers stay placeholders, so that a form does not store them."""
    default = schema.get("default")
    if isinstance(default, bool):
        return default if schema["type"] == "boolean" else str(default).lower()
    return default if isinstance(default, str) and default else None


def _placeholder(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if "examples" in schema:
        return str(schema["examples"][0])
    return f"{default:.15g}" if isinstance(default, (int, float)) and not isinstance(default, bool) else ""
