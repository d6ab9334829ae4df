"""`airflow-flashpoint check`: each part of the setup is checked by itself, and nothing is pulled or sent."""

from __future__ import annotations

import base64
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
    """A complete and correct setup."""


def bad_parts(outcome: Outcome) -> dict[str, str]:
    """Return the failed parts with their messages; the output contains no secret."""
    assert not any(secret in outcome.out + outcome.err for secret in SECRETS)
    return {each["part"]: each["said"] for each in outcome.json["findings"] if not each["good"]}


def test_all_is_good(sandbox: Sandbox, staging: Path) -> None:
    """For a correct setup every part is good, the exit code is 0, and nothing is pulled, sent or written."""
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {}
    assert outcome.exit_code == 0
    assert [each["part"] for each in outcome.json["findings"]] == [
        "configuration",
        "Airflow",
        "DAGs",
        "database",
        "staging storage",
        "flashpoint_default: indicators",
        "flashpoint_default: alerts",
        "flashpoint_default: lookup keys",
        "devo_default: certificate",
        "devo_default: chain",
        "devo_default: events",
        "devo_default: lookups",
    ]
    assert not sandbox.devo.tables.names()
    assert not sandbox.devo.lookups.names()
    assert not staging.exists()


def test_people_read_one_line_for_each_part() -> None:
    """Each line of the text starts with ok or FAIL, and the last line is the verdict."""
    lines = call("check").out.splitlines()
    assert all(line.startswith("ok  ") for line in lines[:-2])
    assert lines[-1] == "All is good."


def test_certificates_are_shown_with_their_dates() -> None:
    """Each certificate is shown with its name and last day, the server's too."""
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    assert said["devo_default: certificate"].startswith("sandbox client: valid until 20")
    assert said["devo_default: chain"].startswith("Devo sandbox authority: valid until 20")
    assert (
        "The server certificate matches localhost and the chain, and is valid until 20" in said["devo_default: events"]
    )


def test_wrong_tokens_do_not_stop_the_other_parts(connections: Connect) -> None:
    """Each rejected token is one finding, for all data sets; certificates and events are checked all the same."""
    connections(flashpoint={"password": SECRETS[0]}, devo={"password": SECRETS[1]})
    outcome = call("check", "--json")
    bad = bad_parts(outcome)
    assert outcome.exit_code == 1
    assert set(bad) == {"flashpoint_default: indicators, alerts", "devo_default: lookups"}
    assert "SetupError 2: Please ensure the bearer token is prepared." in bad["flashpoint_default: indicators, alerts"]
    assert "status 401" in bad["devo_default: lookups"]


def test_a_wrong_domain(connections: Connect) -> None:
    """A domain that the token has no right to is reported with Devo's status."""
    connections(devo={"extra": {"domain": "another"}})
    bad = bad_parts(call("check", "--json"))
    assert set(bad) == {"devo_default: lookups"}
    assert "status 403" in bad["devo_default: lookups"]


