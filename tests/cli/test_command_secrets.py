"""The output of the command holds no secret and no control character, whatever the services say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_flashpoint.cli.output.report import Report
from airflow_provider_flashpoint.core.secrets.known import remember
from sandbox.http_service.message import Response
from sandbox.http_service.server import HttpServer, Route
from tests.cli.conftest import call
from tests.secret_forms import forms_of, shows

TOKEN = "tok/en+42=&made-up"


@pytest.mark.parametrize("form", list(forms_of(TOKEN)))
def test_no_report_shows_a_secret(form: str) -> None:
    """Both forms of a report, and an error, are printed without any form of a secret."""
    remember(TOKEN)
    text = forms_of(TOKEN)[form]
    report = Report({"findings": [{"said": text, text: 1}]}, lines=[f"FAIL  {text}", "x\x1b[31m"])
    assert shows(report.as_text() + report.as_json(), TOKEN) == []
    assert json.loads(report.as_json())["findings"]
    assert Report(error=f"{text}\x1b", exit_code=1).as_text().isprintable()


@pytest.mark.parametrize("secret", ["a", "true", "null", "2026", "20261", "indent", '": "', "my_domain"])
def test_a_report_is_json_whatever_a_secret_is(secret: str) -> None:
    """A secret that is a word of JSON, a number or a domain changes no number, no flag and no other text."""
    remember(secret)
    data = {
        "count": 20261,
        "flag": True,
        "none": None,
        "at": "2026-01-01",
        "said": f"the domain {secret}",
        "odd": "\x1b",
    }
    found = json.loads(Report(data).as_json())
    shown = secret if len(secret) < 5 else "***"
    assert found == {"good": True, **data, "said": f"the domain {shown}"}


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """Both services, whose every answer repeats the token in many forms."""
    said = "\n".join(form for form in forms_of(TOKEN).values() if len(form) < 60)
    answer = Response.json({"detail": said[:150], "object": [said]}, status=400)
    with HttpServer([Route(method, "/.*", lambda request: answer) for method in ("GET", "POST")]) as server:
        devo = {"insecure": True, "domain": "d", "api_base_url": server.url, "http_token": TOKEN}
        devo |= {"event_transport": "http", "http_base_url": server.url}
        connections = {
            "FLASHPOINT": {"conn_type": "flashpoint", "host": server.url, "password": TOKEN},
            "DEVO": {"conn_type": "devo", "password": TOKEN, "extra": devo},
        }
        for name, fields in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}_DEFAULT", json.dumps(fields))
        yield server


@pytest.mark.airflow
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_command_shows_a_token_that_a_service_repeats(
    airflow: None, config: Path, echo: HttpServer, options: tuple[str, ...]
) -> None:
    """`check` and `preview` show the reason of a refusal, without the token and on one line."""
    for arguments in (("check",), ("preview", "alerts")):
        outcome = call(*arguments, *options)
        assert outcome.exit_code == 1
        assert "status 400: " in outcome.out + outcome.err
        assert shows(outcome.out + outcome.err, TOKEN) == []
