"""`airflow-flashpoint check`: each part of the setup is told by itself, and nothing is pulled or sent."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.sandbox import Sandbox
from tests.cli.conftest import TAG, Outcome, call
from tests.core.devo.devo_peers import issue

pytestmark = pytest.mark.airflow

Connect = Callable[..., None]
SECRETS = ("wrong-flashpoint-token", "wrong-devo-token")


@pytest.fixture(autouse=True)
def setup(airflow: None, config: Path, connections: Connect) -> None:
    """A setup in which everything is good."""


def bad_parts(outcome: Outcome) -> dict[str, str]:
    """Return what is not good, by its part; the output holds no secret."""
    assert not any(secret in outcome.out + outcome.err for secret in SECRETS)
    return {each["part"]: each["said"] for each in outcome.json["findings"] if not each["good"]}


def test_all_is_good(sandbox: Sandbox, staging: Path) -> None:
    """Where everything is good, each part says so, the exit code is 0, and nothing was pulled, sent or written."""
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {}
    assert outcome.exit_code == 0
    assert [each["part"] for each in outcome.json["findings"]] == [
        "configuration",
        "Airflow",
        "DAGs",
        "database",
        "flashpoint_default: indicators",
        "flashpoint_default: alerts",
        "devo_default: certificate",
        "devo_default: chain",
        "devo_default: events",
        "devo_default: lookups",
    ]
    assert not sandbox.devo.tables.names()
    assert not sandbox.devo.lookups.names()
    assert not staging.exists()


def test_people_read_one_line_for_each_part() -> None:
    """The text has ok or FAIL in front of each part, and a verdict at its end."""
    lines = call("check").out.splitlines()
    assert all(line.startswith("ok  ") for line in lines[:-2])
    assert lines[-1] == "All is good."


def test_certificates_are_told_with_their_dates() -> None:
    """Whose each certificate is, and until when, also the server's own."""
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    assert said["devo_default: certificate"].startswith("sandbox client: valid until 20")
    assert said["devo_default: chain"].startswith("Devo sandbox authority: valid until 20")
    assert (
        "The server certificate matches localhost and the chain, and is valid until 20" in said["devo_default: events"]
    )


def test_wrong_tokens_do_not_stop_the_other_parts(connections: Connect) -> None:
    """Each refused token is one part that needs mending; the certificates and events are still looked at."""
    connections(flashpoint={"password": SECRETS[0]}, devo={"password": SECRETS[1]})
    outcome = call("check", "--json")
    bad = bad_parts(outcome)
    assert outcome.exit_code == 1
    assert set(bad) == {"flashpoint_default: indicators", "flashpoint_default: alerts", "devo_default: lookups"}
    assert bad["flashpoint_default: indicators"].startswith("SetupError 2: Please ensure the bearer token is prepared.")
    assert "status 401" in bad["devo_default: lookups"]


def test_a_wrong_domain(connections: Connect) -> None:
    """A domain that the token has no right to is told as Devo tells it."""
    connections(devo={"extra": {"domain": "another"}})
    bad = bad_parts(call("check", "--json"))
    assert set(bad) == {"devo_default: lookups"}
    assert "status 403" in bad["devo_default: lookups"]


