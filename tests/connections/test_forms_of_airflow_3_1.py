"""The forms on Airflow 3.1, which has no form libraries and gives hooks stand-ins for them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest
from connection_models import FIELDS, MODELS

from airflow_provider_flashpoint.connections import conn_fields, connection_form_widgets


class Field:
    """A form field, with what Airflow 3.1 reads of it."""

    def __init__(
        self, label: str, validators: Any = (), description: str = "", default: Any = None, widget: Any = None
    ) -> None:
        self.label, self.default = label, default
        self.choices = next((list(each) for each in validators if isinstance(each, Choices)), None)


class Choices(tuple[str, ...]):
    """The one validator that Airflow 3.1 reads."""

    __slots__ = ()


class Widget:
    """A widget, which takes no arguments."""


@pytest.fixture
def form_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of the form libraries, with the names for which Airflow 3.1 has a stand-in; any other is a mock."""
    fields = {f"{kind}Field": type(kind, (Field,), {}) for kind in ("Boolean", "Integer", "Password", "String")}
    widgets = {f"BS3{kind}FieldWidget": Widget for kind in ("Text", "TextArea", "Password")}
    for name, names in {
        "wtforms": fields,
        "wtforms.fields": fields,
        "wtforms.validators": {"any_of": Choices},
        "flask_appbuilder": {},
        "flask_appbuilder.fieldwidgets": widgets,
        "flask_babel": {},
    }.items():
        module: ModuleType = MagicMock(**names)
        monkeypatch.setitem(sys.modules, name, module)


@pytest.mark.parametrize("conn_type", MODELS)
def test_every_field_has_its_kind_and_its_choices(form_libraries: None, conn_type: str) -> None:
    """Airflow 3.1 shows each field of the extra: secrets hidden, switches as such, and choices as choices."""
    form = connection_form_widgets(MODELS[conn_type])
    fields = conn_fields(MODELS[conn_type])
    assert list(form) == list(fields)
    kinds = {"boolean": "Boolean", "integer": "Integer", "number": "String", "string": "String"}
    for name, schema in FIELDS[conn_type].items():
        kind = "Password" if schema.get("format") == "password" else kinds[schema["type"]]
        assert (name, type(form[name]).__name__) == (name, kind)
        assert form[name].label == fields[name]["label"]
        assert form[name].choices == schema.get("enum")
