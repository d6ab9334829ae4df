"""The provider as an installed Airflow sees it: found, complete, and with forms that keep what they are given."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from connection_models import FIELDS, MODELS

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.connections import connection_form_widgets, ui_field_behaviour
from airflow_provider_flashpoint.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[2]
INFO = get_provider_info()
TYPES = sorted(MODELS)

asks_hooks_for_forms = pytest.mark.skipif(
    importlib.util.find_spec("flask_appbuilder") is None, reason="this Airflow asks no hook for a form"
)


def test_the_name_is_that_of_the_distribution() -> None:
    """Airflow refuses a provider whose info names another package than the one that is installed."""
    assert INFO["package-name"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["name"]


def test_all_hooks_and_operators_are_listed() -> None:
    """Each module that defines a hook or an operator for users is in the info."""
    there = {
        f"airflow_provider_flashpoint.{kind}.{file.stem}"
        for kind in ("hooks", "operators")
        for file in (ROOT / "airflow_provider_flashpoint" / kind).glob("[a-z]*.py")
        if file.stem != "base" and re.search(r"^class \w+(Hook|Operator)\b", file.read_text(), re.MULTILINE)
    }
    groups = INFO["hooks"] + INFO["operators"]
    assert sorted(module for group in groups for module in group["python-modules"]) == sorted(there)


def test_every_integration_is_declared() -> None:
    """Hooks and operators belong to integrations that the info declares."""
    declared = {integration["integration-name"] for integration in INFO["integrations"]}
    assert {group["integration-name"] for kind in ("hooks", "operators") for group in INFO[kind]} == declared


def _airflow_schema(name: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("airflow")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    schema: dict[str, Any] = json.loads((Path(spec.submodule_search_locations[0]) / name).read_text())
    return schema


@pytest.mark.airflow
def test_the_info_has_the_shape_of_a_provider_file() -> None:
    """The schema of Airflow's own providers knows every key and is stricter; only what its releases need is missing."""
    import jsonschema

    schema = _airflow_schema("provider.yaml.schema.json")
    del schema["required"]
    # The class names are for Airflow 2.1, which this schema has left behind.
    jsonschema.validate({key: value for key, value in INFO.items() if key != "hook-class-names"}, schema)


@pytest.mark.airflow
@pytest.mark.parametrize("conn_type", TYPES)
def test_the_look_of_a_form_is_valid(conn_type: str) -> None:
    """Airflow ignores what a hook says of its form unless it has the shape that it asks for."""
    import jsonschema

    schema = _airflow_schema("customized_form_field_behaviours.schema.json")
    jsonschema.validate(ui_field_behaviour(MODELS[conn_type]), schema)


