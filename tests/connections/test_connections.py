"""Reading a connection and its forms, which follow from the settings models."""

from __future__ import annotations

import base64
import importlib.util
import json
import traceback
from typing import Any

import pytest
from connection_models import FIELDS as FIELDS_OF
from connection_models import MODELS, read

from airflow_provider_flashpoint.connections import conn_fields, connection_form_widgets, ui_field_behaviour
from airflow_provider_flashpoint.errors import ConfigurationError

SECRET = "s3cret-of-the-test"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"
FIELDS = [(conn_type, name) for conn_type, fields in FIELDS_OF.items() for name in fields]
SECRETS = [(conn_type, name) for conn_type, name in FIELDS if FIELDS_OF[conn_type][name].get("format") == "password"]


@pytest.mark.parametrize("key", ["domain", "extra__devo__domain"])
def test_names_of_a_field(key: str) -> None:
    """A field is read under its plain name and under the long name of old forms."""
    assert read("devo", {key: "acme"}).domain == "acme"


@pytest.mark.parametrize("key", ["private_key", "key", "extra__devo__private_key", "extra__devo__key"])
def test_alias_of_the_key(key: str) -> None:
    """The private key is also read as `key`."""
    assert read("devo", {key: "/a/path"}).private_key == "/a/path"


@pytest.mark.parametrize("keys", [("domain", "extra__devo__domain"), ("extra__devo__domain", "domain")])
def test_plain_name_outranks_the_long_one(keys: tuple[str, str]) -> None:
    """Where both names are there, in whichever order, the plain one counts."""
    values = {"domain": "plain", "extra__devo__domain": "long"}
    assert read("devo", {key: values[key] for key in keys}).domain == "plain"


@pytest.mark.parametrize("empty", ["", None])
def test_empty_value_is_none(empty: Any) -> None:
    """An empty text or null, as forms leave it, is no value; the default is taken."""
    settings = read("devo", {"domain": empty, "insecure": empty, "job_timeout_s": empty})
    assert not settings.model_fields_set & {"domain", "insecure", "job_timeout_s"}
    assert settings.insecure is False


@pytest.mark.parametrize("conn_type", MODELS)
def test_unknown_key(conn_type: str) -> None:
    """An unknown key is an error that names it, the connection, and all keys that are allowed."""
    with pytest.raises(ConfigurationError, match=r"the_connection.*\n.*extra\.unheard_of: unknown key") as caught:
        read(conn_type, {"unheard_of": SECRET}, conn_id="the_connection")
    assert all(name in str(caught.value) for name in FIELDS_OF[conn_type])
    assert SECRET not in str(caught.value)


def test_slip_of_the_pen_gets_a_hint() -> None:
    """A key that is nearly right is answered with the right one."""
    with pytest.raises(ConfigurationError, match="did you mean domain"):
        read("devo", {"domian": "acme"})


def test_all_problems_are_told_at_once() -> None:
    """Each thing that is wrong has its line."""
    with pytest.raises(ConfigurationError, match="2 problems") as caught:
        read("devo", {"domian": "acme", "job_timeout_s": "soon"})
    assert "extra.domian" in str(caught.value)
    assert "extra.job_timeout_s" in str(caught.value)


@pytest.mark.parametrize(
    ("conn_type", "name", "value", "expected"),
    [
        ("devo", "insecure", "true", True),
        ("devo", "insecure", " False ", False),
        ("devo", "insecure", "1", True),
        ("devo", "insecure", True, True),
        ("devo", "tls_security_level", "0", 0),
        ("devo", "tls_security_level", 5.0, 5),
        ("devo", "job_timeout_s", "0.5", 0.5),
        ("devo", "max_line_bytes", "1024", 1024),
        ("devo", "domain", 42, "42"),
        ("flashpoint", "verify", "false", False),
        ("flashpoint", "verify", "/etc/authorities.pem", "/etc/authorities.pem"),
        ("flashpoint", "base_path_alerts", "/x/y", "/x/y"),
    ],
)
def test_conversion(conn_type: str, name: str, value: Any, expected: Any) -> None:
    """Values have the type of their field, whether they came as text or not."""
    result = getattr(read(conn_type, {name: value}), name)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("conn_type", "name", "value"),
    [
        ("devo", "insecure", "maybe"),
        ("devo", "insecure", 2),
        ("devo", "tls_security_level", 6),
        ("devo", "tls_security_level", -1),
        ("devo", "tls_security_level", 1.5),
        ("devo", "tls_security_level", True),
        ("devo", "job_timeout_s", 0),
        ("devo", "job_timeout_s", "nan"),
        ("devo", "job_timeout_s", "inf"),
        ("devo", "job_timeout_s", "1" + "0" * 400),
        ("devo", "event_transport", "Syslog"),
        ("devo", "domain", ["acme"]),
        ("devo", "domain", "   "),
        ("devo", "api_base_url", "api-us.devo.com"),
        ("flashpoint", "page_size", 1),
        ("flashpoint", "base_path_alerts", "//elsewhere.example.com/x"),
        ("flashpoint", "base_path_alerts", "https://elsewhere.example.com/x"),
    ],
)
def test_value_that_is_not_allowed(conn_type: str, name: str, value: Any) -> None:
    """A value that its field does not allow is an error that names the field."""
    with pytest.raises(ConfigurationError, match=rf"extra\.{name}: .* is not allowed; give "):
        read(conn_type, {name: value})


