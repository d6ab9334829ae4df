"""Fail each test that leaks a secret or a body: in a log of any level, in its output, or in a log file it leaves.

Secrets are the tokens that a client of this package received, the tokens of the sandbox (in every form in which a
service may write them), and texts that look like a key, a credential in a header or an address, an event, or a
Flashpoint record. Log records are searched when they are created, so no handler or capture can hide them.
"""

from __future__ import annotations

import functools
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_flashpoint.core.devo.events import http as devo_http
from airflow_provider_flashpoint.core.http import client as http
from sandbox.devo.settings import DevoSettings
from sandbox.flashpoint.settings import FlashpointSettings
from tests.secret_forms import forms_of

_SHORTEST_TOKEN = 8  # a shorter one may be a word
_SHAPES = re.compile(
    r"PRIVATE KEY-----"
    r"|(?<![A-Za-z0-9+/])M[A-Za-z0-9+/]{63}(?![A-Za-z0-9+/])"  # the first line of a key or certificate
    r"|Authorization['\"]?: *['\"]?(?:Bearer|Basic) +[^*\s]"
    r"|/token!(?!\*\*\*/)"
    r"|<14>"  # an event on the wire
    r"|[\"'](?:alert_id|fpid|highlights|header_)\\?[\"']\s*:"  # a record, as JSON or as Python shows it
)

_tokens: set[str] = {
    DevoSettings().api_token,
    DevoSettings().http_token,
    FlashpointSettings().token,
    FlashpointSettings().forbidden_token,
}
leaks: list[str] = []
_factory = logging.getLogRecordFactory()


def pytest_configure() -> None:
    for owner in (http.BearerAuth, devo_http._TokenAdapter):
        owner.__init__ = _remembering(owner.__init__)  # type: ignore[method-assign]
    logging.setLogRecordFactory(_record)
    for name in ("airflow_provider_flashpoint", "urllib3"):  # the latter logs each request with its address
        logging.getLogger(name).setLevel(logging.DEBUG)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Fail the phase of a test that leaked a secret."""
    report: Any = yield
    found = [*leaks, *(each for name, text in report.sections for each in secrets_in(text, f"in its {name}"))]
    leaks.clear()
    if found and not report.failed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} leaked a secret or a body: {'; '.join(sorted(set(found)))}"
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the session if a process that a test started leaked a secret in a log file."""
    found = []
    for file in session.config._tmp_path_factory.getbasetemp().rglob("*.log"):  # type: ignore[attr-defined]
        if file.is_file():
            found += secrets_in(file.read_text(encoding="utf-8", errors="replace"), f"in {file}")
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nlog files leak a secret or a body:", *found, sep="\n  ")


def secrets_in(text: str, where: str) -> list[str]:
    """Return a description of each secret or body in ``text``. It does not repeat the secret."""
    found = [f"a token {where}" for token in _tokens if any(form in text for form in _forms_of(token))]
    if shape := _SHAPES.search(text):
        found.append(f"{shape[0][:12]!r} {where}")
    return found


@functools.cache
def _forms_of(token: str) -> frozenset[str]:
    return frozenset(form.strip("'\"") for form in forms_of(token).values())


def _record(*args: Any, **kwargs: Any) -> logging.LogRecord:
    record = _factory(*args, **kwargs)
    text = record.getMessage()
    if record.exc_info and record.exc_info[1]:
        text += "".join(traceback.format_exception(record.exc_info[1]))
    leaks.extend(secrets_in(text, f"in the log {record.name}, line {record.lineno}"))
    return record


def _remembering(init: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(init)
    def remembered(self: Any, token: str, *args: Any) -> None:
        init(self, token, *args)
        _tokens.update(form for form in (token, getattr(self, "_token", "")) if len(form) >= _SHORTEST_TOKEN)

    return remembered
