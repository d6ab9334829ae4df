"""Bodies of answers, read within a limit of bytes and of time."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core.http.deadline import DEFAULT_ANSWER_S
from airflow_provider_flashpoint.errors import DataError, NetworkError

if TYPE_CHECKING:
    from requests import Response

_BLOCK_BYTES = 1 << 18  # after each, the reading thread waits for the interpreter lock
_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """What one answer may take.

    :param max_bytes: after decompression; 1 MB of gzip can hold 1 GB.
    :param max_s: seconds for the body, and after which a request is not sent again. The timeout of a request limits
        only the time between two bytes.
    :param clock: seconds; replaced in tests.
    """

    _: KW_ONLY
    max_bytes: int = 256 << 20
    max_s: float = DEFAULT_ANSWER_S
    clock: Callable[[], float] = time.monotonic

    def read(self, response: Response, *, name: str = "") -> bytes:
        """Return the decompressed body of a streamed response; errors as in `blocks`."""
        body = io.BytesIO()
        for block in self.blocks(response, name=name):
            body.write(block)
        return body.getvalue()

    def lines(self, response: Response, *, name: str = "") -> Iterator[bytes]:
        """Yield the lines of a streamed response; errors as in `blocks`, also for a line of more than 1 MiB."""
        rest = b""
        for block in self.blocks(response, name=name):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
            if len(rest) > _LINE_BYTES:
                response.close()
                raise DataError(
                    f"{name}: the answer has a line of more than {_LINE_BYTES} bytes. Check the host and the proxy."
                )
        yield rest

    def blocks(self, response: Response, *, name: str = "") -> Iterator[bytes]:
        """Yield the decompressed body of a streamed response, which is closed where it goes beyond a limit.

        :param name: names the request in errors.
        :raises DataError: it is too large; the next answer would be, too.
        :raises NetworkError: it takes too long.
        """
        deadline = self.clock() + self.max_s
        # Returns what has arrived, where `read` waits for a whole block. Absent before urllib3 2.
        read = getattr(response.raw, "read1", response.raw.read)
        size = 0
        while block := read(_BLOCK_BYTES, decode_content=True):
            size += len(block)
            if size > self.max_bytes:
                response.close()
                raise DataError(
                    f"{name}: the answer has more than {self.max_bytes} bytes after decompression. "
                    "If it is a page, lower page_size or raise max_answer_mib; otherwise check the host and the proxy."
                )
            if self.clock() > deadline:
                response.close()
                raise NetworkError(f"{name}: the answer was not complete after {self.max_s:g} s; {size} bytes came.")
            yield block


def is_without_body(response: Response) -> bool:
    """Return whether the server says that its answer has no body; an empty body may also be one that was lost."""
    return response.status_code == 204 or response.headers.get("Content-Length") == "0"
