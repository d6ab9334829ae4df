"""A limit on the time of an answer: all of it, from its status line on, must arrive within that time.

The timeout of a request limits the time between two bytes alone. Header lines, interim answers, lines of chunks,
trailers and blocks of gzip that are empty come before the first byte of a body, and may never end.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import Any

from requests_toolbelt.adapters.socket_options import TCPKeepAliveAdapter  # type: ignore[import-untyped]

DEFAULT_ANSWER_S = 900.0
_IDLE_CONNECTIONS = 32  # one for each request that may be in flight


class DeadlineAdapter(TCPKeepAliveAdapter):  # type: ignore[misc]
    """Sends requests, and limits the time of each answer. A peer that is gone is noticed by TCP's keep-alive.

    :param answer_s: seconds for one answer, after which reading it raises the error of a timeout.
    """

    def __init__(self, answer_s: float = DEFAULT_ANSWER_S) -> None:
        super().__init__(pool_maxsize=_IDLE_CONNECTIONS)
        self._response_class = type("TimedResponse", (_TimedResponse,), {"answer_s": answer_s})

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """Return a pool of connections, also that of a proxy."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = self.connection_class(pool.ConnectionCls)
        return pool

    def connection_class(self, base: Any) -> Any:
        """Return the class of connections, made of that of the pool."""
        return type("TimedConnection", (base,), {"response_class": self._response_class})


class _TimedResponse(http.client.HTTPResponse):
    """An answer whose bytes are read until its deadline."""

    answer_s: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_TimedStream(self.fp.detach(), self.answer_s))


class _TimedStream(io.RawIOBase):
    """The bytes of a socket, until a deadline."""

    def __init__(self, stream: io.RawIOBase, answer_s: float) -> None:
        super().__init__()
        self._stream = stream
        self._deadline = time.monotonic() + answer_s

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def readinto(self, buffer: Any) -> int | None:
        if time.monotonic() > self._deadline:
            raise TimeoutError("the answer did not end in time")
        return self._stream.readinto(buffer)

    def close(self) -> None:
        self._stream.close()
        super().close()
