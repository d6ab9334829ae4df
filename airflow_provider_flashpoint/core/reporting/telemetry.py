"""The collector's telemetry: log lines and metrics of a task, delivered to Devo as events.

Tag and keys are those of Devo's own collectors. Telemetry never fails a task: where it cannot be sent, one warning is
logged and the rest is dropped.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.events.ports import Writer
from airflow_provider_flashpoint.core.secrets.foreign_text import clean, logger
from airflow_provider_flashpoint.errors import FlashpointProviderError

TAG = "devo.collectors.out"
MAX_RECORDS = 1000
MAX_CHARACTERS = 4096
_PACKAGE = __name__.partition(".")[0]

_log = logger(__name__)


class Telemetry(logging.Handler):
    """Collects the log lines of a logger and its children, and sends them to Devo at the end, or when there are many.

    Use as a context manager around the work. After an error that is not one of this provider's, such as the exception
    of a signal, nothing is sent, since there may be no time.

    :param writer: writes into the table `TAG`. Make it before the work, since that reads the Airflow connection, which
        can fail later.
    :param fields: constant fields of every event: ``collector_name``, ``input_name``, ``service_name`` and so on.
    :param redact: hides secrets in a text.
    :param metrics: returns the numbers of the last event.
    :param source: the logger to collect from; by default this package's.
    :param max_records: the largest number of log lines in memory. Older ones are dropped, and their number is reported.
    """

    def __init__(
        self,
        writer: Writer,
        *,
        fields: Mapping[str, str],
        redact: Callable[[str], str],
        metrics: Callable[[], Mapping[str, Any]] = dict,
        source: logging.Logger | None = None,
        max_records: int = MAX_RECORDS,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(logging.INFO)
        self._writer = writer
        self._fields = dict(fields)
        self._redact = redact
        self._metrics = metrics
        self._source = source or logging.getLogger(_PACKAGE)
        self._clock = clock or Clock()
        self._kept: deque[dict[str, Any]] = deque(maxlen=max_records)
        self._dropped = 0
        self._is_refused = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the text and level of a log record, without its arguments and traceback."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # its arguments do not fit
            self.handleError(record)
            return
        self._keep(text, record.levelname, datetime.fromtimestamp(record.created, UTC))

    def look(self) -> None:
        """Send the kept log lines, where they are half of the maximum."""
        if len(self._kept) * 2 >= (self._kept.maxlen or 0):
            self._send()

    def __enter__(self) -> Self:
        self._source.addHandler(self)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._source.removeHandler(self)
        if error is not None and not isinstance(error, FlashpointProviderError):
            return
        if error is not None:
            self._keep(str(error), "ERROR", self._clock.now())
        self._keep("metrics", "INFO", self._clock.now(), metrics=dict(self._metrics()))
        self._send()

    def _keep(self, text: str, level: str, at: datetime, **more: Any) -> None:
        self._dropped += len(self._kept) == self._kept.maxlen
        self._kept.append({**self._event(text, level, at), **more})

    def _event(self, text: str, level: str, at: datetime) -> dict[str, Any]:
        shown = clean(self._redact(text))[:MAX_CHARACTERS]
        return {"msg": shown, "time": at.isoformat(), "level": level, **self._fields}

    def _send(self) -> None:
        """Send the kept log lines. After a failure nothing more is sent."""
        events = list(self._kept)
        self._kept.clear()
        if self._is_refused or not events:
            return
        if self._dropped:
            events.append(self._event(f"{self._dropped} older events were left out.", "WARNING", self._clock.now()))
            self._dropped = 0
        try:
            self._writer.write([self._writer.encode(event) for event in events])
            self._writer.confirm()
        except FlashpointProviderError as error:
            self._is_refused = True
            _log.warning("Telemetry is not sent: %s The task continues without it.", error)
