"""Large lookups are sent in parts, in constant memory, and deploying all again repairs a failed part."""

from __future__ import annotations

import io
import json
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from devo_peers import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.csv_parts import parts_of, rows_of
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient, Request
from airflow_provider_flashpoint.errors import RejectedError
from sandbox.devo.lookups.jobs import JobPlan
from sandbox.devo.server import DevoServer
from tests.csv_file import write_csv

NAME = "Colors"
ROWS = {f"key {number}": f'multi\nline, "{number}"' for number in range(9)}
THREE_PARTS = 130

Deploy = Callable[[Operation, dict[str, str]], Any]


def csv_of(rows: dict[str, str]) -> io.BytesIO:
    file = io.BytesIO()
    write_csv([{"key": key, "value": value} for key, value in rows.items()], ["value"], "key", file)
    return file


@pytest.fixture
def deploy(devo: DevoServer, clock: FakeClock) -> Deploy:
    """Return a function that deploys rows to the sandbox in small parts."""
    session = requests.Session()
    session.auth = BearerAuth(devo.settings.api_token)
    http = HttpClient(session, base_url=devo.api_url, service="Devo", sleep=clock.sleep)
    client = LookupsClient(http, domain=devo.settings.domain, max_csv_bytes=THREE_PARTS, clock=clock, sleep=clock.sleep)

    def run(operation: Operation, rows: dict[str, str]) -> Any:
        return client.deploy(NAME, columns=["value"], key="key", csv_file=csv_of(rows), operation=operation)

    return run


def content(devo: DevoServer) -> dict[str, str]:
    return {row[0]: row[1] for row in devo.lookups[NAME].rows()}


def operations(devo: DevoServer) -> list[str]:
    return [job.operation for job in devo.lookups[NAME].jobs]


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.REPLACE])
def test_first_part_builds_and_the_others_append(devo: DevoServer, deploy: Deploy, operation: Operation) -> None:
    """A build in three parts leaves all rows, and nothing of the old content."""
    if operation is Operation.REPLACE:
        deploy(Operation.CREATE, {"old": "gone"})
    deploy(operation, ROWS)
    assert operations(devo)[-3:] == [operation.value, "append", "append"]
    assert content(devo) == ROWS


def test_parts_of_a_deletion_all_delete(devo: DevoServer, deploy: Deploy) -> None:
    """A deletion in parts removes all of its rows."""
    deploy(Operation.CREATE, {**ROWS, "kept": "1"})
    deploy(Operation.DELETE, ROWS)
    assert operations(devo)[-3:] == ["delete_rows"] * 3
    assert content(devo) == {"kept": "1"}


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.REPLACE, Operation.APPEND])
def test_retry_mends_what_a_failed_part_left(
    devo: DevoServer, deploy: Deploy, operation: Operation, caplog: pytest.LogCaptureFixture
) -> None:
    """After a failure of the second of three parts, the log says so, and the same deployment leaves all rows."""
    if operation is not Operation.CREATE:
        deploy(Operation.CREATE, {"old": "1"})
    devo.lookups.plan_jobs(JobPlan(), JobPlan(failure="out of space"))
    with pytest.raises(RejectedError, match=r"out of space\. The earlier parts are deployed: deploy all again"):
        deploy(operation, ROWS)
    assert "part 2 of 3" in caplog.text
    assert 0 < len(content(devo).keys() & ROWS.keys()) < len(ROWS)
    deploy(operation, ROWS)
    assert content(devo) == ({"old": "1", **ROWS} if operation is Operation.APPEND else ROWS)


class Uploads:
    """Reads uploads from the encoder in pieces, and keeps none."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def read_json(self, request: Request) -> Any:
        return {"statuses": ["COMPLETED"]}

    def send(self, request: Request) -> requests.Response:
        assert request.data
        encoder, _ = request.data()
        self.sizes.append(sum(map(len, encoder)))
        response = requests.Response()
        response._content = json.dumps({"jobId": "1"}).encode()
        return response


def peak_of_upload(path: Path, *, kilobytes: int, max_csv_bytes: int) -> int:
    row = b'"' + b"k" * 500 + b'","' + b'"",\n' * 125 + b'"\n'
    path.write_bytes(b"key,_extra\n" + row * kilobytes)
    uploads = Uploads()
    client = LookupsClient(uploads, domain="d", max_csv_bytes=max_csv_bytes)  # type: ignore[arg-type]
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            client.deploy(NAME, columns=[], key="key", csv_file=file, operation=Operation.APPEND)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("max_csv_bytes", [1 << 30, 1 << 20])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, max_csv_bytes: int) -> None:
    """An upload of sixteen times the size, whole or in parts, takes no more memory, except some kilobytes."""
    small = peak_of_upload(tmp_path / "small.csv", kilobytes=512, max_csv_bytes=max_csv_bytes)
    large = peak_of_upload(tmp_path / "large.csv", kilobytes=8192, max_csv_bytes=max_csv_bytes)
    assert large < small + 64 * 1024


TEXTS = st.text(st.sampled_from('",\n\r x'), max_size=6)


@given(st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=12), st.integers(0, 200))
def test_parts_are_whole_rows_under_the_header(rows: dict[str, str], max_bytes: int) -> None:
    """The parts hold all rows in order, each begins with the header, and none beyond the limit holds two rows."""
    file = csv_of(rows)
    header, *each_row = rows_of(file)
    assert b"".join([header, *each_row]) == file.getvalue()
    assert len(each_row) == len(rows)
    found: list[bytes] = []
    for part in parts_of(file, max_bytes):
        reader = part.open()
        assert reader.len == part.size
        text = b"".join(iter(lambda reader=reader: reader.read(7), b""))  # type: ignore[misc]
        assert reader.len == 0
        assert text.startswith(header)
        inside = list(rows_of(io.BytesIO(text)))[1:]
        assert part.size <= max_bytes or len(inside) <= 1
        found += inside
    assert found == each_row


def test_row_beyond_the_limit_goes_alone() -> None:
    """A row longer than a part is a part by itself."""
    with tempfile.TemporaryFile() as file:
        write_csv([{"key": "a"}, {"key": "b" * 300}, {"key": "c"}], [], "key", file)
        assert [part.size > 100 for part in parts_of(file, 100)] == [False, True, False]
