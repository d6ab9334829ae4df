"""The Devo hook, on a connection as Airflow gives it, against the sandbox Devo."""

from __future__ import annotations

import io
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.errors import ConfigurationError, DataError
from airflow_provider_flashpoint.hooks.devo import DevoHook
from sandbox.certificates import make_certificates
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault

pytestmark = pytest.mark.airflow

SECRET = "s3cret-of-the-test"


@pytest.fixture(scope="module")
def devo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevoServer]:
    settings = DevoSettings(
        directory=tmp_path_factory.mktemp("certificates"), api_token=SECRET, read_only_token="reader"
    )
    with DevoServer(settings) as server:
        yield server


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls that are sent again be sent at once."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)


@pytest.fixture
def connection(devo: DevoServer) -> dict[str, Any]:
    """The fields of a connection to the sandbox, its extra as a dictionary."""
    certificates = devo.certificates
    extra = {
        "cert": str(certificates.client_cert),
        "private_key": str(certificates.client_key),
        "chain": str(certificates.chain),
        "domain": devo.settings.domain,
        "api_base_url": devo.api_url,
    }
    fields = {"conn_type": "devo", "host": "localhost", "port": devo.syslog_port, "password": SECRET}
    return fields | {"extra": extra}


@pytest.fixture
def http_connection(devo: DevoServer, connection: dict[str, Any]) -> dict[str, Any]:
    """The fields of a connection that sends events by HTTP, and has no certificates."""
    extra = {
        "event_transport": "http",
        "http_token": devo.settings.http_token,
        "http_base_url": devo.url,
        "domain": devo.settings.domain,
        "api_base_url": devo.api_url,
    }
    return connection | {"host": None, "port": None, "extra": extra}


@pytest.fixture
def hook_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes the hook of a connection."""

    def make(connection: dict[str, Any]) -> DevoHook:
        monkeypatch.setenv("AIRFLOW_CONN_DEVO_TEST", json.dumps(connection))
        return DevoHook("devo_test")

    return make


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_connection_is_read_when_it_is_used() -> None:
    """A hook can be made where its connection does not exist, as in the parsing of a DAG."""
    assert DevoHook("there_is_none").devo_conn_id == "there_is_none"


def test_connection_is_fetched_once(hook_of: Any, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook fetches its connection once, however many writers and clients it makes."""
    fetched: list[str] = []
    fetch = DevoHook.get_connection
    monkeypatch.setattr(DevoHook, "get_connection", lambda hook, conn_id: fetched.append(conn_id) or fetch(conn_id))
    hook = hook_of(connection)
    hook.check_events()
    hook.check_lookups()
    assert hook.settings().token == SECRET
    assert fetched == ["devo_test"]


def test_events_arrive(devo: DevoServer, hook_of: Any, connection: dict[str, Any]) -> None:
    """The writer of the hook brings an event into its table."""
    with hook_of(connection).event_writer("my.app.flashpoint.hook") as writer:
        writer.write(writer.encode({"a": 1}))
        assert writer.confirm() == 1
    assert devo.tables.messages("my.app.flashpoint.hook") == ['{"a":1}']


def test_events_arrive_by_http(devo: DevoServer, hook_of: Any, http_connection: dict[str, Any]) -> None:
    """With the other transport, the writer of the hook brings an event into its table without certificates."""
    with hook_of(http_connection).event_writer("my.app.flashpoint.http") as writer:
        writer.write(writer.encode({"a": 1}))
        assert writer.confirm() == 1
    assert devo.tables.messages("my.app.flashpoint.http") == ['{"a":1}']


