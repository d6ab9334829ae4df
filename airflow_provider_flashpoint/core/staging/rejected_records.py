"""Rejected records: records that cannot be delivered, each with its reason, one JSON line each.

::

    <directory of a stream>/<day>/<time of the attempt>-<random>.jsonl    earlier versions had no days
"""

from __future__ import annotations

import shutil
import tempfile
from typing import IO, Any, Self

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.staging.storage import StoragePath, uri_of, whole_file
from airflow_provider_flashpoint.errors import DataError, TransientError

_BLOCK_BYTES = 1 << 20

_log = logger(__name__)


class RejectedRecords:
    """Collects rejected records in a temporary file, and copies it into the staging storage at the end.

    Use as a context manager around the delivery. The file appears on exit, after an error too, and only where a record
    was rejected.
    """

    def __init__(self, path: StoragePath) -> None:
        self.count = 0
        self._path = path
        self._temporary: IO[bytes]

    @property
    def uri(self) -> str:
        """The address of the file."""
        return uri_of(self._path)

    def add(self, record: Any, reason: str) -> None:
        """Add a record. Of a record that is nested too deeply to be encoded, only the names of its fields are kept."""
        try:
            line = codec.encode({"reason": reason, "record": record})
        except DataError:
            line = codec.encode({"reason": reason, "fields": list(record)})
        self._temporary.write(line + b"\n")
        self.count += 1

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryFile(prefix="rejected-records-")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._temporary as temporary:
            if not self.count:
                return
            temporary.seek(0)
            try:
                with whole_file(self._path) as file:
                    shutil.copyfileobj(temporary, file, _BLOCK_BYTES)
            except OSError as error:
                problem = f"{self.count} rejected records cannot be kept ({error.strerror or error}): {self.uri}"
                if kind is None:
                    remedy = "Remove what is in its place, or make room; then run the task again."
                    raise TransientError(f"{problem}. {remedy}") from error
                _log.warning("%s.", problem)  # the error before this one says more
