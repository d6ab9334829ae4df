"""The log of the sender: the collector's own lines, once per period, and every long wait."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.ports import WriterStatistics
from airflow_provider_flashpoint.core.reporting.sender_log import SenderLog
from airflow_provider_flashpoint.errors import DeliveryError

START = datetime(2022, 6, 28, 10, 39, 22, 511671, tzinfo=UTC)


@dataclass
class Time:
    """A time that moves when a test moves it."""

    seconds: float = 100.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 100)


@dataclass
class FakeSender:
    """A writer that is slow, and fails on demand."""

    clock: Time
    takes_s: float = 0.0
    fails: bool = False
    unconfirmed: int = 0
    statistics: WriterStatistics = field(default_factory=WriterStatistics)

    def write(self, lines: Iterable[bytes]) -> None:
        self.clock.seconds += self.takes_s
        if self.fails:
            raise DeliveryError("it broke")
        for line in lines:
            self.statistics.lines += 1
            self.statistics.bytes += len(line)
            self.unconfirmed += 1

    def confirm(self) -> int:
        self.clock.seconds += self.takes_s
        confirmed, self.unconfirmed = self.unconfirmed, 0
        return confirmed


@dataclass
class Scene:
    clock: Time
    sender: FakeSender
    log: SenderLog
    said: pytest.LogCaptureFixture

    def lines(self) -> list[str]:
        """Return the log lines since the last call."""
        said = self.said.messages
        self.said.clear()
        return list(said)


@pytest.fixture
def scene(caplog: pytest.LogCaptureFixture) -> Scene:
    caplog.set_level(logging.INFO)
    clock = Time()
    sender = FakeSender(clock)
    log = SenderLog(sender, Clock(monotonic=clock.monotonic, now=clock.now), period_s=600.0)
    return Scene(clock, sender, log, caplog)


def test_words_of_the_collector(scene: Scene) -> None:
    """The statistics are logged in exactly the collector's words, with bytes and rates."""
    scene.log.write([b"12345\n"] * 23)
    scene.log.confirm()
    scene.log.report()
    scene.lines()
    scene.sender.takes_s = 0.0035
    scene.log.write([b"12345\n"] * 21)
    scene.log.confirm()
    scene.clock.seconds += 10 - 0.007
    scene.log.report()
    assert scene.lines() == [
        "Number of available senders: 1",
        "sender manager internal queue size: 0",
        "Total number of messages sent: 44, "
        'messages sent since "2022-06-28 10:39:22.511671+00:00": 21 (elapsed 0.007 seconds)',
        'Total number of bytes sent: 264, bytes sent since "2022-06-28 10:39:22.511671+00:00": 126 '
        "(2.1 messages/s, 13 bytes/s)",
    ]


def test_queue_is_the_number_of_unconfirmed_lines(scene: Scene) -> None:
    """The queue size is the number of lines written and not confirmed."""
    scene.log.write([b"a\n", b"b\n"])
    scene.log.report()
    assert "sender manager internal queue size: 2" in scene.lines()


@pytest.mark.parametrize("how", ["write", "confirm", "look"])
def test_statistics_come_with_time(scene: Scene, how: str) -> None:
    """Statistics are logged at the first call after the period, whatever the call, and not before."""
    steps = {
        "write": lambda: scene.log.write([b"a\n"]),
        "confirm": scene.log.confirm,
        "look": scene.log.look,
    }
    steps[how]()
    scene.clock.seconds += 599
    steps[how]()
    assert scene.lines() == []
    scene.clock.seconds += 1
    steps[how]()
    assert len(scene.lines()) == 4
    steps[how]()
    assert scene.lines() == []


def test_long_waits_are_logged(scene: Scene) -> None:
    """Long waits for Devo are logged with their length, and short ones are not."""
    scene.sender.takes_s = 4.9
    scene.log.write([b"a\n"] * 3)
    assert scene.lines() == []
    scene.sender.takes_s = 12.3
    scene.log.write([b"a\n"] * 4)
    scene.log.confirm()
    assert scene.lines() == [
        "The sender waited 12.3 s for Devo to take 4 events; nothing is read meanwhile.",
        "The sender waited 12.3 s for Devo to confirm 7 events; nothing is read meanwhile.",
    ]


def test_wait_that_ends_in_an_error_is_logged(scene: Scene) -> None:
    """A wait that ends in an error is logged, too, and the error is raised."""
    scene.sender.takes_s, scene.sender.fails = 60.0, True
    with pytest.raises(DeliveryError):
        scene.log.write([b"a\n"])
    assert "waited 60.0 s" in scene.lines()[0]