def test_a_connection_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing connection is told with the command that makes it."""
    monkeypatch.delenv("AIRFLOW_CONN_DEVO_DEFAULT")
    bad = bad_parts(call("check", "--json"))
    assert set(bad) == {"devo_default: fields"}
    assert "`airflow connections add devo_default --conn-type devo" in bad["devo_default: fields"]


def test_a_connection_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the environment that is no connection is not taken for a missing one."""
    monkeypatch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", "{no json")
    assert "AIRFLOW_CONN_DEVO_DEFAULT is set" in bad_parts(call("check", "--json"))["devo_default: fields"]


def test_an_expired_certificate(connections: Connect) -> None:
    """An expired certificate is told by its name and its date."""
    old = issue("old client", issue("authority"), days_from=-30, days_to=-2)
    connections(devo={"extra": {"cert": old.cert, "key": old.private_key}})
    bad = bad_parts(call("check", "--json"))
    assert set(bad) == {"devo_default: certificate", "devo_default: events"}
    assert bad["devo_default: certificate"].startswith("old client: expired on ")


def test_a_certificate_that_ends_soon_is_good_and_told(connections: Connect) -> None:
    """A month before its end a certificate is said to need renewal."""
    soon = issue("soon over", issue("authority"), days_to=20)
    connections(devo={"extra": {"cert": soon.cert, "key": soon.private_key}})
    said = {each["part"]: each for each in call("check", "--json").json["findings"]}
    assert said["devo_default: certificate"]["good"]
    assert said["devo_default: certificate"]["said"].endswith("renew it soon.")


@pytest.mark.parametrize("missing", ["cert", "key", "chain"])
def test_an_incomplete_set_of_certificates(connections: Connect, missing: str) -> None:
    """The part of the set that is missing is named."""
    connections(devo={"extra": {missing: None}})
    bad = bad_parts(call("check", "--json"))
    assert f"no `{missing}`" in bad["devo_default: certificates"]


def test_a_chain_that_does_not_vouch_for_the_server(connections: Connect) -> None:
    """A server of an authority that is not in the chain is not trusted."""
    connections(devo={"extra": {"chain": issue("another authority").cert}})
    assert "does not vouch for the server" in bad_parts(call("check", "--json"))["devo_default: events"]


def test_a_host_name_that_is_not_the_certificates(connections: Connect) -> None:
    """The name of the connection must be one of the server's certificate."""
    connections(devo={"host": "127.1"})
    assert "is not for '127.1'" in bad_parts(call("check", "--json"))["devo_default: events"]


def test_a_port_where_nobody_listens(connections: Connect) -> None:
    """A refused connection is told in words."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    connections(devo={"port": port})
    assert "the connection was refused" in bad_parts(call("check", "--json"))["devo_default: events"]


def test_a_wrong_file_does_not_stop_the_connections(config: Path) -> None:
    """Without a configuration that can be read, the default connections are looked at."""
    config.write_text("inputs: {flashpoint_alert: {tga: x}}", encoding="utf-8")
    outcome = call("check", "--json")
    assert set(bad_parts(outcome)) == {"configuration"}
    assert "tga: unknown key" in bad_parts(outcome)["configuration"]
    assert "devo_default: lookups" in {each["part"] for each in outcome.json["findings"]}


def test_only_what_the_file_uses_is_looked_at(config: Path) -> None:
    """Where only alerts are read, no lookup is asked for."""
    content = json.loads(config.read_text(encoding="utf-8"))
    del content["inputs"]["flashpoint_indicator"]
    config.write_text(json.dumps(content), encoding="utf-8")
    parts = {each["part"] for each in call("check", "--json").json["findings"]}
    assert "flashpoint_default: alerts" in parts
    assert not {"flashpoint_default: indicators", "devo_default: lookups"} & parts


def test_plain_tcp_is_named(connections: Connect, sandbox: Sandbox) -> None:
    """A connection without TLS has no certificates to look at, and is said to be plain."""
    connections(devo={"port": sandbox.devo.plain_port, "extra": {"insecure": True}})
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    assert said["devo_default: events"] == "ready over plain TCP."
    assert "devo_default: certificate" not in said


def test_events_over_http_need_no_certificate(connections: Connect) -> None:
    """With the transport http, its token is asked about, and certificates are not."""
    connections(devo={"extra": {"event_transport": "http", "cert": None, "key": None, "chain": None}})
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {}
    said = {each["part"]: each["said"] for each in outcome.json["findings"]}
    assert said["devo_default: events"] == "ready over HTTP, and the token is not refused."


def test_lookups_over_syslog_are_told_to_be_deprecated(connections: Connect) -> None:
    """The old transport of lookups is checked by its certificate."""
    connections(devo={"extra": {"lookup_transport": "syslog"}})
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {}
    said = {each["part"]: each["said"] for each in outcome.json["findings"]}
    assert said["devo_default: lookups"] == "ready over syslog, which Devo has deprecated for lookups."


def test_queries_are_asked_for_where_they_are_used(connections: Connect, config: Path) -> None:
    """With `verify: query` the query API must let the table be queried."""
    content = json.loads(config.read_text(encoding="utf-8"))
    content["inputs"]["flashpoint_alert"]["services"]["alerts"]["verify"] = "query"
    config.write_text(json.dumps(content), encoding="utf-8")
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    assert said["devo_default: queries"] == f"ready: {TAG} can be queried."
    connections(devo={"extra": {"query_base_url": None, "api_base_url": None}})
    assert "no `query_base_url`" in bad_parts(call("check", "--json"))["devo_default: queries"]


def test_no_key_of_the_connections_is_shown(connections: Connect, sandbox: Sandbox) -> None:
    """Neither tokens nor a line of the private key get into the output, whatever is wrong."""
    key = Path(sandbox.devo.certificates.client_key).read_text(encoding="utf-8")
    connections(devo={"port": 1, "extra": {"key": key, "domain": "another"}})
    outcome = call("check", "--verbose")
    secrets: list[Any] = [*key.splitlines()[1:-1], sandbox.flashpoint.settings.token, sandbox.devo.settings.api_token]
    assert not any(secret in outcome.out + outcome.err for secret in secrets)
