"""Reports of a task after its work: lineage, asset events, metrics and links."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.operators import LookupSyncOperator
from airflow_provider_flashpoint.operators.published import reporting

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize("broken", ["metrics.report", "describe_events", "Lineage"])
def test_a_report_that_fails_does_not_fail_the_task(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    """What is delivered stays delivered: the task logs the cause, and makes its other reports."""
    made: list[str] = []

    def replace(name: str) -> None:
        def report(*_: Any, **__: Any) -> None:
            made.append(name)
            if name == broken:
                raise OSError(f"{name} is broken")

        monkeypatch.setattr(f"airflow_provider_flashpoint.operators.published.{name}", report)

    for name in ("metrics.report", "describe_events", "Lineage"):
        replace(name)
    operator = LookupSyncOperator(task_id="a", indicator_type="domain", lookup_name="D")
    with caplog.at_level("WARNING"):
        operator.publish({}, {}, SimpleNamespace(http=SimpleNamespace(base_url="")))
    assert sorted(made) == ["Lineage", "describe_events", "metrics.report"]
    (record,) = caplog.records
    assert record.getMessage().endswith(f": OSError: {broken} is broken")


def test_a_link_that_cannot_be_kept_does_not_fail_the_task(caplog: pytest.LogCaptureFixture) -> None:
    """A failure within the block of a report is logged; one that ends the task is not."""
    with caplog.at_level("WARNING"), reporting("link"):
        raise TimeoutError("the Execution API does not answer")
    assert "link: TimeoutError: the Execution API does not answer" in caplog.text
    with pytest.raises(KeyboardInterrupt), reporting("link"):
        raise KeyboardInterrupt
