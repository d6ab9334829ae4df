"""The collector's telemetry, delivered to Devo itself: what is logged while a task works, and its metrics at the end.

Tag and keys are those of Devo's own collectors. Telemetry is never the reason that a task fails: what cannot be sent is
left, and the log says so once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from airflow_provider_flashpoint.errors import FlashpointProviderError

TAG = "devo.collectors.out"
MAX_RECORDS = 1000
MAX_CHARACTERS = 4096

Item = TypeVar("Item")

_log = logging.getLogger(__name__)


class Writer(Protocol):
    """Makes lines, sends them, and tells when the other side has them."""

    def encode(self, record: Any) -> bytes: ...
    def write(self, lines: Iterable[bytes]) -> None: ...
    def confirm(self) -> int: ...


class Telemetry(logging.Handler):
    """Collects what one logger and those below it say, and sends it to Devo in the end, or when there is much of it.

    Use as a context manager around the work. After an error that is not this provider's, such as the end that a signal
    brings, nothing is sent, since there may be no time.

    :param writer: writes into the table `TAG`. It is made before the work, since making it reads the connection of
        Airflow, which may fail at any time.
    :param fields: what every event tells: ``collector_name``, ``input_name``, ``service_name`` and so on.
    :param redact: hides the secrets that a text may hold.
    :param metrics: returns numbers for the last event.
    :param source: the logger that is listened to.
    :param max_records: the most that is kept; beyond it the oldest are left out, and their number is told.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        fields: Mapping[str, str],
        redact: Callable[[str], str],
        metrics: Callable[[], Mapping[str, Any]] = dict,
        source: logging.Logger,
        max_records: int = MAX_RECORDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(logging.INFO)
        self._writer = writer
        self._fields = dict(fields)
        self._redact = redact
        self._metrics = metrics
        self._source = source
        self._now = now
        self._kept: deque[dict[str, Any]] = deque(maxlen=max_records)
        self._left_out = 0
        self._is_refused = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record: its text and level, without its arguments and tracebacks."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit
            self.handleError(record)
            return
        self._keep(text, record.levelname, datetime.fromtimestamp(record.created, UTC))

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield ``items``, and send at each of them where half of what may be kept is there."""
        for item in items:
            if len(self._kept) * 2 >= (self._kept.maxlen or 0):
                self.send()
            yield item

    def send(self) -> None:
        """Send what is kept; where that fails, send nothing more."""
        events = list(self._kept)
        self._kept.clear()
        if self._is_refused or not events:
            return
        if self._left_out:
            events.append(self._event(f"{self._left_out} older events were left out.", "WARNING", self._now()))
            self._left_out = 0
        try:
            self._writer.write([self._writer.encode(event) for event in events])
            self._writer.confirm()
        except FlashpointProviderError as error:
            self._is_refused = True
            _log.warning("Telemetry is not sent: %s The task goes on without it.", error)

    def __enter__(self) -> Self:
        self._source.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.removeHandler(self)
        if error is not None and not isinstance(error, FlashpointProviderError):
            return
        if error is not None:
            self._keep(str(error), "ERROR", self._now())
        self._keep("metrics", "INFO", self._now(), metrics=dict(self._metrics()))
        self.send()

    def _keep(self, text: str, level: str, at: datetime, **more: Any) -> None:
        self._left_out += len(self._kept) == self._kept.maxlen
        self._kept.append({**self._event(text, level, at), **more})

    def _event(self, text: str, level: str, at: datetime) -> dict[str, Any]:
        return {
            "msg": self._redact(text)[:MAX_CHARACTERS],
            "time": at.isoformat(),
            "level": level,
            **self._fields,
        }