def test_settings_of_events_are_taken(devo: DevoServer, hook_of: Any, connection: dict[str, Any]) -> None:
    """Framing, date and longest event are as the connection says."""
    extra = {"event_framing": "octet_counted", "event_date_field": "at", "max_line_bytes": 1024}
    with hook_of(connection | {"extra": connection["extra"] | extra}).event_writer("my.app.flashpoint.set") as writer:
        writer.write(writer.encode({"at": 1}))
        with pytest.raises(DataError, match="max_line_bytes allows 1024"):
            writer.encode("x" * 1024)
    [event] = devo.tables.events("my.app.flashpoint.set")
    assert event.header is not None
    assert (event.header.date, event.header.date_form) == ("1970-01-01 00:00:01.000", "(usd)")
    wire = devo.tables.connections()[-1].wire
    assert wire.read(0, 2).isdigit()


def test_lookups_arrive(devo: DevoServer, hook_of: Any, connection: dict[str, Any]) -> None:
    """The client of the hook brings rows into a lookup."""
    lookups = hook_of(connection).lookups()
    file = io.BytesIO(b'key,_extra\n"a",""\n')
    lookups.deploy("FromHook", columns=("key",), key="key", csv_file=file, operation=Operation.CREATE)
    assert devo.lookups["FromHook"].rows() == [["a", ""]]


@pytest.mark.parametrize("transport", ["api", "syslog"])
def test_lookups_api_is_available_with_each_transport(
    devo: DevoServer, hook_of: Any, connection: dict[str, Any], transport: str
) -> None:
    """Lookups can be listed, described and dropped, whichever transport delivers their rows."""
    extra = {**connection["extra"], "lookup_transport": transport, "lookup_pause_s": 0}
    hook = hook_of(connection | {"extra": extra})
    name = f"Listed_{transport}"
    file = io.BytesIO(b'key,_extra\n"a",""\n')
    hook.lookups().deploy(name, columns=("key",), key="key", csv_file=file, operation=Operation.CREATE)
    api = hook.lookups_api()
    assert name in [each["name"] for each in api.lookups()]
    assert api.metadata(name)["rows"] == 1
    assert api.drop(name)
    assert name not in devo.lookups


def test_lookups_over_syslog_need_no_token(hook_of: Any, connection: dict[str, Any], devo: DevoServer) -> None:
    """With the transport syslog the test of a connection asks for neither token nor domain, and leaves nothing."""
    extra = {**connection["extra"], "lookup_transport": "syslog", "domain": ""}
    devo.tables.clear()
    good, said = hook_of(connection | {"extra": extra, "password": None}).test_connection()
    assert good, said
    assert "Lookups: ready over syslog, which Devo has deprecated" in said
    assert devo.tables.names() == []


def test_good_connection(hook_of: Any, connection: dict[str, Any], devo: DevoServer) -> None:
    """A connection that is right in both parts is good, and the test of it leaves nothing in Devo."""
    devo.tables.clear()
    good, said = hook_of(connection).test_connection()
    assert good, said
    assert "the certificate is accepted" in said
    assert "ready in the domain sandbox" in said
    assert devo.tables.names() == []


def test_plain_tcp_is_named(hook_of: Any, connection: dict[str, Any], devo: DevoServer) -> None:
    """A connection without TLS is good, and said to be plain."""
    fields = connection | {"port": devo.plain_port, "extra": {"insecure": True}, "password": None}
    assert hook_of(fields).test_connection() == (True, "Events: ready over plain TCP.")


def test_http_is_named(hook_of: Any, http_connection: dict[str, Any], devo: DevoServer) -> None:
    """A connection for HTTP is good, is said to be that, and testing it leaves nothing in Devo."""
    devo.tables.clear()
    good, said = hook_of(http_connection | {"password": None}).test_connection()
    assert (good, said) == (True, "Events: ready over HTTP, and the token is not refused.")
    assert devo.tables.names() == []


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"http_token": "guess-of-a-token"}, "status 401"),
        ({"domain": "other"}, "status 403"),
        ({"http_base_url": "http://nobody.invalid"}, "cannot be resolved"),
        ({"http_base_url": None}, "no `HTTP ingestion`"),
    ],
)
def test_bad_events_by_http(
    hook_of: Any, http_connection: dict[str, Any], extra: dict[str, Any], expected: str, devo: DevoServer
) -> None:
    """The check of HTTP ingestion describes each problem in words, without the token."""
    good, said = hook_of(http_connection | {"extra": http_connection["extra"] | extra}).test_connection()
    assert not good
    assert expected in said
    assert "guess-of-a-token" not in said
    assert devo.settings.http_token not in said


