"""What an HTTP server of the sandbox was asked, for tests and for people who look."""

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
    """A request as it may be shown: no secrets in ``path`` and ``query``, only harmless ``headers``.

    ``status`` is None where no answer was sent; ``fault`` is the kind of the fault it met, or None.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int | None
    fault: str | None


class RequestLog:
    """The last 10,000 requests, and the count of all."""

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
        """Add a request; secrets in the query and unlisted headers are left out here."""
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
        """Return the requests, oldest first; only this method, only paths that this pattern finds."""
        with self._lock:
            kept = list(self._requests)
        return [each for each in kept if method in ("", each.method) and re.search(path, each.path)]

    def to_json(self) -> dict[str, Any]:
        """Return ``{"count": all there were, "requests": [the last ones]}``."""
        with self._lock:
            return {"count": self._count, "requests": [asdict(each) for each in self._requests]}


def _without_secrets(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    return urlencode([(name, "***" if _SECRET.search(name) else value) for name, value in pairs], safe=":,*$")
