"""A service that repeats our token, in any form and place, does not bring it into an error, a cause or a log."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from airflow_provider_flashpoint.core.devo.events.http import HttpChannel, ingestion_client
from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.devo.queries import QueryClient
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient, Request
from airflow_provider_flashpoint.core.http.session import new_session
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError
from sandbox.http_service.message import Response
from sandbox.http_service.server import HttpServer, Route
from tests.secret_forms import forms_of, shows

TOKEN = "tok/en+42=&made-up"
FORMS = forms_of(TOKEN)
ESCAPED = {name: form for name, form in FORMS.items() if form.isascii()}


class Echo(HttpServer):
    """Answers each request with ``answer``."""

    def __init__(self) -> None:
        super().__init__([Route(method, "/.*", lambda request: self.answer) for method in ("GET", "POST", "PUT")])
        self.answer = Response()

    def client(self, **options: Any) -> HttpClient:
        session = new_session()
        session.auth = BearerAuth(TOKEN)
        return HttpClient(session, base_url=self.url, service="Service", sleep=lambda seconds: None, **options)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as running:
        yield running


@pytest.fixture
def leaves(caplog: pytest.LogCaptureFixture) -> Callable[..., str]:
    """Return a function that makes a call which must fail, and returns all texts that leave."""
    caplog.set_level(logging.DEBUG)

    def call(failing: Callable[[], Any]) -> str:
        with pytest.raises(FlashpointProviderError) as raised:
            failing()
        texts: list[str] = []
        waiting: list[BaseException | None] = [raised.value]
        while waiting:
            error = waiting.pop()
            if error is not None and f"{error!r}" not in texts:
                texts += [str(error), repr(error)]
                waiting += [error.__cause__, error.__context__]
        # The lines of this file are no text that leaves.
        trace = [line for line in traceback.format_exception(raised.value) if __file__ not in line]
        return "\n".join([*texts, *trace, caplog.text])

    return call


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 521])
@pytest.mark.parametrize(
    "body",
    [
        lambda form: {"detail": form},
        lambda form: {"errors": [{"loc": [form], "msg": form}]},
        lambda form: {"error": {"message": f"the token {form} is unknown" + "x" * 500}},
        lambda form: {"msg": "x" * 190 + form, "object": ["y" * 195 + form]},
    ],
)
def test_a_refusal_repeats_the_token(echo: Echo, leaves: Callable[..., str], status: int, body: Any) -> None:
    """The reason of a refusal is shown without the token."""
    for form in FORMS.values():
        echo.answer = Response.json(body(form), status=status, headers={"Location": "/x", "Retry-After": "9"})
        shown = leaves(lambda: echo.client(max_attempts=2).read_json(Request("GET", "/x")))
        assert shows(shown, TOKEN) == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda form: Response(200, {"Content-Type": "text/html"}, form.encode()),
        lambda form: Response(200, {"Content-Type": "application/json"}, form.encode() + b"{"),
        lambda form: Response(302, {"Location": f"https://elsewhere/?{form}"}),
        lambda form: Response(429, {"Retry-After": form}),
        lambda form: Response(200, {"Content-Encoding": "gzip", "X-Odd": form}, b"no gzip " + form.encode()),
        lambda form: Response.json({form: 1, "second": [form]}),
    ],
    ids=["web page", "no JSON", "Location", "Retry-After", "no gzip", "keys of a page"],
)
def test_a_strange_answer_repeats_the_token(echo: Echo, leaves: Callable[..., str], answer: Any) -> None:
    """Neither a header, nor a body, nor the keys of a page without its shape are shown with the token."""
    for form in ESCAPED.values():
        echo.answer = answer(form)
        client = FlashpointClient(echo.client(max_attempts=2), api=Api.LEGACY)
        assert shows(leaves(lambda client=client: client.check(DataSet.INDICATORS)), TOKEN) == []


@pytest.mark.parametrize(
    "answer",
    [
        lambda form: {"jobs": [{"code": "create.err", "msg": form}]},
        lambda form: {"jobs": [{"code": f"error {form}", "reason": form}]},
        lambda form: {"error": {"message": form}},
        lambda form: {"status": "failed", "errors": [form]},
        lambda form: {"success": False, "why": form},
        lambda form: [{"code": "create.err", "description": form}],
    ],
)
def test_a_job_repeats_the_token(echo: Echo, leaves: Callable[..., str], answer: Any) -> None:
    """The reason, the word and the errors of a lookup job are shown without the token."""
    for form in FORMS.values():
        echo.answer = Response.json(answer(form))
        client = LookupsClient(echo.client(), domain="d", job_timeout_s=0.01, sleep=lambda seconds: None)
        file = io.BytesIO(b"key,_extra\n")
        deploy = lambda client=client, file=file: client.deploy(  # noqa: E731
            "Colors", columns=[], key="key", csv_file=file, operation=Operation.REPLACE
        )
        assert shows(leaves(deploy), TOKEN) == []


@pytest.mark.parametrize("body", [{"msg": 1}, {"object": ["general", 1]}, {"errors": [{"detail": 1}]}, {1: 2}])
def test_a_broken_query_repeats_the_token(echo: Echo, leaves: Callable[..., str], body: dict[Any, Any]) -> None:
    """The reason with which an answer to a query breaks off is shown without the token."""
    for form in FORMS.values():
        text = json.dumps(body).replace("1", json.dumps(form))
        echo.answer = Response(200, {}, b'{"m": {"id": {"index": 0}}}\n' + text.encode())
        query = QueryClient(echo.client()).id_counts("my.app.x", "id", since=datetime.now(UTC))
        assert shows(leaves(lambda query=query: list(query)), TOKEN) == []


def test_a_count_of_a_query_repeats_the_token(echo: Echo) -> None:
    """A text in place of a number is shown by no cause of the error."""
    for form in FORMS.values():
        lines = [{"m": {"id": {"index": 0}, "events": {"index": 1}}}, {"d": ["id", form]}]
        echo.answer = Response(200, {}, b"\n".join(json.dumps(line).encode() for line in lines))
        query = QueryClient(echo.client()).id_counts("my.app.x", "id", since=datetime.now(UTC))
        with pytest.raises(FlashpointProviderError) as raised:
            list(query)
        assert shows("".join(traceback.format_exception(raised.value)), TOKEN) == []


def test_the_http_ingestion_repeats_the_token(echo: Echo, leaves: Callable[..., str]) -> None:
    """The token in the address of the HTTP ingestion is shown by no error, cause or log of the libraries."""
    http = ingestion_client(echo.url, TOKEN)
    channel = HttpChannel(http, domain="d", tag="my.app.x")
    for form in FORMS.values():
        for answer in (Response.json({"error": form}), Response.json({"error": form}, status=500)):
            echo.answer = answer
            assert shows(leaves(lambda: channel.send(b"x")), TOKEN) == []
    echo.stop()
    assert shows(leaves(lambda: channel.send(b"x")), TOKEN) == []


PASSWORDS = ["pa#ss-word", "pa/ss-word", "pa?ss-word", "pa@ss#/word", "p%a#ss/word", "pa\\ss#word", "päß/wört"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("place", ["127.0.0.1:1", "", ":1", "127.0.0.1:port", "[::1", "nobody.invalid:1"])
@pytest.mark.parametrize("source", ["session", "environment"])
def test_a_proxy_does_not_show_its_password(
    leaves: Callable[..., str], monkeypatch: pytest.MonkeyPatch, password: str, place: str, source: str
) -> None:
    """Whatever is wrong with a proxy, its password is in no error, cause or log."""
    from airflow_provider_flashpoint.core.http.proxies import proxy_address

    address = f"http://user:{password}@{place}"
    session = requests.Session()

    def send() -> None:
        if source == "session":
            session.proxies = {"https": proxy_address(address)}
        HttpClient(session, base_url="https://fp.invalid", service="Service", max_attempts=1).send(Request("GET", "/x"))

    if source == "environment":
        monkeypatch.setenv("HTTPS_PROXY", address)
    shown = leaves(send)
    assert shows(shown, password) == []
    parts = [part for sign in "#/?@\\%" for part in password.split(sign) if len(part) > 4]
    assert not [part for part in parts if part in shown]


def test_a_proxy_without_a_host_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address of a proxy without a host is no raw error of a library."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pw@")
    client = HttpClient(requests.Session(), base_url="https://fp.invalid", service="Service", max_attempts=1)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY has no host"):
        client.send(Request("GET", "/x"))