def test_lookups_alone(hook_of: Any, connection: dict[str, Any]) -> None:
    """Without a host only the lookups are tested."""
    good, said = hook_of(connection | {"host": None, "port": None}).test_connection()
    assert good, said
    assert "Events" not in said


EVENTS = {
    "refused": ({"port": -1}, {}, "refused"),
    "no such host": ({"host": "nobody.invalid"}, {}, "cannot be resolved"),
    "another host than the certificate's": ({"host": "127.1"}, {}, "is not for '127.1'"),
    "URL as host": ({"host": "https://localhost"}, {}, "must be a name alone"),
    "no key": ({}, {"private_key": None}, "there is no `Private key`"),
    "no chain": ({}, {"chain": None}, "there is no `Chain`"),
    "no certificates": ({}, dict.fromkeys(("cert", "private_key", "chain")), "no `Private key` and no `Chain`"),
    "transport": ({}, {"event_transport": "http", "http_token": None}, "has no `HTTP token`"),
    "unknown key": ({}, {"domian": "x"}, "extra.domian"),
}


@pytest.mark.parametrize(("fields", "extra", "expected"), EVENTS.values(), ids=list(EVENTS))
def test_bad_events(
    hook_of: Any, connection: dict[str, Any], fields: dict[str, Any], extra: dict[str, Any], expected: str
) -> None:
    """The check of events describes each problem in words, without secrets."""
    fields = connection | fields | {"extra": connection["extra"] | extra}
    if fields["port"] == -1:
        fields["port"] = closed_port()
    good, said = hook_of(fields).test_connection()
    assert not good
    assert expected in said
    assert SECRET not in said


def test_one_cause_is_told_once(hook_of: Any, connection: dict[str, Any]) -> None:
    """A certificate that stops events and lookups is told once, with its path."""
    extra = {"cert": "/nowhere/my.crt", "lookup_transport": "syslog"}
    good, said = hook_of(connection | {"extra": connection["extra"] | extra}).test_connection()
    assert not good
    assert said.startswith("Events and Lookups: `")
    assert said.count("/nowhere/my.crt") == 1


def test_foreign_client(hook_of: Any, connection: dict[str, Any], tmp_path: Path) -> None:
    """A client certificate of another authority is refused by Devo, and that is what is said."""
    foreign = make_certificates(tmp_path)
    extra = {"cert": str(foreign.client_cert), "private_key": str(foreign.client_key)}
    good, said = hook_of(connection | {"extra": connection["extra"] | extra}).test_connection()
    assert not good
    assert "Devo refused the client certificate" in said
    assert "Lookups: ready" in said


def test_foreign_server(hook_of: Any, connection: dict[str, Any], tmp_path: Path) -> None:
    """A server that the chain does not vouch for is not talked to."""
    extra = {"chain": str(make_certificates(tmp_path).chain)}
    good, said = hook_of(connection | {"extra": connection["extra"] | extra}).test_connection()
    assert not good
    assert "does not vouch for the server" in said


LOOKUPS = {
    "wrong token": ({"password": "guess-of-a-token"}, {}, "status 401"),
    "wrong domain": ({}, {"domain": "other"}, "status 403"),
    "no domain": ({}, {"domain": None}, "no `Domain`"),
    "no address": ({}, {"api_base_url": None}, "no `Lookups API`"),
    "no such host": ({}, {"api_base_url": "http://nobody.invalid/lookup-api"}, "cannot be resolved"),
    "refused": ({}, {"api_base_url": "refused"}, "refused"),
    "wrong path": ({}, {"api_base_url": "wrong path"}, "status 404"),
}


