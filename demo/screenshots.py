"""``python -m demo.screenshots``: the images of the documents, from the Airflow of the demo."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.dag_factory import INDICATOR_DAG_ID
from demo import scenario
from demo.browser import browser, page_of, token_of
from demo.session import Session, session
from sandbox.generations import IGNITE_V2

IMAGES = Path(__file__).parents[1] / "docs" / "images"
_WIDE = {"width": 1440, "height": 1000}
_TALL = {"width": 1440, "height": 1560}
_NARROW = {"width": 390, "height": 900}
_STREAM = "Threatintel_Flashpoint_Intelligence_Domain"


def main() -> int:
    """Run the demo, and take all images."""

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    IMAGES.mkdir(exist_ok=True)
    with session(IGNITE_V2, say) as running:
        scenario.run(running.airflow, running.sandbox, running.generation, running.span, say)
        take(running, say)
    return 0


def take(running: Session, say: Callable[[str], None], *, only: Sequence[str] = ()) -> None:
    """Take the images of a session whose DAGs have run.

    :param only: the names of images; by default all.
    """
    airflow = running.airflow
    token = token_of(airflow.url, airflow.user, airflow.password)
    ended = [run["run_id"] for run in airflow.runs(INDICATOR_DAG_ID) if run["state"] == "success"]
    shots: list[tuple[str, dict[str, Any], Callable[[Any, str], None]]] = [
        ("status-page", {"viewport": _WIDE, "color_scheme": "light"}, _status_page),
        ("status-page-dark", {"viewport": _WIDE, "color_scheme": "dark"}, _status_page),
        ("status-page-narrow", {"viewport": _NARROW, "color_scheme": "light"}, _status_page),
        ("connection-flashpoint", {"viewport": _WIDE}, lambda page, url: _connection(page, url, "flashpoint")),
        ("connection-devo", {"viewport": _TALL}, lambda page, url: _connection(page, url, "devo")),
        ("trigger-form", {"viewport": _WIDE}, _trigger_form),
        ("task-log", {"viewport": _WIDE}, lambda page, url: _task_log(page, url, sorted(ended)[1])),
    ]
    with browser() as chromium:
        for name, options, show in shots:
            if only and name not in only:
                continue
            with page_of(chromium, airflow.url, token, **options) as page:
                show(page, airflow.url)
                page.screenshot(path=IMAGES / f"{name}.png", animations="disabled")  # sections unfold slowly
                say(f"docs/images/{name}.png")


def _status_page(page: Any, url: str) -> None:
    page.goto(f"{url}/plugin/flashpoint")
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name=_STREAM).click()
    frame.locator("svg").first.wait_for()


def _connection(page: Any, url: str, kind: str) -> None:
    page.goto(f"{url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_role("combobox").last.click()
    page.keyboard.type(kind)
    page.keyboard.press("Enter")
    page.get_by_text("Extra Fields", exact=False).first.wait_for()
    if kind == "devo":
        page.get_by_text("Domain, certificate and Lookups API").click()


def _trigger_form(page: Any, url: str) -> None:
    page.goto(f"{url}/dags/{INDICATOR_DAG_ID}")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_role("dialog").wait_for()


def _task_log(page: Any, url: str, run_id: str) -> None:
    page.goto(f"{url}/dags/{INDICATOR_DAG_ID}/runs/{run_id}/tasks/sync_domain")
    page.get_by_text("Retrieving the persisted data").first.wait_for()


if __name__ == "__main__":
    sys.exit(main())