@pytest.fixture
def in_airflow(tmp_path: Path) -> Callable[[str], Any]:
    """Run Python with the provider installed and a private Airflow home; return its last line of output, from JSON."""
    distribution = tmp_path / "site" / f"airflow_provider_flashpoint-{__version__}.dist-info"
    distribution.mkdir(parents=True)
    (distribution / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {INFO['package-name']}\nVersion: {__version__}\n"
    )
    (distribution / "entry_points.txt").write_text(
        "[apache_airflow_provider]\nprovider_info = airflow_provider_flashpoint.get_provider_info:get_provider_info\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{ROOT}",
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path / 'airflow.db'}",
    }

    def run(code: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            capture_output=True, text=True, check=False, env=environment, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.airflow
def test_airflow_finds_the_connection_types_and_their_fields(in_airflow: Callable[[str], Any]) -> None:
    """Once the package is installed, Airflow offers both connection types with all their fields."""
    found = in_airflow("""
import json
from airflow import __version__
from airflow.providers_manager import ProvidersManager
if __version__.startswith("3.1."):  # its API server asks the hooks, with stand-ins for the form libraries
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    HookMetaService.hook_meta_data()
manager = ProvidersManager()
print(json.dumps({
    "hooks": {name: hook and hook.hook_name for name, hook in manager.hooks.items()},
    "fields": list(manager.connection_form_widgets),
    "hidden": {name: look.get("hidden_fields") for name, look in manager.field_behaviours.items()},
}))
""")
    names = {"flashpoint": "Flashpoint", "devo": "Devo"}
    hidden = {"flashpoint": ["login", "port", "schema"], "devo": ["login", "schema"]}
    for conn_type, fields in FIELDS.items():
        assert found["hooks"][conn_type] == names[conn_type]
        assert {f"extra__{conn_type}__{name}" for name in fields} <= set(found["fields"])
        assert found["hidden"][conn_type] == hidden[conn_type]


@pytest.mark.airflow
def test_airflow_knows_the_settings_of_the_provider(in_airflow: Callable[[str], Any]) -> None:
    """The options of the section [flashpoint] have their defaults once the providers' configuration is loaded."""
    found = in_airflow("""
import json
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
ProvidersManager().initialize_providers_configuration()
print(json.dumps([conf.get("flashpoint", "staging_uri"), conf.getint("flashpoint", "stage_retention_days")]))
""")
    assert found == ["", 7]


@pytest.mark.airflow
@asks_hooks_for_forms
def test_editing_a_connection_keeps_its_secrets(in_airflow: Callable[[str], Any]) -> None:
    """A form that is saved with one field changed leaves the stored secrets alone, and has not shown them."""
    stored = {
        "private_key": "a-stored-key", "http_token": "a-stored-token", "domain": "acme", "insecure": True,
        "cert": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----", "event_transport": "http",
    }  # fmt: skip
    form, boxes, status, extra = in_airflow(f"""
import html, json, os, pathlib, re
home = pathlib.Path(os.environ["AIRFLOW_HOME"])
home.mkdir(exist_ok=True)
(home / "webserver_config.py").write_text("WTF_CSRF_ENABLED = False\\nAUTH_ROLE_PUBLIC = 'Admin'\\n")
import airflow.providers.fab.auth_manager.models
from airflow.models import Connection
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.www.app import create_app
initdb()
client = create_app(testing=True).test_client()
with create_session() as session:
    session.add(Connection(conn_id="my_devo", conn_type="devo", extra=json.dumps({stored!r})))
    session.flush()
    page = f"/connection/edit/{{session.query(Connection).one().id}}"
form = client.get(page).text
inputs = [dict(re.findall(r'(\\w+)="([^"]*)"', tag)) for tag in re.findall(r"<input[^>]*>", form)]
boxes = {{box["name"]: html.unescape(box["value"]) for box in inputs if box.get("type") in ("text", "password")}}
for tag, inner in re.findall(r"<((?:textarea|select)[^>]*)>(.*?)</(?:textarea|select)>", form, re.DOTALL):
    chosen = re.search(r"<option selected>(.*?)</option>", inner)
    text = inner.removeprefix("\\r\\n") if tag.startswith("textarea") else chosen[1] if chosen else ""
    boxes[re.search(r'name="([^"]*)"', tag)[1]] = html.unescape(text)
extra = re.search(r'<textarea[^>]* name="extra"[^>]*>(.*?)</textarea>', form, re.DOTALL)[1]
answers = {{name: value for name, value in boxes.items() if name.startswith("extra__devo__")}} | {{
    "conn_id": "my_devo", "conn_type": "devo", "extra": html.unescape(extra).strip(),
    "extra__devo__insecure": "y", "extra__devo__domain": "other",
}}
status = client.post(page, data=answers).status_code
with create_session() as session:
    print(json.dumps([form, list(boxes), status, session.query(Connection).one().extra_dejson]))
""")
    typed = {name for name, field in FIELDS["devo"].items() if field["type"] != "boolean"}
    assert {f"extra__devo__{name}" for name in typed} <= set(boxes)
    assert status == 302
    extra["cert"] = extra["cert"].replace("\r\n", "\n")  # as a browser sends the lines of a text
    assert extra.items() >= (stored | {"domain": "other"}).items()
    assert not any(secret in form for secret in ("a-stored-key", "a-stored-token"))


@pytest.mark.airflow
@asks_hooks_for_forms
class TestWebForm:
    """The fields of the web form, for Airflow versions that ask the hook for them."""

    @staticmethod
    def fill(conn_type: str, answers: dict[str, str]) -> Any:
        import wtforms
        from werkzeug.datastructures import MultiDict

        form = type("ConnectionForm", (wtforms.Form,), connection_form_widgets(MODELS[conn_type]))(MultiDict(answers))
        form.validate()
        return form

    @pytest.mark.parametrize("conn_type", TYPES)
    def test_only_fields_that_airflow_accepts(self, conn_type: str) -> None:
        """Airflow drops the hook that has another class of field."""
        allowed = {"IntegerField", "PasswordField", "StringField", "BooleanField"}
        assert {type(field).__name__ for field in self.fill(conn_type, {})} <= allowed

    @pytest.mark.parametrize("conn_type", TYPES)
    def test_every_field_may_be_left_empty(self, conn_type: str) -> None:
        """An empty form is valid."""
        assert self.fill(conn_type, dict.fromkeys(FIELDS[conn_type], "")).errors == {}

    @pytest.mark.parametrize(
        ("conn_type", "name", "value"),
        [
            ("devo", "event_transport", "sylog"),
            ("devo", "tls_security_level", "6"),
            ("devo", "max_line_bytes", "many"),
            ("flashpoint", "base_path_alerts", "alerts"),
        ],
    )
    def test_wrong_values_are_refused(self, conn_type: str, name: str, value: str) -> None:
        """The form tells at once what reading the connection would refuse."""
        assert self.fill(conn_type, {name: value}).errors.keys() == {name}