@pytest.mark.parametrize(("conn_type", "name"), SECRETS)
def test_secret_is_not_in_the_error(conn_type: str, name: str) -> None:
    """A secret that is not allowed is not shown."""
    with pytest.raises(ConfigurationError, match=f"extra.{name}: the value is not allowed") as caught:
        read(conn_type, {name: [SECRET]})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("name", "value", "masked"),
    [
        ("http_token", SECRET, True),
        ("pkcs12_password", SECRET, True),
        ("private_key", PRIVATE_KEY, True),
        ("private_key", "/etc/devo/key.pem", False),
        ("pkcs12", "MII" + "A" * 1000, True),
        ("pkcs12", "/etc/devo/client.p12", False),
        ("cert", PRIVATE_KEY, True),
        ("cert", "/etc/devo/client.pem", False),
        ("cert", base64.b64encode(PRIVATE_KEY.encode() * 9).decode(), True),
        ("cert", (PRIVATE_KEY * 9).replace(" ", "%20"), True),
        ("cert", "".join((PRIVATE_KEY * 9).split()), True),
        ("chain", base64.b64encode(PRIVATE_KEY.encode() * 9).decode(), True),
        ("chain", "/etc/devo/chain.pem", False),
        ("domain", "acme", False),
    ],
)
def test_what_is_masked(name: str, value: str, masked: bool) -> None:
    """Secrets are masked in logs; paths and plain values are not."""
    assert (value in read("devo", {name: value}).secrets()) is masked


@pytest.mark.parametrize(("conn_type", "name"), FIELDS)
def test_every_field_has_words_and_a_schema(conn_type: str, name: str) -> None:
    """Each field has a label, a description, and a schema that allows to leave it empty."""
    field = conn_fields(MODELS[conn_type])[name]
    assert field["label"]
    assert field["description"].partition(" Example: ")[0].endswith(".")
    assert field["schema"]["type"][-1] == "null"


@pytest.mark.parametrize(("conn_type", "name"), SECRETS)
def test_secret_fields_are_password_fields(conn_type: str, name: str) -> None:
    """A secret is not shown while it is typed."""
    assert conn_fields(MODELS[conn_type])[name]["schema"]["format"] == "password"


@pytest.mark.parametrize("conn_type", MODELS)
def test_defaults_of_the_form_are_those_of_reading(conn_type: str) -> None:
    """A form that is left as it is gives the same connection as none."""
    fields = conn_fields(MODELS[conn_type])
    form = {name: each["schema"]["default"] for name, each in fields.items() if "default" in each["schema"]}
    assert read(conn_type, form) == read(conn_type, {})


@pytest.mark.parametrize("conn_type", MODELS)
def test_behaviour_names_what_is_there(conn_type: str) -> None:
    """Placeholders and labels are for fields of the form that are not hidden, and all of it is JSON."""
    behaviour = ui_field_behaviour(MODELS[conn_type])
    shown = ({"host", "port", "login", "password", "schema"} | set(conn_fields(MODELS[conn_type]))) - set(
        behaviour["hidden_fields"]
    )
    assert set(behaviour["relabeling"]) <= shown
    assert set(behaviour["placeholders"]) <= shown
    assert json.loads(json.dumps(behaviour)) == behaviour


@pytest.fixture
def forms() -> None:
    """Skip where Airflow does not build forms itself."""
    if not (importlib.util.find_spec("wtforms") and importlib.util.find_spec("flask_appbuilder")):
        pytest.skip("this Airflow does not build connection forms")


@pytest.mark.airflow
@pytest.mark.usefixtures("forms")
@pytest.mark.parametrize("conn_type", MODELS)
def test_form_of_airflow_2(conn_type: str) -> None:
    """Where Airflow builds the form from widgets, there is one for each field, and secrets have password fields."""
    widgets = connection_form_widgets(MODELS[conn_type])
    assert list(widgets) == list(conn_fields(MODELS[conn_type]))
    passwords = {name for name, widget in widgets.items() if widget.field_class.__name__ == "PasswordField"}
    assert passwords == {name for each, name in SECRETS if each == conn_type}


@pytest.mark.airflow
@pytest.mark.usefixtures("forms")
def test_stored_secret_survives_the_form_of_airflow_2() -> None:
    """A stored secret is not in the page, which holds in its place what Airflow takes as no change; an empty one is."""
    from airflow.www.views import SENSITIVE_FIELD_PLACEHOLDER
    from wtforms import Form

    form = type("DevoForm", (Form,), connection_form_widgets(MODELS["devo"]))(data={"http_token": SECRET})
    assert SECRET not in str(form.http_token())
    assert f'value="{SENSITIVE_FIELD_PLACEHOLDER}"' in str(form.http_token())
    assert 'value=""' in str(form.pkcs12_password())
