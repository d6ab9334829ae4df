"""Lists and removes files of the staging storage, in as few requests as the store has for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_flashpoint.core.staging.sealed import damaged
from airflow_provider_flashpoint.core.staging.storage import StoragePath, is_local, store_of


def list_names(directory: StoragePath, *, remedy: str = "") -> list[str]:
    """Return the sorted names in a directory, without files being written; empty if it does not exist.

    :param remedy: a sentence about what to do with a file in its place; without one, that counts as empty.
    :raises StageError: there is a file in its place.
    """
    names: list[str] = []
    if is_local(directory):
        try:
            names = [entry.name for entry in directory.iterdir()]
        except FileNotFoundError:
            pass
        except NotADirectoryError as error:
            if remedy:
                raise damaged(directory, "it is a file, or below one, and must be a directory", remedy) from error
    else:
        store, place = store_of(directory)
        if store.isdir(place):  # it takes the listing, which `ls` then has; `ls` alone would list the parent too
            names = [str(name).rstrip("/").rpartition("/")[2] for name in store.ls(place, detail=False)]
    return sorted(name for name in names if not name.startswith("."))


def list_files(directory: StoragePath) -> list[str]:
    """Return the sorted paths of all files below a directory, relative to it."""
    if is_local(directory):
        top = Path(str(directory))
        return sorted(
            Path(folder, name).relative_to(top).as_posix() for folder, _, names in os.walk(top) for name in names
        )
    store, place = store_of(directory)
    return sorted(str(name).removeprefix(f"{place}/") for name in store.find(place))


def remove_files(directory: StoragePath, names: Sequence[str]) -> None:
    """Remove files by their paths below a directory, and folders there that are empty then.

    It is no error if another process removes some of them.
    """
    if is_local(directory):
        for name in names:
            (directory / name).unlink(missing_ok=True)
        for folder in sorted({folder for name in names for folder in Path(name).parents if folder.name}, reverse=True):
            remove_if_empty(directory / folder.as_posix())
    elif names:
        store, place = store_of(directory)
        with contextlib.suppress(FileNotFoundError):
            store.rm([f"{place}/{name}" for name in names])


def remove_tree(directory: StoragePath) -> None:
    """Remove a directory and its content. It is no error if another process removes some of it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        if not is_local(directory):
            store, place = store_of(directory)
            store.rm(place, recursive=True)
            return
        for entry in list(directory.iterdir()):
            if entry.is_dir():
                remove_tree(entry)
            else:
                entry.unlink(missing_ok=True)
    remove_if_empty(directory)


def remove_if_empty(directory: StoragePath) -> None:
    """Remove a directory without content. An object store has none."""
    if is_local(directory):
        with contextlib.suppress(OSError):
            directory.rmdir()
