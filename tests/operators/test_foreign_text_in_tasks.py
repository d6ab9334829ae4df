"""Tasks against services that repeat our token or send odd names: nothing leaks, and nothing is blocked."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow.providers.common.compat.sdk import AirflowException

from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.core.secrets.known import remember
from airflow_provider_flashpoint.errors import FlashpointProviderError
from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook
from airflow_provider_flashpoint.operators.setup import SetupOperator
from airflow_provider_flashpoint.operators.task_errors import translated_errors
from sandbox.dataset.documents import indicators
from sandbox.generations import LEGACY
from sandbox.http_service.message import Response
from sandbox.http_service.server import HttpServer, Route
from sandbox.sandbox import Sandbox
from tests.conftest import RunDag
from tests.operators.state_runs import END, START, TYPE, dag_of, runner, services
from tests.secret_forms import forms_of, shows

pytestmark = pytest.mark.airflow

TOKEN = "tok/en+42=&made-up"
NAME = default_lookup_name(TYPE)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets the connection to Flashpoint; retries do not wait."""
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "max_attempts", 2)

    def set_connection(**fields: Any) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_FLASHPOINT_DEFAULT", json.dumps({"conn_type": "flashpoint", **fields}))

    return set_connection


class Echo(HttpServer):
    """A Flashpoint that answers each request with ``answer``."""

    def __init__(self) -> None:
        super().__init__([Route("GET", "/.*", lambda request: self.answer)])
        self.answer = Response()


@pytest.fixture
def echo(connect: Callable[..., None]) -> Iterator[Echo]:
    with Echo() as server:
        connect(host=server.url, password=TOKEN)
        yield server


def texts_of(error: BaseException | None, seen: tuple[BaseException, ...] = ()) -> str:
    """Return the texts of an error and of all errors that it is linked with."""
    if error is None or error in seen:
        return ""
    seen = (*seen, error)
    return f"{error} {error!r}\n{texts_of(error.__cause__, seen)}{texts_of(error.__context__, seen)}"


def failing_setup(caplog: pytest.LogCaptureFixture) -> str:
    """Execute a setup task that fails, and return all texts that leave: errors, traceback and log."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises((AirflowException, FlashpointProviderError)) as raised:
        SetupOperator(task_id="setup", module="flashpoint_alert", data_set="alerts").execute({})
    trace = "".join(line for line in traceback.format_exception(raised.value) if __file__ not in line)
    return texts_of(raised.value) + trace + caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        lambda form: Response.json({"detail": form}, status=400),
        lambda form: Response.json({"detail": form}, status=401),
        lambda form: Response.json({"detail": f"no\n2026 INFO {form}"}, status=500),
        lambda form: Response.json({form: 1, "x": {form: 2}}),
        lambda form: Response(200, {"Content-Type": "application/json"}, form.encode() + b"{"),
    ],
    ids=["400", "401", "500", "keys", "no JSON"],
)
def test_no_task_shows_its_token(
    echo: Echo, caplog: pytest.LogCaptureFixture, answer: Callable[[str], Response]
) -> None:
    """Error, causes, traceback and log of a task hold no form of a token that the service repeats."""
    for form in forms_of(TOKEN).values():
        echo.answer = answer(form)
        assert shows(failing_setup(caplog), TOKEN) == []
    assert not [line for line in caplog.text.splitlines() if line.startswith("2026 INFO")]


@pytest.mark.parametrize("password", ["pa#ss-word", "pa/ss-word", "pa@ss#/word", "p%a#ss/word", "päss\\wörd#x"])
@pytest.mark.parametrize("place", ["127.0.0.1:1", "", ":1", "127.0.0.1:port"])
@pytest.mark.parametrize("source", ["connection", "environment"])
def test_no_task_shows_the_password_of_its_proxy(
    connect: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    password: str,
    place: str,
    source: str,
) -> None:
    """Whatever is wrong with a proxy, its password is in no text that leaves, and the error says what to do."""
    address = f"http://user:{password}@{place}"
    extra = {"proxy": address} if source == "connection" else {}
    monkeypatch.setenv("HTTP_PROXY", address)
    connect(host="http://fp.invalid", password=TOKEN, extra=extra)
    shown = failing_setup(caplog)
    assert shows(shown, password) == []
    assert not [part for part in password.replace("/", "#").split("#") if len(part) > 4 and part in shown]
    assert "proxy" in shown


def test_a_raw_error_of_a_task_is_made_harmless() -> None:
    """An error that is not ours, such as one of a library, leaves a task without secrets and line breaks."""
    remember(TOKEN)
    with pytest.raises(Exception, match=r"^RuntimeError: a\\nb \*\*\*$"), translated_errors(lambda error: error):
        raise RuntimeError(f"a\nb {TOKEN}")
    with pytest.raises(RuntimeError, match=r"^harmless$"), translated_errors(lambda error: error):
        raise RuntimeError("harmless")


def test_the_test_of_a_connection_shows_no_token(echo: Echo) -> None:
    """The sentence that the form of a connection shows holds no form of the token."""
    for form in forms_of(TOKEN).values():
        echo.answer = Response.json({"detail": form}, status=400)
        good, said = FlashpointHook().test_connection()
        assert not good
        assert shows(said, TOKEN) == []


@pytest.fixture
def sandbox(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with services(monkeypatch, LEGACY) as running:
        yield running


@pytest.mark.parametrize("name", ["na\ud83dme", "\udc00", "a\0b", "x\n2026 INFO forged", "\x1b[31m", "\u202eabc"])
def test_an_odd_field_name_does_not_block_its_lookup(
    sandbox: Sandbox, run_dag: RunDag, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A record with an odd field name arrives, and its value stands under the name or its escape."""
    documents = [{**each, "odd": {name: "here"}} for each in indicators(9, 12, START, END, types=(TYPE,))]
    sandbox.flashpoint.store.publish_indicators(documents)
    run = runner(dag_of("indicator", tmp_path, LEGACY), run_dag)
    assert run(3) == "success"
    lookup = sandbox.devo.lookups[NAME]
    shown = f"odd.{name}".encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")
    assert shown in lookup.columns
    assert "here" in {row[lookup.columns.index(shown)] for row in lookup.rows()}
    assert not [line for line in caplog.messages if not line.isprintable() and "odd" in line]
