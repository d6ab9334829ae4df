"""The status page in a headless Chromium; run by make test-browser alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deployed_dags import Deployed, at

from demo.browser import browser, page_of

pytestmark = pytest.mark.browser

STREAM = "Bad_Domains"
LOOKUP = "flashpoint_lookup__Bad_Domains__acme__flashpoint_default"
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def url(page: Any) -> Iterator[str]:
    """The address of a web server with the page."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(page, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/flashpoint-status/"
    server.should_exit = True
    thread.join()


@pytest.fixture
def world(deployed: Deployed) -> Deployed:
    """A lookup with five runs, a gap between them, and a state."""
    deployed.remember(LOOKUP, status="Created", to_checkpoint_time=at(0).isoformat(), api="ignite_v2")
    for start in (8, 7, 3, 2, 1):
        deployed.run("flashpoint_indicator", start, start - 1, rows_sent=10 * start, rejected=start == 2)
    return deployed


@pytest.fixture
def opened(chromium: Any, url: str, client: Callable[..., Any]) -> Iterator[Open]:
    """Open the page as a user with a role. Errors of the page, and requests to other places, fail the test."""
    import contextlib

    problems: list[str] = []
    with contextlib.ExitStack() as contexts:

        def open_as(role: str, **options: Any) -> Any:
            token = client(role).headers["Authorization"].removeprefix("Bearer ")
            found = contexts.enter_context(page_of(chromium, url, token, **options))
            found.on("pageerror", lambda error: problems.append(str(error)))
            found.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
            found.on("request", lambda sent: problems.append(sent.url) if not sent.url.startswith(url) else None)
            found.goto(url)
            found.get_by_role("button", name=STREAM).wait_for()
            return found

        yield open_as
    assert problems == []


def test_a_row_opens_and_shows_both_plots_and_the_gap(world: Deployed, opened: Open) -> None:
    """An open row has a bar for each run, a point of lag for each, and the gap as a hatched part of the time."""
    found = opened("viewer")
    found.get_by_role("button", name=STREAM).click()
    found.locator("svg").first.wait_for()
    assert found.locator(".bar").count() == 5
    assert found.locator(".point").count() == 5
    assert found.locator("svg .rejected").count() == 1
    assert "no run has read" in found.locator(".gap title").first.text_content()
    assert found.get_by_role("button", name="Rebuild").count() == 0


def test_an_action_asks_first(world: Deployed, opened: Open) -> None:
    """A button opens a dialog that says what will happen; Cancel does nothing, and Do it does it."""
    from airflow.models.dagrun import DagRun

    def started() -> list[Any]:
        return [run.conf for run in DagRun.find(dag_id="flashpoint_indicator") if run.run_id.startswith("manual")]

    found = opened("user")
    found.get_by_role("button", name=STREAM).click()
    found.get_by_role("button", name="Rebuild").click()
    assert "replaces the lookup in Devo" in found.get_by_role("dialog").text_content()
    found.get_by_role("button", name="Cancel").click()
    found.get_by_role("dialog").wait_for(state="detached")
    assert started() == []
    found.get_by_role("button", name="Rebuild").click()
    found.get_by_role("button", name="Do it").click()
    found.get_by_text("rebuilds Bad_Domains").wait_for()
    assert started() == [{"rebuild": ["Bad_Domains"]}]
    found.get_by_role("button", name="Fill").click()
    found.get_by_role("button", name="Do it").click()
    found.get_by_text("reads the window").wait_for()
    assert len(started()) == 2


def test_a_slow_answer_is_not_asked_for_again(world: Deployed, opened: Open) -> None:
    """While the list is being loaded, the page does not load it once more."""
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    found = opened("viewer")
    found.clock.install()
    found.reload()
    found.get_by_role("button", name=STREAM).wait_for()
    found.route("**/api/streams", hold)
    found.clock.run_for(150_000)
    found.wait_for_timeout(500)
    assert len(held) == 1
    held[0].continue_()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_its_screen(world: Deployed, opened: Open, width: int) -> None:
    """Neither the list nor an open row is wider than the screen."""
    found = opened("user", viewport={"width": width, "height": 800})
    found.get_by_role("button", name=STREAM).click()
    found.locator("svg").first.wait_for()
    assert found.evaluate("document.scrollingElement.scrollWidth") <= width


def test_the_page_is_dark_where_the_browser_is(world: Deployed, opened: Open) -> None:
    """Without Airflow around it, the page has the colours that the browser prefers."""
    grounds = [
        opened("viewer", color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(14, 17, 22)"]


def test_texts_cannot_become_markup(world: Deployed, opened: Open) -> None:
    """Markup in a value of a state is shown as it is."""
    world.remember(LOOKUP, status="Created", api="ignite_v2", filters={"query": "<img src=x onerror=alert(1)>"})
    found = opened("viewer")
    found.get_by_text("<img src=x").first.wait_for()
    assert found.locator("img").count() == 0
