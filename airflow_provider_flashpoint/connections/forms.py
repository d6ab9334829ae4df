"""The forms of a connection type, derived from its settings model.

Airflow 3.2 and later build a form from the provider info (`conn_fields`), earlier versions from the hook's widgets
(`connection_form_widgets`). Both store the fields in the connection's extra.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_flashpoint.core.settings import field_schemas

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.settings import ConnectionSettings

_STANDARD_FIELDS = ("login", "port", "schema", "host", "password")
_BOUNDS = ("section", "format", "enum", "minimum", "maximum", "pattern")


def conn_fields(model: type[ConnectionSettings]) -> dict[str, dict[str, Any]]:
    """Return the fields of the extra as the provider info of Airflow 3.2 and later describes them.

    Shape: ``{name: {"label", "description", "schema"}}``, in the order of the form. Airflow requires none, since
    each is needed for some uses only.
    """
    return {
        name: {"label": schema["title"], "description": schema["description"], "schema": _form_schema(schema)}
        for name, schema in _form_fields(model).items()
    }


def ui_field_behaviour(model: type[ConnectionSettings]) -> dict[str, Any]:
    """Return the value of ``get_ui_field_behaviour`` of a hook: labels, placeholders and hidden standard fields."""
    labels = {
        name: label_of(model, name)
        for name, field in model.model_fields.items()
        if name in _STANDARD_FIELDS and field.title
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
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextAreaFieldWidget, BS3TextFieldWidget
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
        if schema.get("format") == "password":
            return PasswordField(**texts, validators=[Optional()], widget=StoredSecretWidget())
        validators, look = [Optional()], BS3TextFieldWidget()
        if "enum" in schema:
            validators.append(any_of(schema["enum"]))
            look = ChoiceWidget(schema["enum"])
        if "pattern" in schema:
            validators.append(Regexp(schema["pattern"]))
        if schema["type"] == "integer":
            validators.append(NumberRange(min=schema.get("minimum"), max=schema.get("maximum")))
            return IntegerField(**texts, validators=validators, widget=look)
        if "format" in schema:
            look = BS3TextAreaFieldWidget()
        # Airflow accepts no form field for numbers with a fraction; `read_settings` checks them.
        return StringField(**texts, validators=validators, widget=look, default=_form_default(schema))

    return {name: widget(schema) for name, schema in _form_fields(model).items()}


class ChoiceWidget:
    """The look of a text field with given values, for Airflow 2: a list to choose from."""

    def __init__(self, choices: Sequence[str]) -> None:
        self.choices = choices

    def __call__(self, field: Any, **attributes: Any) -> Any:
        """Return the HTML. A stored value that is none of the choices is kept, so that the form does not change it."""
        from markupsafe import Markup

        chosen = field.data or ""
        options = [
            Markup("<option{}>{}</option>").format(Markup(" selected") if value == chosen else "", value)
            for value in dict.fromkeys(("", *self.choices, chosen))
        ]
        select = Markup('<select class="form-control" id="{}" name="{}">{}</select>')
        return select.format(field.id, field.name, Markup().join(options))


def label_of(model: type[ConnectionSettings], name: str) -> str:
    """Return the label of a field: its title, and what it is required for."""
    title = model.model_fields[name].title or name
    return f"{title} ({model.required[name]})" if name in model.required else title


def _form_fields(model: type[ConnectionSettings]) -> dict[str, dict[str, Any]]:
    """Return the schemas of the fields of the extra in the order of the form, with the texts and the section there."""
    schemas = model.extra_schemas()
    sections = {name: section for section, names in model.sections.items() for name in names}
    return {
        name: {
            **schemas[name],
            "title": label_of(model, name),
            "description": _description(schemas[name]),
            "section": sections.get(name),
        }
        for name in dict.fromkeys((*sections, *schemas))
    }


def _description(schema: dict[str, Any]) -> str:
    """Return the description with the default and the example, since not every form shows them in empty fields."""
    default, examples = schema.get("default"), schema.get("examples", ())
    text: str = schema["description"]
    if schema["type"] != "boolean" and default not in ("", None):
        text += f" Default: {_text(default)}."
    return f"{text} Example: {examples[0]}" if examples and examples[0] != default else text


def _form_schema(schema: dict[str, Any]) -> dict[str, Any]:
    # Null among the types tells the form that the field may be left empty.
    fields = {"type": [schema["type"], "null"], "default": _form_default(schema)} | {
        key: schema.get(key) for key in _BOUNDS
    }
    if len(schema.get("examples", ())) > 1:  # the form offers them
        fields["examples"] = schema["examples"]
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
    return _text(default) if isinstance(default, (int, float)) and not isinstance(default, bool) else ""


def _text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:.15g}" if isinstance(default, (int, float)) else str(default)
