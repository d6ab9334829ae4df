"""The log of an HTTP server's requests, for tests and for people."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

_KEPT = 10_000
_SECRET = re.compile(r"token|secret|passw|key|auth|signature", re.IGNORECASE)
_SHOWN_HEADER = re.compile(r"user-agent|content-type|accept|accept-encoding|x-fp-.*", re.IGNORECASE)


@dataclass(frozen=True)
class LoggedRequest:
    """A request without secrets in ``path`` and ``query``, and only with harmless ``headers``.

    ``status`` is None if no answer was sent; ``fault`` is the kind of its fault, or None.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int | None
    fault: str | None


class RequestLog:
    """The last 10,000 requests, and the number of all requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[LoggedRequest] = deque(maxlen=_KEPT)
        self._count = 0

    def append(
        self,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        status: int | None,
        fault: str | None,
    ) -> None:
        """Add a request, without secrets in its query and without unlisted headers."""
        shown = {name: value for name, value in headers.items() if _SHOWN_HEADER.fullmatch(name)}
        with self._lock:
            self._count += 1
            self._requests.append(LoggedRequest(method, path, _without_secrets(query), shown, status, fault))

    def clear(self) -> None:
        """Forget all requests and start counting again."""
        with self._lock:
            self._requests.clear()
            self._count = 0

    def requests(self, method: str = "", path: str = "") -> list[LoggedRequest]:
        """Return the requests with this method and a path that matches this pattern, oldest first."""
        with self._lock:
            kept = list(self._requests)
        return [each for each in kept if method in ("", each.method) and re.search(path, each.path)]

    def to_json(self) -> dict[str, Any]:
        """Return ``{"count": number of all requests, "requests": [the last ones]}``."""
        with self._lock:
            return {"count": self._count, "requests": [asdict(each) for each in self._requests]}


def _without_secrets(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    return urlencode([(name, "***" if _SECRET.search(name) else value) for name, value in pairs], safe=":,*$")
