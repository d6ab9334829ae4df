"""The staging storage: a directory of this machine or of an object store, and atomic writes into it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol, Self, cast
from urllib.parse import unquote, urlsplit

from airflow_provider_flashpoint.core.window import as_utc
from airflow_provider_flashpoint.errors import ConfigurationError

NAME_TIME = "%Y%m%dT%H%M%S.%fZ"


class StoragePath(Protocol):
    """A file or directory of the staging storage: a `pathlib.Path`, or Airflow's `ObjectStoragePath`."""

    @property
    def name(self) -> str: ...
    @property
    def parent(self) -> Self: ...
    def __truediv__(self, key: str) -> Self: ...
    def open(self, mode: str = ...) -> IO[Any]: ...
    def exists(self) -> bool: ...
    def mkdir(self, mode: int = ..., parents: bool = ..., exist_ok: bool = ...) -> None: ...
    def iterdir(self) -> Iterator[Self]: ...
    def unlink(self, missing_ok: bool = ...) -> None: ...
    def is_dir(self) -> bool: ...
    def rmdir(self) -> None: ...


def local_path(address: str) -> Path | None:
    """Return the absolute path of an address on this machine, None for one in an object store.

    A text without a scheme is a path, taken literally except for a ``~`` at its start. A ``file:`` URI may escape
    characters. ``#`` and ``?`` are characters like any other, since no storage has fragments or queries.

    :raises ConfigurationError: the address cannot be meant; the message has the remedy.
    """
    try:
        parts = urlsplit(address.replace("#", "%23").replace("?", "%3F"))
    except ValueError:  # its text may hold the user
        raise _wrong(address, "cannot be read", "Write a path or a URI.") from None
    if parts.scheme not in ("", "file"):
        if not parts.netloc.rpartition("@")[2]:
            raise _wrong(address, "names no bucket", f"Write {parts.scheme}://<connection>@<bucket>/<key>.")
        return None
    place = unquote(parts.path) if parts.scheme else address
    if parts.scheme and parts.netloc.startswith("~"):
        place = parts.netloc + place
    elif parts.scheme and parts.netloc not in ("", "localhost"):
        machine = parts.netloc.rpartition("@")[2]
        remedy = f"Write file:///{machine}{parts.path}, with three slashes."
        raise _wrong(address, f"names the machine {machine}, not a folder of this one", remedy)
    try:
        path = Path(place).expanduser()
    except RuntimeError as error:
        raise _wrong(address, "begins with a user that this machine does not have", "Write the whole path.") from error
    if not path.is_absolute() or path == path.parent or not place.isprintable():
        raise _wrong(address, "is not a folder by its whole path", "Write one such as /data/flashpoint.")
    return path


def _wrong(address: str, cause: str, remedy: str) -> ConfigurationError:
    _, at, place = address.rpartition("@")  # the user may hold a password
    return ConfigurationError(f"The address of the staging storage {cause}: {'…@' if at else ''}{place!r}. {remedy}")


def new_name(at: datetime, suffix: str = "") -> str:
    """Return a unique name that sorts by ``at``."""
    return f"{as_utc(at).strftime(NAME_TIME)}-{secrets.token_hex(4)}{suffix}"


def time_of(name: str) -> datetime:
    """Return the time in a name of `new_name`.

    :raises ValueError: it has none.
    """
    return datetime.strptime(name.partition("-")[0], NAME_TIME).replace(tzinfo=UTC)


def new_file(path: StoragePath) -> IO[bytes]:
    """Open a file for writing, and make its directories. On a disk only their owner may read them."""
    if not is_local(path):
        try:
            return path.open("wb")
        except FileNotFoundError:  # unlike an object store, this one has directories
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("wb")
    place = Path(str(path))
    for missing in reversed([each for each in place.parents if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    return open(place, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file on a disk that is written and not shown to readers yet. It has its room: showing it needs none."""

    path: StoragePath
    hidden: StoragePath

    def publish(self) -> None:
        """Show the file to readers, in place of an older one."""
        cast("Path", self.hidden).replace(cast("Path", self.path))

    def discard(self) -> None:
        """Remove the file, unless it was published."""
        self.hidden.unlink(missing_ok=True)


def hidden_beside(path: StoragePath) -> StoragePath:
    """Return a name beside ``path`` that readers do not see."""
    return path.parent / f".{path.name}.{secrets.token_hex(4)}"


@contextlib.contextmanager
def whole_file(path: StoragePath) -> Generator[IO[bytes]]:
    """Open a file for an atomic write: readers see the old file or the new one, never a part.

    An object store writes atomically. On a disk the file is written under another name, and renamed at the end.
    """
    if not is_local(path):
        with new_file(path) as file:
            yield file
        return
    prepared = PreparedFile(path, hidden_beside(path))
    try:
        with new_file(prepared.hidden) as file:
            yield file
        prepared.publish()
    finally:
        prepared.discard()


def write_whole(path: StoragePath, content: bytes) -> None:
    """Write a small file atomically."""
    with whole_file(path) as file:
        file.write(content)


def read_whole(path: StoragePath) -> bytes:
    """Return the content of a small file.

    :raises FileNotFoundError: it does not exist.
    """
    with path.open("rb") as file:
        content: bytes = file.read()
    return content


def store_of(path: StoragePath) -> tuple[Any, str]:
    """Return the file system (fsspec) of an object store, and the path there. It remembers no listing.

    A remembered one would miss what other machines wrote.
    """
    opened: Any = path
    store = opened.fs
    store.invalidate_cache()
    return store, str(opened.path).rstrip("/")


def uri_of(path: StoragePath) -> str:
    """Return the address of ``path``, by which another task finds it."""
    return Path(str(path)).absolute().as_uri() if is_local(path) else str(path)


def is_local(path: StoragePath) -> bool:
    """Return whether ``path`` is a plain path of this machine."""
    place: object = path  # an ObjectStoragePath may be a Path too; only it has a file system
    return isinstance(place, Path) and not hasattr(place, "fs")