def test_a_connection_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing connection is reported with the command that adds it."""
    monkeypatch.delenv("AIRFLOW_CONN_DEVO_DEFAULT")
    bad = bad_parts(call("check", "--json"))
    assert set(bad) == {"devo_default: fields"}
    assert "`airflow connections add devo_default --conn-type devo" in bad["devo_default: fields"]


def test_a_connection_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment variable with an invalid connection is reported as such, not as a missing connection."""
    monkeypatch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", "{no json")
    assert "AIRFLOW_CONN_DEVO_DEFAULT is set" in bad_parts(call("check", "--json"))["devo_default: fields"]


def test_an_expired_certificate(connections: Connect) -> None:
    """An expired certificate is reported once, with its name and its last day."""
    old = issue("old client", issue("authority"), days_from=-30, days_to=-2)
    connections(devo={"extra": {"cert": old.cert, "private_key": old.private_key}})
    bad = bad_parts(call("check", "--json"))
    assert set(bad) == {"devo_default: certificate, events"}
    assert bad["devo_default: certificate, events"].startswith("old client expired on ")


@pytest.mark.parametrize("good", [True, False])
def test_a_private_key_that_airflow_shows(connections: Connect, sandbox: Sandbox, good: bool) -> None:
    """Airflow's pages mask `private_key` and show its alias; the path of the key is no secret, its text is one."""
    path = sandbox.devo.certificates.client_key
    connections(devo={"extra": {"private_key": None, "key": str(path) if good else path.read_text(encoding="utf-8")}})
    outcome = call("check", "--json")
    (found,) = [each for each in outcome.json["findings"] if each["part"] == "devo_default: private_key"]
    assert found["good"] is good
    assert "under the name `key`, which Airflow shows in clear" in found["said"]
    assert outcome.exit_code == int(not good)


def test_a_certificate_that_ends_soon_is_good_and_marked(connections: Connect) -> None:
    """A certificate is marked for renewal a month before its last day."""
    soon = issue("soon over", issue("authority"), days_to=20)
    connections(devo={"extra": {"cert": soon.cert, "private_key": soon.private_key}})
    said = {each["part"]: each for each in call("check", "--json").json["findings"]}
    assert said["devo_default: certificate"]["good"]
    assert said["devo_default: certificate"]["said"].endswith("renew it soon.")


@pytest.mark.parametrize("missing", ["cert", "private_key", "chain"])
def test_an_incomplete_set_of_certificates(connections: Connect, missing: str) -> None:
    """The missing part of the certificates is named."""
    connections(devo={"extra": {missing: None}})
    bad = bad_parts(call("check", "--json"))
    assert f"no `{missing}`" in bad["devo_default: certificates, events"]


@pytest.mark.parametrize(
    "form",
    [
        lambda pem: pem.replace("\n", " "),
        lambda pem: pem.replace("\n", ""),
        lambda pem: pem.replace("\n", r"\r\n"),
        lambda pem: pem.replace("+", " "),
        lambda pem: f"# Autorit\u00e9\n{pem}",
        lambda pem: base64.b64encode(pem.encode()).decode(),
    ],
    ids=["blanks", "dropped", "literal", "plus as blank", "comment", "base64"],
)
def test_pasted_certificates_are_good_for_check_and_connection(
    connections: Connect, sandbox: Sandbox, form: Callable[[str], str]
) -> None:
    """What the check reads is what the connection reads, in whatever form it was pasted."""
    paths = sandbox.devo.certificates
    pasted = {"cert": paths.client_cert, "private_key": paths.client_key, "chain": paths.chain}
    connections(devo={"extra": {name: form(path.read_text(encoding="utf-8")) for name, path in pasted.items()}})
    assert bad_parts(call("check", "--json")) == {}


@pytest.mark.parametrize("part", ["cert", "private_key", "chain"])
def test_unreadable_certificates_are_one_finding(connections: Connect, part: str) -> None:
    """The path of an unknown user is one cause, for the certificates and for the connection that needs them."""
    connections(devo={"extra": {part: "~nosuchuser/x.crt"}})
    bad = bad_parts(call("check", "--json"))
    (said,) = bad.values()
    assert set(bad) == {"devo_default: certificates, events"}
    assert f"`{part}` is neither PEM text nor a file" in said
    assert "no such user" in said


def test_an_expired_authority_that_nobody_uses(connections: Connect, sandbox: Sandbox) -> None:
    """The chain that the server needs is judged; an expired authority beside it is only shown."""
    used = sandbox.devo.certificates.chain.read_text(encoding="utf-8")
    connections(devo={"extra": {"chain": used + issue("old authority", days_from=-30, days_to=-2).cert}})
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {}
    said = {each["part"]: each["said"] for each in outcome.json["findings"]}
    assert "old authority: expired on 20" in said["devo_default: chain"]


def test_a_chain_that_does_not_vouch_for_the_server(connections: Connect) -> None:
    """A server whose authority is not in the chain is not trusted."""
    connections(devo={"extra": {"chain": issue("another authority").cert}})
    assert "does not vouch for the server" in bad_parts(call("check", "--json"))["devo_default: events"]


def test_a_host_name_that_is_not_the_certificates(connections: Connect) -> None:
    """The host of the connection must be a name in the server's certificate."""
    connections(devo={"host": "127.1"})
    assert "is not for '127.1'" in bad_parts(call("check", "--json"))["devo_default: events"]


def test_a_port_where_nobody_listens(connections: Connect) -> None:
    """A refused connection is reported in words."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    connections(devo={"port": port})
    assert "the connection was refused" in bad_parts(call("check", "--json"))["devo_default: events"]


def test_a_wrong_file_does_not_stop_the_connections(config: Path) -> None:
    """Without a valid configuration file, the default connections are checked."""
    config.write_text("inputs: {flashpoint_alert: {tga: x}}", encoding="utf-8")
    outcome = call("check", "--json")
    assert set(bad_parts(outcome)) == {"configuration"}
    assert "tga: unknown key" in bad_parts(outcome)["configuration"]
    assert "devo_default: lookups" in {each["part"] for each in outcome.json["findings"]}


def test_only_parts_that_the_file_uses_are_checked(config: Path) -> None:
    """Lookups are not checked if only alerts are read."""
    content = json.loads(config.read_text(encoding="utf-8"))
    del content["inputs"]["flashpoint_indicator"]
    config.write_text(json.dumps(content), encoding="utf-8")
    parts = {each["part"] for each in call("check", "--json").json["findings"]}
    assert "flashpoint_default: alerts" in parts
    assert not {"flashpoint_default: indicators", "devo_default: lookups"} & parts


def test_plain_tcp_is_named(connections: Connect, sandbox: Sandbox) -> None:
    """A connection without TLS is reported as plain, and its certificates are not checked."""
    connections(devo={"port": sandbox.devo.plain_port, "extra": {"insecure": True}})
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    assert said["devo_default: events"] == "ready over plain TCP."
    assert "devo_default: certificate" not in said


def test_events_over_http_need_no_certificate(connections: Connect) -> None:
    """With the transport http, the token is checked, and certificates are not."""
    connections(devo={"extra": {"event_transport": "http", "cert": None, "private_key": None, "chain": None}})
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {}
    said = {each["part"]: each["said"] for each in outcome.json["findings"]}
    assert said["devo_default: events"] == "ready over HTTP, and the token is not refused."


def test_lookups_over_syslog_are_reported_as_deprecated(connections: Connect) -> None:
    """The syslog transport of lookups is checked with its certificate."""
    connections(devo={"extra": {"lookup_transport": "syslog"}})
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {}
    said = {each["part"]: each["said"] for each in outcome.json["findings"]}
    assert said["devo_default: lookups"] == "ready over syslog, which Devo has deprecated for lookups."


def test_queries_are_checked_where_they_are_used(connections: Connect, config: Path) -> None:
    """With `verify: query`, the query API must allow queries of the table."""
    content = json.loads(config.read_text(encoding="utf-8"))
    content["inputs"]["flashpoint_alert"]["services"]["alerts"]["verify"] = "query"
    config.write_text(json.dumps(content), encoding="utf-8")
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    assert said["devo_default: queries"] == f"ready: {TAG} can be queried."
    connections(devo={"extra": {"query_base_url": None, "api_base_url": None}})
    assert "no `query_base_url`" in bad_parts(call("check", "--json"))["devo_default: queries"]


def test_no_key_of_the_connections_is_shown(connections: Connect, sandbox: Sandbox) -> None:
    """The output never contains a token or a line of the private key."""
    key = Path(sandbox.devo.certificates.client_key).read_text(encoding="utf-8")
    connections(devo={"port": 1, "extra": {"private_key": key, "domain": "another"}})
    outcome = call("check", "--verbose")
    secrets: list[Any] = [*key.splitlines()[1:-1], sandbox.flashpoint.settings.token, sandbox.devo.settings.api_token]
    assert not any(secret in outcome.out + outcome.err for secret in secrets)


def test_dags_that_airflow_does_not_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Airflow raises when it builds a DAG is one wrong part; the connections are checked all the same."""

    def refuse(**settings: object) -> None:
        raise ValueError("no such pool")

    monkeypatch.setattr("airflow_provider_flashpoint.dag_factory.SetupOperator", refuse)
    outcome = call("check", "--json")
    assert bad_parts(outcome) == {"DAGs": "ValueError: no such pool"}
    assert "devo_default: lookups" in {each["part"] for each in outcome.json["findings"]}


def test_types_of_another_generation(connections: Connect) -> None:
    """A type in the file that the API generation of the connection does not have is reported with the right ones."""
    connections(flashpoint={"extra": {"api": "ignite_v2"}})
    said = bad_parts(call("check", "--json"))["flashpoint_default: settings"]
    assert "with api ignite_v2. Its types are domain, extracted_config, file, ipv4, ipv6, url." in said
    connections(flashpoint={"extra": {"api": "ignite_v1"}})
    assert bad_parts(call("check", "--json")) == {}
