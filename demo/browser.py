"""A headless Chromium that is logged in to an Airflow."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Generator
from typing import Any

import requests

_TIMEOUT_MS = 120_000.0  # a busy machine is slow


def chromium() -> str | None:
    """Return the path of Chromium, None if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def token_of(url: str, user: str, password: str) -> str:
    """Return what Airflow's login puts into a cookie."""
    login = {"username": user, "password": password}
    answer = requests.post(f"{url}/auth/token", json=login, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


@contextlib.contextmanager
def browser() -> Generator[Any]:
    """Start Chromium. It needs playwright, and no sandbox of its own, since the pages are ours."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        running = started.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def page_of(running: Any, url: str, token: str | None, **options: Any) -> Generator[Any]:
    """Open a page of Airflow, logged in if there is a token.

    :param options: of playwright's ``new_context``, such as ``viewport`` and ``color_scheme``.
    """
    context = running.new_context(**options)
    context.set_default_timeout(_TIMEOUT_MS)
    if token:
        context.add_cookies([{"name": "_token", "value": token, "url": url}])
    try:
        yield context.new_page()
    finally:
        context.close()
