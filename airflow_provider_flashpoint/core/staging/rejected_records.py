"""Records that cannot be delivered, kept beside the stage with the reason, one JSON line each."""

from __future__ import annotations

import tempfile
from typing import Any

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.staging.storage import StoragePath, uri_of, whole_file
from airflow_provider_flashpoint.errors import DataError

_BLOCK_BYTES = 1 << 20


class RejectedRecords:
    """Collects records in a temporary file and, at the end, puts them into the staging storage as one file.

    Use as a context manager around the delivery; the file appears when it ends, also after an error, and only if
    something was set aside.
    """

    def __init__(self, path: StoragePath) -> None:
        self.count = 0
        self._path = path
        self._kept = tempfile.TemporaryFile(prefix="dead-letters-")  # noqa: SIM115  closed by __exit__

    @property
    def uri(self) -> str:
        """Where the file lies, or will."""
        return uri_of(self._path)

    def add(self, record: Any, reason: str) -> None:
        """Set ``record`` aside; one that is nested too deeply to be written is kept as the names of its fields."""
        try:
            line = codec.encode({"reason": reason, "record": record})
        except DataError:
            line = codec.encode({"reason": reason, "fields": list(record)})
        self._kept.write(line + b"\n")
        self.count += 1

    def __enter__(self) -> RejectedRecords:
        return self

    def __exit__(self, *_: object) -> None:
        with self._kept as kept:
            if not self.count:
                return
            kept.seek(0)
            with whole_file(self._path) as file:
                while block := kept.read(_BLOCK_BYTES):
                    file.write(block)