@pytest.mark.parametrize(("fields", "extra", "expected"), LOOKUPS.values(), ids=list(LOOKUPS))
def test_bad_lookups(
    devo: DevoServer,
    hook_of: Any,
    connection: dict[str, Any],
    fields: dict[str, Any],
    extra: dict[str, Any],
    expected: str,
) -> None:
    """The check of lookups describes each problem in words, without secrets, and reports that events are ready."""
    urls = {"refused": f"http://127.0.0.1:{closed_port()}", "wrong path": f"{devo.url}/elsewhere"}
    extra = connection["extra"] | extra
    extra["api_base_url"] = urls.get(extra["api_base_url"], extra["api_base_url"])
    good, said = hook_of(connection | fields | {"extra": extra}).test_connection()
    assert not good
    assert "Events: ready" in said
    assert expected in said
    assert "guess-of-a-token" not in said
    assert SECRET not in said


def test_neither_events_nor_lookups(hook_of: Any) -> None:
    """A connection that says nothing is not good."""
    good, said = hook_of({"conn_type": "devo"}).test_connection()
    assert not good
    assert "neither a host for events nor a token" in said


def test_connection_that_does_not_exist() -> None:
    """A connection that Airflow does not know is not good, and is named."""
    good, said = DevoHook("there_is_none").test_connection()
    assert not good
    assert "there_is_none" in said


@pytest.mark.parametrize("name", ["domain", "extra__devo__domain"])
def test_names_of_extra_fields(hook_of: Any, connection: dict[str, Any], name: str) -> None:
    """Fields stored by old forms under their long names are read."""
    assert hook_of(connection | {"extra": {name: "acme"}}).settings().domain == "acme"


def test_unknown_extra_key(hook_of: Any, connection: dict[str, Any]) -> None:
    """An unknown key is an error that names it, the connection, and what is allowed."""
    hook = hook_of(connection | {"extra": {"domian": "acme"}})
    with pytest.raises(ConfigurationError, match=r"(?s)devo_test.*extra\.domian: unknown key.*api_base_url"):
        hook.settings()


def test_pem_texts_in_a_uri(devo: DevoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """PEM texts may stand in a connection that is written as a URI."""
    from urllib.parse import urlencode

    certificates = devo.certificates
    paths = {"cert": certificates.client_cert, "private_key": certificates.client_key, "chain": certificates.chain}
    query = urlencode({name: Path(path).read_text() for name, path in paths.items()})
    monkeypatch.setenv("AIRFLOW_CONN_DEVO_TEST", f"devo://localhost:{devo.syslog_port}?{query}")
    assert DevoHook("devo_test").test_connection()[0]


def test_secrets_are_masked_and_not_shown(
    hook_of: Any, connection: dict[str, Any], devo: DevoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Password, tokens and each line of a key are masked; the delimiters of PEM are not."""
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_flashpoint.hooks.base.mask_secret", masked.append)
    key = Path(devo.certificates.client_key).read_text()
    extra = {"private_key": key, "http_token": "another-secret", "pkcs12_password": "a-third-one"}
    settings = hook_of(connection | {"extra": extra}).settings()
    body = [line for line in key.splitlines() if not line.startswith("-----")]
    assert {SECRET, "another-secret", "a-third-one", *body} == set(masked)
    assert not any(secret in repr(settings) for secret in masked)


def test_log_holds_no_secret(hook_of: Any, connection: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that is logged while the hook works holds the token, even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    hook_of(connection).test_connection()
    hook_of(connection | {"password": "guess-of-a-token"}).test_connection()
    assert caplog.records
    assert SECRET not in caplog.text
    assert "guess-of-a-token" not in caplog.text


def test_button_waits_for_no_repetition(devo: DevoServer, hook_of: Any, connection: dict[str, Any]) -> None:
    """Testing a connection asks the API once, since a person waits for the answer."""
    devo.faults.add(Fault("status", status=503, times=None))
    good, said = hook_of(connection).test_connection()
    fired = devo.faults.fired()
    devo.faults.clear()
    assert not good
    assert "status 503" in said
    assert fired == 1
