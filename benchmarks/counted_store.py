"""An object store in memory that counts requests, as S3 gets them from fsspec: by kind, a thousand names in each."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable
from typing import IO, Any, NamedTuple, Self

_NAMES_PER_REQUEST = 1000


class CountedStore:
    """The part of an fsspec file system that `core.staging` uses.

    ``requests`` counts ``list``, ``read``, ``write``, ``remove`` and ``look``, a question for one object.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: Counter[str] = Counter()
        self._listings: dict[str, list[str]] = {}

    def invalidate_cache(self) -> None:
        self._listings.clear()

    def isdir(self, place: str) -> bool:
        if place not in self._listings:
            first = len(place) + 1
            children = {key[first:].partition("/")[0] for key in self._below(place)}
            self._count("list", len(children))
            self._listings[place] = [f"{place}/{name}" for name in sorted(children)]
        return bool(self._listings[place])

    def ls(self, place: str, *, detail: bool) -> list[str]:
        self.isdir(place)
        return self._listings[place]

    def find(self, place: str) -> list[str]:
        found = sorted(self._below(place))
        self._count("list", len(found))
        return found

    def exists(self, place: str) -> bool:
        self._count("look")
        return place in self.objects or any(self._below(place))

    def cat_file(self, place: str) -> bytes:
        self._count("read")
        if place not in self.objects:
            raise FileNotFoundError(place)
        return self.objects[place]

    def open(self, place: str, mode: str) -> IO[bytes]:
        return io.BytesIO(self.cat_file(place)) if mode == "rb" else _Upload(self, place)

    def write(self, place: str, content: bytes) -> None:
        self._count("write")
        self.objects[place] = content

    def rm(self, places: str | list[str], *, recursive: bool = False) -> None:
        if isinstance(places, str):
            places = self.find(places) if recursive else [places]
        self._count("remove", len(places))
        for place in places:
            self.objects.pop(place, None)

    def _below(self, place: str) -> Iterable[str]:
        return (key for key in self.objects if key.startswith(f"{place}/"))

    def _count(self, kind: str, names: int = 1) -> None:
        self.requests[kind] += max(1, -(-names // _NAMES_PER_REQUEST))


class StorePath(NamedTuple):
    """A path in a store, as Airflow's ObjectStoragePath is one."""

    fs: Any
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> Self:
        return self._replace(path=self.path.rpartition("/")[0])

    def __truediv__(self, key: str) -> Self:
        return self._replace(path=f"{self.path}/{key}")

    def __str__(self) -> str:
        return f"memory://{self.path}"

    def open(self, mode: str = "rb") -> IO[bytes]:
        opened: IO[bytes] = self.fs.open(self.path, mode)
        return opened

    def exists(self) -> bool:
        return bool(self.fs.exists(self.path))

    def unlink(self, missing_ok: bool = False) -> None:
        self.fs.rm([self.path])


class _Upload(io.BytesIO):
    def __init__(self, store: CountedStore, place: str) -> None:
        super().__init__()
        self._store, self._place = store, place

    def close(self) -> None:
        if not self.closed:
            self._store.write(self._place, self.getvalue())
        super().close()
