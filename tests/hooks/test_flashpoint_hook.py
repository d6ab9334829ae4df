"""The Flashpoint hook, on a connection as Airflow gives it, against the sandbox Flashpoint."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow import __version__ as AIRFLOW_VERSION

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.flashpoint.settings import FlashpointSettings
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.core.http.deadline import DeadlineAdapter
from airflow_provider_flashpoint.errors import ConfigurationError, InvalidTokenError, MissingTokenError
from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook
from sandbox.dataset.bulk import bulk_indicators
from sandbox.flashpoint.server import FlashpointServer
from sandbox.http_service.faults import Fault
from sandbox.http_service.message import Request, Response
from tests.core.devo.devo_peers import issue
from tests.core.flashpoint.reading import FROM, TO, WINDOW

pytestmark = pytest.mark.airflow


class NotingServer(FlashpointServer):
    """A sandbox that keeps the headers it was sent, secret ones too."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Message] = []

    def respond(self, request: Request) -> Response:
        self.seen.append(request.headers)
        return super().respond(request)


class ManyAtOnce(FlashpointServer):
    """A sandbox that counts how many requests are under way at most, and holds them until ``expected`` ones are."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.most = self._now = 0
        self._expected = expected
        self._changed = threading.Condition()

    def respond(self, request: Request) -> Response:
        with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self._expected, timeout=1)
        try:
            return super().respond(request)
        finally:
            with self._changed:
                self._now -= 1


@pytest.fixture
def flashpoint() -> Iterator[NotingServer]:
    with NotingServer() as server:
        yield server


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls that are sent again be sent at once."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)


@pytest.fixture
def hook_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that makes the hook of a connection."""

    def make(connection: dict[str, Any]) -> FlashpointHook:
        standard = {"conn_type": "flashpoint", "host": "https://api.flashpoint.io"}
        monkeypatch.setenv("AIRFLOW_CONN_FLASHPOINT_TEST", json.dumps(standard | connection))
        return FlashpointHook("flashpoint_test")

    return make


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_connection_is_read_when_it_is_used() -> None:
    """A hook can be made where its connection does not exist, as in the parsing of a DAG."""
    assert FlashpointHook("there_is_none").flashpoint_conn_id == "there_is_none"


def test_good_connection(hook_of: Any, flashpoint: NotingServer) -> None:
    """A connection that is right is good, and the API is named."""
    good, said = hook_of(flashpoint.airflow_connection()).test_connection()
    assert good, said
    assert "legacy" in said


def test_one_token_and_no_extra_header(hook_of: Any, flashpoint: NotingServer) -> None:
    """Exactly one Bearer token is sent, and of the extra fields none, which the parent hook would send as headers."""
    extra = {"timeout_s": 7, "page_size": 9, "api": "legacy", "verify": "true", "base_path_alerts": "/api/x"}
    hook = hook_of(flashpoint.airflow_connection() | {"login": "somebody", "extra": extra})
    hook.client().check(DataSet.INDICATORS)
    (headers,) = flashpoint.seen
    assert headers.get_all("Authorization") == [f"Bearer {flashpoint.settings.token}"]
    sent = {name.lower() for name in headers}
    assert not sent & {name.lower() for name in extra}
    expected = {"host", "accept", "user-agent", "authorization", "accept-encoding", "connection"}
    platform = "x-fp-integrationplatform"
    assert sent - expected == {platform, f"{platform}version", "x-fp-integrationversion"}


def test_the_largest_answer_is_a_setting(hook_of: Any, flashpoint: NotingServer) -> None:
    """The connection limits the bytes of an answer, generously by default."""
    connection = flashpoint.airflow_connection()
    assert hook_of(connection).client().http.limits.max_bytes == 256 << 20
    assert hook_of(connection | {"extra": {"max_answer_mib": "3"}}).client().http.limits.max_bytes == 3 << 20


@pytest.mark.parametrize("host", ["https://fp.tools", "http://fp.tools"])
def test_answers_are_limited_in_time(hook_of: Any, host: str) -> None:
    """The adapter of the hook's session limits the time of an answer, and has an idle connection for each request."""
    adapter = hook_of({"host": host, "password": "token"}).get_conn().get_adapter(host)
    assert isinstance(adapter, DeadlineAdapter)
    largest = FlashpointSettings.model_fields["requests_in_flight"].metadata[1].le
    assert adapter.poolmanager.connection_pool_kw["maxsize"] == largest
    options = adapter.poolmanager.connection_pool_kw["socket_options"]
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options


