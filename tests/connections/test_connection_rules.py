"""Rules of reading a connection that hold for every field, and how the models agree with their users."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from connection_models import FIELDS, MODELS, read
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from airflow_provider_flashpoint.connections import conn_fields, read_settings, ui_field_behaviour
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.settings import ConnectionSettings, SecretText
from airflow_provider_flashpoint.errors import ConfigurationError

TYPES = sorted(MODELS)
SPELLINGS = [("private_key", "own"), ("key", "alias"), ("extra__devo__private_key", "with prefix")]


def refusal(conn_type: str, extra: dict[str, Any]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(conn_type, extra, conn_id="my_conn")
    return str(caught.value)


def test_the_message_in_full() -> None:
    """Connection, key, value, what is allowed and what may have been meant: all in the message, a line each."""
    assert refusal("devo", {"event_transport": "sylog", "tls_security_level": 6, "lookup_trnsport": "api"}) == (
        "The connection my_conn: 3 problems found.\n"
        "  extra.lookup_trnsport: unknown key (did you mean lookup_transport?); allowed are "
        + ", ".join(sorted(FIELDS["devo"]))
        + ".\n"
        "  extra.event_transport: 'sylog' is not allowed; give syslog or http (did you mean syslog?).\n"
        "  extra.tls_security_level: 6 is not allowed; give a whole number from 0 to 5."
    )


@pytest.mark.parametrize("conn_type", TYPES)
@pytest.mark.parametrize("empty", [None, ""])
def test_a_form_without_answers_is_an_empty_extra(conn_type: str, empty: object) -> None:
    """What a form leaves empty is as if it were not there, for every field."""
    assert read(conn_type, dict.fromkeys(FIELDS[conn_type], empty)) == read(conn_type, {})


@pytest.mark.parametrize("order", list(itertools.permutations(SPELLINGS)))
def test_the_own_name_outranks_all_other_spellings(order: tuple[tuple[str, str], ...]) -> None:
    """Whatever the order in the extra, the value under the field's own name is read."""
    assert read("devo", dict(order)).private_key == "own"


def test_an_empty_own_name_outranks_nothing() -> None:
    """A field that is empty under its own name is read from another spelling."""
    assert read("devo", {"domain": "", "extra__devo__domain": "acme"}).domain == "acme"


def test_the_prefix_of_another_type_stays() -> None:
    """A key that belongs to another connection type is unknown."""
    assert "extra.extra__http__domain: unknown key" in refusal("devo", {"extra__http__domain": "acme"})


def test_a_secret_in_an_address_is_not_shown() -> None:
    """A proxy may hold a password; it is not shown where the address is wrong."""
    assert "hunter2" not in refusal("flashpoint", {"proxy": "user:hunter2@proxy"})


@given(st.data())
def test_any_typo_in_a_key_is_named(data: st.DataObject) -> None:
    """A name with a letter too many is reported together with the name that was meant."""
    conn_type = data.draw(st.sampled_from(TYPES))
    name = data.draw(st.sampled_from(sorted(FIELDS[conn_type])))
    place = data.draw(st.integers(0, len(name)))
    typo = name[:place] + data.draw(st.sampled_from("abcxyz_")) + name[place:]
    assert f"extra.{typo}: unknown key (did you mean {name}?)" in refusal(conn_type, {typo: "x"})


@given(st.data())
def test_any_value_is_read_or_refused_in_words(data: st.DataObject) -> None:
    """No value ends in another error than a ConfigurationError, and what is read has the type of its field."""
    conn_type = data.draw(st.sampled_from(TYPES))
    name = data.draw(st.sampled_from(sorted(FIELDS[conn_type])))
    value = data.draw(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none()))
    try:
        found = getattr(read(conn_type, {name: value}), name)
    except ConfigurationError:
        return
    types = {"integer": int, "number": float, "boolean": bool}
    kind = (bool, str) if name == "verify" else types.get(FIELDS[conn_type][name]["type"], str)
    assert found is None or isinstance(found, kind)


@pytest.mark.parametrize("conn_type", TYPES)
def test_examples_can_be_read(conn_type: str) -> None:
    """What a form shows as an example is a value that is allowed."""
    examples = {name: field["examples"][0] for name, field in FIELDS[conn_type].items() if "examples" in field}
    assert examples.items() <= read(conn_type, examples).model_dump().items()
    assert examples.items() <= ui_field_behaviour(MODELS[conn_type])["placeholders"].items()


@pytest.mark.parametrize("conn_type", TYPES)
def test_airflow_masks_every_secret_by_its_name(conn_type: str) -> None:
    """Airflow's pages and API mask an extra by its name alone; a PKCS12 file is locked by its own password."""
    masked = re.compile(r"token|password|secret|private_key|proxy")
    secrets = {name for name, field in FIELDS[conn_type].items() if field.get("format") == "password"}
    assert {name for name in secrets if not masked.search(name)} <= {"pkcs12"}


def test_the_form_begins_with_ignite() -> None:
    """The placeholder of the host is the one for the tokens of today; legacy is the other choice."""
    placeholder = ui_field_behaviour(MODELS["flashpoint"])["placeholders"]["host"]
    assert placeholder == "https://api.flashpoint.io (Ignite), or https://fp.tools (legacy)"


def test_every_data_set_has_a_path() -> None:
    """The client looks for the path of a data set under the data set's name."""
    assert {f"base_path_{data_set}" for data_set in DataSet} <= FIELDS["flashpoint"].keys()


def test_the_form_offers_every_generation_of_the_api() -> None:
    """The choices of `api` are what the client knows."""
    assert set(FIELDS["flashpoint"]["api"]["enum"]) == set(Api)


class GatewaySettings(ConnectionSettings):
    """A connection type with one additional field."""

    conn_type = "gateway"

    access_key: SecretText = Field("", pattern="^[a-z]+$", title="Access key", alias="key", examples=["abc"])
    """Key of the gateway."""


@pytest.mark.parametrize("key", ["access_key", "key", "extra__gateway__access_key", "extra__gateway__key"])
def test_a_field_is_declared_once(key: str) -> None:
    """Form, placeholder, reading, refusal and masking of a field follow from its declaration alone."""
    assert conn_fields(GatewaySettings) == {
        "access_key": {
            "label": "Access key",
            "description": "Key of the gateway. Example: abc",
            "schema": {"type": ["string", "null"], "format": "password", "pattern": "^[a-z]+$"},
        }
    }
    assert ui_field_behaviour(GatewaySettings)["placeholders"] == {"access_key": "abc"}
    settings = read_settings(GatewaySettings, {key: "opensesame"}, conn_id="gateway")
    assert settings.access_key == "opensesame"
    assert "opensesame" in settings.secrets()
    assert "opensesame" not in repr(settings)
    with pytest.raises(ConfigurationError, match=f"extra.{key}: the value is not allowed; give a text such as abc"):
        read_settings(GatewaySettings, {key: "Open Sesame"}, conn_id="gateway")
