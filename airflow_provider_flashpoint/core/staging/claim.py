"""Claims: the stream that a directory of an earlier version belongs to.

::

    <directory>/.stream.json    the key of the stream, written once by the first that runs

Earlier versions kept directories by name alone, so several streams may look for theirs in one directory.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict

from airflow_provider_flashpoint.core.staging.sealed import damaged
from airflow_provider_flashpoint.core.staging.storage import (
    StoragePath,
    hidden_beside,
    is_local,
    read_whole,
    write_whole,
)
from airflow_provider_flashpoint.core.stream_key import StreamKey

_FILE = ".stream.json"  # hidden from `list_names`, since it is no content
_REMEDY = "Remove it; the next stream of this name that runs then takes the directory."


def owner_of(directory: StoragePath) -> StreamKey | None:
    """Return the stream that has claimed a directory, None where there is none.

    :raises StageError: the claim cannot be read.
    """
    file = directory / _FILE
    try:
        content = read_whole(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError as error:
        raise damaged(file, "it is a directory", _REMEDY) from error
    try:
        return StreamKey(**json.loads(content))
    except (TypeError, ValueError) as error:
        raise damaged(file, "it names no stream", _REMEDY) from error


def claim(directory: StoragePath, key: StreamKey, *, replace: bool = False) -> StreamKey | None:
    """Claim a directory for a stream, which creates it; return its owner: another stream if that one was faster.

    :param replace: take it from its owner.
    """
    content = json.dumps(asdict(key)).encode()
    if replace:
        write_whole(directory / _FILE, content)
    else:
        _create(directory / _FILE, content)
    return owner_of(directory)


def _create(file: StoragePath, content: bytes) -> None:
    """Write a whole file unless it exists. In a storage that cannot refuse a second writer, the last of two wins."""
    beside = hidden_beside(file)
    try:
        if is_local(file):
            write_whole(beside, content)
            os.link(str(beside), str(file))
        else:
            with file.open("xb") as opened:
                opened.write(content)
    except FileExistsError:
        pass
    except (OSError, ValueError, NotImplementedError):
        if not file.exists():
            write_whole(file, content)
    finally:
        if is_local(file):
            beside.unlink(missing_ok=True)
