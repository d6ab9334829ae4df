"""The forms: grouped by need, with what is required, the defaults and examples, and fields that suit their values."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from connection_models import FIELDS, MODELS

from airflow_provider_flashpoint.connections import conn_fields, ui_field_behaviour
from airflow_provider_flashpoint.connections.forms import ChoiceWidget

TYPES = sorted(MODELS)
EACH_FIELD = [(conn_type, name) for conn_type in TYPES for name in FIELDS[conn_type]]


@pytest.mark.parametrize("conn_type", TYPES)
def test_each_field_has_one_section(conn_type: str) -> None:
    """A field that is added to the model needs a place in the form, and the fields of a section follow each other."""
    named = [name for names in MODELS[conn_type].sections.values() for name in names]
    assert sorted(named) == sorted(FIELDS[conn_type])
    assert list(conn_fields(MODELS[conn_type])) == named
    sections = [each["schema"]["section"] for each in conn_fields(MODELS[conn_type]).values()]
    assert list(dict.fromkeys(sections)) == list(MODELS[conn_type].sections)


@pytest.mark.parametrize(
    ("conn_type", "first"),
    [
        ("devo", ("domain", "cert", "private_key", "chain", "api_base_url")),
        ("flashpoint", ("api", "bearer_token_base64")),
    ],
)
def test_the_form_begins_with_what_is_needed(conn_type: str, first: tuple[str, ...]) -> None:
    """What most connections need comes first, limits and timeouts last."""
    sections = MODELS[conn_type].sections
    assert next(iter(sections.values())) == first
    assert list(sections)[-1] == "Limits and timeouts"


@pytest.mark.parametrize(
    ("conn_type", "names"),
    [("flashpoint", {"host", "password"}), ("devo", {"host", "password", "domain", "cert", "private_key", "chain"})],
)
def test_required_fields_are_marked(conn_type: str, names: set[str]) -> None:
    """Their labels say so, those of the standard fields too."""
    labels = {name: each["label"] for name, each in conn_fields(MODELS[conn_type]).items()}
    labels |= ui_field_behaviour(MODELS[conn_type])["relabeling"]
    assert {name for name, label in labels.items() if "(required" in label} == names


@pytest.mark.parametrize(("conn_type", "name"), EACH_FIELD)
def test_default_and_example_are_in_the_description(conn_type: str, name: str) -> None:
    """Airflow 3 shows no placeholders in the fields of the extra."""
    field, description = FIELDS[conn_type][name], conn_fields(MODELS[conn_type])[name]["description"]
    default = field.get("default")
    if default not in (None, "", False):
        shown = f"{default:g}" if isinstance(default, float) else str(default)
        assert f"Default: {shown.lower() if default is True else shown}." in description
    if "examples" in field and field["examples"][0] != default:
        assert description.endswith(f"Example: {field['examples'][0]}")


def test_certificates_have_several_lines_and_the_key_stays_hidden() -> None:
    """A pasted PEM text keeps its lines in a text area; the private key is not shown while it is typed."""
    formats = {name: each["schema"].get("format") for name, each in conn_fields(MODELS["devo"]).items()}
    assert [name for name, found in formats.items() if found == "multiline"] == ["cert", "chain"]
    assert formats["private_key"] == "password"


def test_the_addresses_of_all_known_clouds_are_offered() -> None:
    """A base URL can be chosen; a field with a single example, which may not exist, offers none."""
    schemas = {name: each["schema"] for name, each in conn_fields(MODELS["devo"]).items()}
    offered = {name: schema["examples"] for name, schema in schemas.items() if "examples" in schema}
    assert offered.keys() == {"http_base_url", "api_base_url", "query_base_url", "web_base_url"}
    assert "https://api-eu.devo.com/lookup-api" in offered["api_base_url"]


@pytest.mark.parametrize(
    ("stored", "options"),
    [
        ("", "<option selected></option><option>api</option><option>syslog</option>"),
        ("syslog", "<option></option><option>api</option><option selected>syslog</option>"),
        ("<b>", "<option></option><option>api</option><option>syslog</option><option selected>&lt;b&gt;</option>"),
    ],
)
def test_airflow_2_shows_a_list_of_choices(stored: str, options: str) -> None:
    """The stored value is selected; one that is not allowed stays, so that saving the form does not change it."""
    field: Any = SimpleNamespace(id="an_id", name="a_name", data=stored)
    html = str(ChoiceWidget(["api", "syslog"])(field))
    assert html == f'<select class="form-control" id="an_id" name="a_name">{options}</select>'
