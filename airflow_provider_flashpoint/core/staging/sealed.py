"""Sealed files: files of the staging storage whose name holds a digest of their content.

::

    <time>-<random>-<digest><suffix>

A file is read whole or refused by its name. Names of earlier versions have no digest; then only the form is checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from typing import IO, cast

from airflow_provider_flashpoint.core.staging.storage import (
    PreparedFile,
    StoragePath,
    hidden_beside,
    is_local,
    new_file,
    new_name,
    uri_of,
    whole_file,
)
from airflow_provider_flashpoint.errors import StageError, TransientError

_DIGEST_CHARACTERS = 16
_BYTES_IN_MEMORY = 4 << 20
_BLOCK_BYTES = 98_304  # a multiple of each unit


def write_sealed(directory: StoragePath, content: Iterable[bytes], *, at: datetime, suffix: str) -> str:
    """Write a file atomically and return its name, which sorts by ``at``."""
    with _sealed(content, at, suffix) as (name, source), whole_file(directory / name) as file:
        shutil.copyfileobj(source, file)
    return name


@contextlib.contextmanager
def write_sealed_after(
    directory: StoragePath, content: Iterable[bytes], *, at: datetime, suffix: str
) -> Generator[str]:
    """Write a file that readers see at the end of the block, unless it fails; give its name, which sorts by ``at``.

    The block sends what the file records. The file is written before it, so a full disk stops it before it sends.

    :raises TransientError: there is no room.
    """
    with _sealed(content, at, suffix) as (name, source):
        if not is_local(directory):  # an object store has room, and would have to copy the file
            yield name  # noqa: RUF075  after an error nothing is written
            with whole_file(directory / name) as file:
                shutil.copyfileobj(source, file)
            return
        prepared = PreparedFile(directory / name, hidden_beside(directory / name))
        try:
            try:
                with new_file(prepared.hidden) as file:
                    shutil.copyfileobj(source, file)
            except OSError as error:
                problem = f"The staging storage takes no file ({error.strerror or error}): {uri_of(prepared.path)}"
                raise TransientError(f"{problem}. Nothing was sent. Make room, then run the task again.") from error
            yield name
        except BaseException:
            with contextlib.suppress(OSError):
                prepared.discard()
            raise
    prepared.publish()


def read_sealed(path: StoragePath, *, unit: int = 1, remedy: str) -> Iterator[bytes]:
    """Yield the content in blocks; the digest is checked after the last one.

    :param unit: the size of the content is a multiple of it, and so is that of each block.
    :param remedy: a sentence about what to do with a damaged file.
    :raises FileNotFoundError: it does not exist.
    :raises StageError: it is cut or changed, or is a directory.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                if len(block) % unit:
                    raise damaged(path, "it is cut", remedy)
                digest.update(block)
                yield block
    except IsADirectoryError as error:
        raise damaged(path, "it is a directory", remedy) from error
    expected = path.name.partition(".")[2].partition(".")[0].split("-")[2:]
    if expected and digest.hexdigest()[:_DIGEST_CHARACTERS] != expected[0]:
        raise damaged(path, "its content differs from the digest in its name", remedy)


def damaged(path: StoragePath, reason: str, remedy: str) -> StageError:
    """Return the error for a damaged file."""
    return StageError(f"Invalid file in the staging storage: {reason}: {uri_of(path)}. {remedy}")


@contextlib.contextmanager
def _sealed(content: Iterable[bytes], at: datetime, suffix: str) -> Generator[tuple[str, IO[bytes]]]:
    """Give the name of the file and its content."""
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(_BYTES_IN_MEMORY, prefix="sealed-") as temporary:
        for block in content:
            digest.update(block)
            temporary.write(block)
        temporary.seek(0)
        yield f"{new_name(at)}-{digest.hexdigest()[:_DIGEST_CHARACTERS]}{suffix}", cast("IO[bytes]", temporary)
