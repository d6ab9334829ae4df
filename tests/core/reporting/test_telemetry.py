"""Telemetry: log lines of a task reach Devo without secrets, in bounded memory, and never fail the task."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.writer import encode
from airflow_provider_flashpoint.core.reporting.telemetry import MAX_CHARACTERS, Telemetry
from airflow_provider_flashpoint.errors import DeliveryError, NetworkError

FIELDS = {"collector_name": "flashpoint", "service_name": "alerts"}


@dataclass
class FakeTable:
    """A writer into a table that fails on demand."""

    fails: bool = False
    writes: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    def encode(self, record: Any) -> bytes:
        return encode(record)

    def write(self, lines: Iterable[bytes]) -> None:
        self.writes += 1
        if self.fails:
            raise NetworkError("nobody is there.")
        self.events += [json.loads(line) for line in lines]

    def confirm(self) -> int:
        return len(self.events)

    def texts(self) -> list[str]:
        return [event["msg"] for event in self.events]


@pytest.fixture
def source() -> logging.Logger:
    """A logger of the test, with level INFO."""
    logger = logging.getLogger("telemetry-test")
    logger.setLevel(logging.INFO)
    return logger


def telemetry(table: FakeTable, source: logging.Logger, **options: Any) -> Telemetry:
    options = {"redact": lambda text: text.replace("s3cret", "***")} | options
    clock = Clock(now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
    return Telemetry(table, fields=FIELDS, source=source, clock=clock, **options)


def test_log_line_becomes_an_event(source: logging.Logger) -> None:
    """Each line is one event with text, time, level and constant fields; the last event holds the metrics."""
    table = FakeTable()
    with telemetry(table, source, metrics=lambda: {"lines": 3}):
        source.getChild("below").warning("%d of %s", 1, "many")
        source.debug("below the level")
    source.info("after the end")
    warning, metrics = table.events
    assert datetime.fromisoformat(warning.pop("time")).tzinfo is not None
    assert warning == {"msg": "1 of many", "level": "WARNING", **FIELDS}
    assert (metrics["msg"], metrics["metrics"]) == ("metrics", {"lines": 3})


def test_secrets_are_hidden(source: logging.Logger) -> None:
    """A secret is hidden in log lines, in their arguments, and in the error that ends the task."""
    table = FakeTable()
    with contextlib.suppress(DeliveryError), telemetry(table, source):
        source.info("with s3cret and %s", "s3cret")
        raise DeliveryError("refused s3cret")
    assert table.texts() == ["with *** and ***", "refused ***", "metrics"]
    assert "s3cret" not in json.dumps(table.events)


def test_traceback_is_not_sent(source: logging.Logger) -> None:
    """The text of a logged exception is sent, and none of its frames."""
    table = FakeTable()
    with telemetry(table, source):
        try:
            raise ValueError("inner")
        except ValueError:
            source.exception("it failed")
    assert table.texts() == ["it failed", "metrics"]
    assert "Traceback" not in json.dumps(table.events)


def test_text_that_cannot_be_encoded(source: logging.Logger) -> None:
    """Lone surrogates and line breaks in a text are sent as in a log: escaped."""
    table = FakeTable()
    with telemetry(table, source):
        source.info("a\ud800b\nc")
    assert table.texts()[0] == r"a\ud800b\nc"


def test_telemetry_that_fails_does_not_fail_the_task(source: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    """Where Devo refuses telemetry, one warning is logged and no other send is attempted."""
    table = FakeTable(fails=True)
    with telemetry(table, source, max_records=2) as handler:
        for _ in range(5):
            handler.look()
            source.info("x")
    assert (table.events, table.writes) == ([], 1)
    assert caplog.text.count("Telemetry is not sent: nobody is there.") == 1


def test_error_of_the_task_is_raised(source: logging.Logger) -> None:
    """The error that ends the task is raised unchanged."""
    table = FakeTable(fails=True)
    with pytest.raises(DeliveryError, match="the cause"), telemetry(table, source):
        raise DeliveryError("the cause")


def test_nothing_is_sent_when_there_may_be_no_time(source: logging.Logger) -> None:
    """The exception of a signal is not delayed by telemetry."""
    table = FakeTable()
    with contextlib.suppress(KeyboardInterrupt), telemetry(table, source):
        source.info("x")
        raise KeyboardInterrupt
    assert table.writes == 0


def test_no_more_is_kept_than_allowed(source: logging.Logger) -> None:
    """Of too many lines the newest are kept, each cut to its maximum, and the number of dropped lines is sent."""
    table = FakeTable()
    with telemetry(table, source, max_records=3):
        for number in range(10):
            source.info("%d%s", number, "x" * 10_000)
    assert [text[0] for text in table.texts()[:2]] == ["8", "9"]
    assert len(table.texts()[0]) == MAX_CHARACTERS
    assert table.texts()[2:] == ["metrics", "8 older events were left out."]


def test_many_lines_are_sent_before_the_end(source: logging.Logger) -> None:
    """Long work sends as it goes, and loses no line."""
    table = FakeTable()
    with telemetry(table, source, max_records=10) as handler:
        for number in range(100):
            handler.look()
            source.info("%d", number)
    assert table.texts() == [*map(str, range(100)), "metrics"]
    assert table.writes > 10
