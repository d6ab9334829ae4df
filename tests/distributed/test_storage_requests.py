"""The requests that the jobs send to an S3 store, as its server counts them."""

from __future__ import annotations

import functools
import logging
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_flashpoint.airflow_runtime.storage.staging import staging_root
from airflow_provider_flashpoint.core.staging.folders import remove_tree
from benchmarks.history import NOW, Jobs, write_history
from tests.distributed.object_store import BUCKET, ObjectStore

pytestmark = [pytest.mark.airflow, pytest.mark.distributed]

PERIOD = timedelta(hours=1)
RUNS = (9, 9_999)
PRUNED_RUNS = (200, 900)
KEPT, PRUNED = timedelta(days=10_000), timedelta(0)


class RequestLog(logging.Handler):
    """Counts the requests in the log of moto's server by kind."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        line = re.sub(r"\x1b\[[\d;]*m", "", record.getMessage())
        method, address = re.findall(r'"([A-Z]+) (\S+) HTTP', line)[0]
        if address.startswith(f"/{BUCKET}/"):
            self.counts[{"GET": "read", "PUT": "write", "HEAD": "look"}.get(method, line)] += 1
        else:
            kind = "list" if "?list-type" in address else "remove" if "?delete" in address else line
            self.counts[kind] += 1


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    """A store with histories of some lengths, each in a folder."""
    from moto.s3.models import s3_backends

    with ObjectStore() as store:
        backend = s3_backends["123456789012"]["aws"]
        for runs in (*RUNS, *PRUNED_RUNS):
            put = functools.partial(put_object, backend, f"staging/{runs}")
            write_history(put, runs, PERIOD)
        yield store


def put_object(backend: Any, folder: str, key: str, content: bytes) -> None:
    """Write an object past the server, which is faster."""
    backend.put_object(BUCKET, f"{folder}/{key}", content)


@pytest.fixture
def requests(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """The requests of the server by kind; clear it before a job."""
    monkeypatch.setenv("AIRFLOW_CONN_COUNTED", store.connection())
    server, log = logging.getLogger("werkzeug"), RequestLog()
    monkeypatch.setattr(server, "propagate", False)
    server.addHandler(log)
    server.setLevel(logging.INFO)
    yield log.counts
    server.setLevel(logging.WARNING)
    server.removeHandler(log)


@pytest.mark.parametrize(("job", "most"), [("pull", 7), ("sync", 30), ("alerts", 16)])
def test_a_store_gets_the_same_requests_at_run_10_and_at_run_10000(
    job: str, most: int, store: ObjectStore, requests: Counter[str]
) -> None:
    """The number of each kind is the same, however much is kept; none is about the bucket."""
    counts = []
    for runs in RUNS:
        root = staging_root(store.staging_uri("counted")) / str(runs)
        remove_tree(root / "stages" / f"{NOW:%Y%m%d}" / f"{NOW:%H}")  # of the job before
        requests.clear()
        getattr(Jobs(root, PERIOD, KEPT), job)()
        counts.append(Counter(requests))
    print(f"{job}: {dict(counts[0])}")
    assert counts[0] == counts[1]
    assert sum(counts[0].values()) <= most
    assert set(counts[0]) <= {"list", "read", "look", "write", "remove"}


@pytest.mark.parametrize("job", ["pull", "sync", "alerts"])
def test_a_store_gets_few_requests_while_a_long_history_is_pruned(
    job: str, store: ObjectStore, requests: Counter[str]
) -> None:
    """Of a history that is old as a whole a run removes a part, in a constant number of requests."""
    for runs in PRUNED_RUNS:
        requests.clear()
        getattr(Jobs(staging_root(store.staging_uri("counted")) / str(runs), PERIOD, PRUNED), job)()
        assert requests["list"] <= 20
        assert 0 < requests["remove"] <= 8