@pytest.mark.parametrize(("extra", "expected"), [({}, 4), ({"requests_in_flight": "7"}, 7)])
def test_requests_in_flight(hook_of: Any, flashpoint: NotingServer, extra: dict[str, str], expected: int) -> None:
    """The connection limits how many requests are under way at once; no more reach the server, and no fewer."""
    with ManyAtOnce(expected) as server:
        server.store.publish_block(bulk_indicators("domain", 100, FROM, TO, columns=6))
        source = hook_of(server.airflow_connection() | {"extra": extra}).client(page_size=4).source(DataSet.INDICATORS)
        assert len({record["fpid"] for page in source.pages(WINDOW) for record in page}) == 100
        assert server.most == expected


def test_requests_per_second(hook_of: Any, flashpoint: NotingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection limits how often requests begin, over all clients of a hook; by default nothing waits."""
    waits: list[float] = []
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", waits.append)
    connection = flashpoint.airflow_connection()
    for extra in ({}, {"requests_per_second": "0.01"}):
        hook = hook_of(connection | {"extra": extra})
        hook.client().check(DataSet.INDICATORS)
        hook.client().check(DataSet.ALERTS)
    assert len(flashpoint.seen) == 4
    (wait,) = waits
    assert 50 < wait <= 100


def test_who_calls_is_said(hook_of: Any, flashpoint: NotingServer) -> None:
    """Requests name the integration, its version and that of Airflow."""
    hook_of(flashpoint.airflow_connection()).client().check(DataSet.INDICATORS)
    (headers,) = flashpoint.seen
    assert headers["User-Agent"] == f"airflow-provider-flashpoint/{__version__} apache-airflow/{AIRFLOW_VERSION}"
    assert headers["X-FP-IntegrationPlatform"] == "Apache Airflow"
    assert headers["X-FP-IntegrationPlatformVersion"] == AIRFLOW_VERSION
    assert headers["X-FP-IntegrationVersion"] == __version__


def test_connection_is_fetched_once(hook_of: Any, flashpoint: NotingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook fetches its connection once, however many clients and settings it gives."""
    fetched: list[str] = []
    fetch = FlashpointHook.get_connection
    monkeypatch.setattr(
        FlashpointHook, "get_connection", lambda hook, conn_id: fetched.append(conn_id) or fetch(conn_id)
    )
    hook = hook_of(flashpoint.airflow_connection())
    for _ in range(2):
        hook.client().check(DataSet.INDICATORS)
        assert hook.settings().token == flashpoint.settings.token
    assert fetched == ["flashpoint_test"]


@pytest.mark.parametrize("form", ["plain", "bearer", "base64", "base64 of bearer"])
def test_forms_of_the_token(hook_of: Any, flashpoint: NotingServer, form: str) -> None:
    """The token may be given with Bearer in front, or in base64 as the collector takes it."""
    token = flashpoint.settings.token
    text = f"Bearer {token}" if "bearer" in form else token
    encoded = base64.b64encode(text.encode()).decode()
    given = {"extra": {"bearer_token_base64": encoded}} if "base64" in form else {"password": text}
    hook_of({"host": flashpoint.url} | given).client().check(DataSet.INDICATORS)
    assert flashpoint.seen[0].get_all("Authorization") == [f"Bearer {token}"]


def test_missing_token(hook_of: Any) -> None:
    """Without a token there is no client, and both places for it are named."""
    with pytest.raises(MissingTokenError, match=r"connection flashpoint_test.*password.*bearer_token_base64"):
        hook_of({"host": "https://fp.tools"}).client()


@pytest.mark.parametrize("given", [{"password": "two words"}, {"extra": {"bearer_token_base64": "no-base64!"}}])
def test_token_that_is_none(hook_of: Any, given: dict[str, Any]) -> None:
    """What cannot be a token is refused before it is sent, and not shown."""
    with pytest.raises(InvalidTokenError) as caught:
        hook_of({"host": "https://fp.tools"} | given).client()
    assert "two words" not in str(caught.value)
    assert "no-base64" not in str(caught.value)


def test_unknown_extra_key(hook_of: Any) -> None:
    """An unknown key is an error that names it and what is allowed."""
    hook = hook_of({"password": "token", "extra": {"tiemout_s": 3}})
    with pytest.raises(ConfigurationError, match=r"extra\.tiemout_s: unknown key.*timeout_s.*verify"):
        hook.settings()


def test_long_names_of_extra_fields(hook_of: Any) -> None:
    """Fields stored by old forms under their long names are read."""
    hook = hook_of({"password": "token", "extra": {"extra__flashpoint__page_size": "25"}})
    assert hook.settings().page_size == 25


def test_tls_and_proxy_reach_the_session(hook_of: Any) -> None:
    """The authorities and the proxy of the connection are those of the session."""
    authorities = issue("An authority").cert
    extra = {"verify": f"# é {authorities}", "proxy": "http://user:pass@proxy.example.com:3128"}
    session = hook_of({"password": "token", "extra": extra}).get_conn()
    assert Path(session.verify).read_text(encoding="utf-8") == authorities
    assert set(session.proxies.values()) == {extra["proxy"]}


@pytest.mark.parametrize("verify", ["nowhere.crt", "~nosuchuser/x.crt", "/etc/hostname", "yes"])
def test_authorities_that_cannot_be_read(hook_of: Any, verify: str) -> None:
    """Authorities that cannot be read are an error of the connection with the name of its field."""
    good, said = hook_of({"password": "token", "extra": {"verify": verify}}).test_connection()
    assert not good
    assert said.startswith("`Verify TLS` ")


BAD = {
    "wrong token": ({"password": "guess-of-a-token"}, "status 401"),
    "token without rights": ({"password": "forbidden"}, "status 403"),
    "refused": ({"host": "refused"}, "refused"),
    "no such host": ({"host": "http://nobody.invalid"}, "cannot be resolved"),
    "no URL": ({"host": "ftp://fp.tools"}, "must be like https://api.flashpoint.io"),
    "wrong host": ({"host": "elsewhere"}, "status 404"),
    "no token": ({"password": None}, "SetupError 1"),
    "unknown key": ({"extra": {"tiemout_s": 3}}, "extra.tiemout_s"),
}


@pytest.mark.parametrize(("fields", "expected"), BAD.values(), ids=list(BAD))
def test_bad_connection(hook_of: Any, flashpoint: NotingServer, fields: dict[str, Any], expected: str) -> None:
    """The check describes each problem in words, without the token."""
    values = {
        "forbidden": flashpoint.settings.forbidden_token,
        "refused": f"http://127.0.0.1:{closed_port()}",
        "elsewhere": f"{flashpoint.url}/elsewhere",
    }
    fields = {name: values.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}
    extra = {"api": "legacy"} | (fields.get("extra") or {})
    connection = flashpoint.airflow_connection() | fields | {"extra": extra}
    good, said = hook_of(connection).test_connection()
    assert not good
    assert expected in said
    assert not connection["password"] or connection["password"] not in said


def test_web_page_in_place_of_an_answer(hook_of: Any, flashpoint: NotingServer) -> None:
    """A proxy that answers with a page for people is said to be that."""
    flashpoint.faults.add(Fault("html", status=200, times=None))
    good, said = hook_of(flashpoint.airflow_connection()).test_connection()
    assert not good
    assert "a web page came in place of JSON" in said


def test_connection_that_does_not_exist() -> None:
    """A connection that Airflow does not know is not good, and is named."""
    good, said = FlashpointHook("there_is_none").test_connection()
    assert not good
    assert "there_is_none" in said


def test_secrets_are_masked_and_not_shown(hook_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is masked in every form that it has in the connection, and the proxy with its password too."""
    masked: list[str] = []
    monkeypatch.setattr("airflow_provider_flashpoint.hooks.base.mask_secret", masked.append)
    encoded = base64.b64encode(b"the-token-itself").decode()
    proxy = "http://user:pass-of-proxy@proxy.example.com:3128"
    settings = hook_of({"extra": {"bearer_token_base64": encoded, "proxy": proxy}}).settings()
    assert {"the-token-itself", encoded, proxy} <= set(masked)
    assert "the-token-itself" not in repr(settings)
    assert "pass-of-proxy" not in repr(settings)


def test_log_holds_no_secret(hook_of: Any, flashpoint: NotingServer, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that is logged while the hook works holds the token, even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    flashpoint.faults.add(Fault("status", times=1))
    hook_of(flashpoint.airflow_connection()).client().check(DataSet.INDICATORS)
    assert caplog.records
    assert flashpoint.settings.token not in caplog.text


def test_button_waits_for_no_repetition(hook_of: Any, flashpoint: NotingServer) -> None:
    """Testing a connection asks the service once, since a person waits for the answer."""
    flashpoint.faults.add(Fault("status", status=503, times=None))
    good, said = hook_of(flashpoint.airflow_connection()).test_connection()
    assert not good
    assert "status 503" in said
    assert flashpoint.faults.fired() == 1
