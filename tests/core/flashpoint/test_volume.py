"""Windows with many records: complete, within limits of memory and of requests."""

from __future__ import annotations

import tracemalloc
from datetime import datetime, timedelta

import pytest

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.reporting.memory_log import used_memory
from airflow_provider_flashpoint.core.window import Window
from sandbox.dataset.bulk import GeneratedBlock, bulk_indicators
from sandbox.dataset.indicators_v2 import BulkIndicatorsV2
from tests.core.flashpoint.reading import FROM
from tests.core.flashpoint.sandbox_in_process import InProcess

SECOND = FROM + timedelta(seconds=1)
HOUR = Window(FROM, FROM + timedelta(hours=1))


def sandbox_of(block: GeneratedBlock) -> InProcess:
    sandbox = InProcess()
    store = sandbox.server.store
    (store.indicators_v2 if isinstance(block, BulkIndicatorsV2) else store.indicators).publish_block(block)
    return sandbox


def block_of(api: Api, count: int, until: datetime) -> GeneratedBlock:
    if api is Api.IGNITE_V2:
        return BulkIndicatorsV2("ipv4", count, FROM, until, 1)
    return bulk_indicators("domain", count, FROM, until, columns=6)


def read_ids(sandbox: InProcess, api: Api, window: Window, **settings: int) -> list[str]:
    source = sandbox.client(api, **settings).source(DataSet.INDICATORS)
    return [record[source.endpoint.id_field] for page in source.pages(window) for record in page]


@pytest.mark.parametrize("api", [Api.IGNITE_V1, Api.IGNITE_V2])
@pytest.mark.parametrize("seconds", [1, 3600])
def test_more_records_than_can_be_skipped(api: Api, seconds: int) -> None:
    """Every one of 15,000 records comes, spread over an hour or all within one second."""
    count = 15_000
    ids = read_ids(sandbox_of(block_of(api, count, FROM + timedelta(seconds=seconds))), api, HOUR)
    assert len(set(ids)) == count
    assert api is Api.IGNITE_V1 or len(ids) == count


@pytest.mark.parametrize("api", [Api.IGNITE_V1, Api.IGNITE_V2])
def test_a_quarter_of_a_million_records(api: Api) -> None:
    """Every one of 250,000 records of a window comes, on version 2 once, and the memory does not grow with them."""
    count = 250_000
    block = block_of(api, count, HOUR.end)
    sandbox, seen = sandbox_of(block), bytearray(count)
    sandbox.queries = _Forgotten()
    source = sandbox.client(api, requests_in_flight=4).source(DataSet.INDICATORS)
    read, early = 0, None
    for page in source.pages(HOUR):
        for record in page:
            seen[block.offset(record[source.endpoint.id_field]) or 0] += 1
        read += len(page)
        if early is None and read > count / 5:
            early = used_memory()
    late = used_memory()
    assert min(seen) == 1
    assert api is Api.IGNITE_V1 or read == count
    assert early is None or late is None or late.process_bytes - early.process_bytes < 32 << 20


def test_the_requests_of_a_long_walk() -> None:
    """A walk by time needs hardly more requests than there are full pages: half a second of each page comes again."""
    sandbox = sandbox_of(BulkIndicatorsV2("ipv4", 20_000, FROM, HOUR.end, 1))
    assert len(read_ids(sandbox, Api.IGNITE_V2, HOUR)) == 20_000
    assert len(sandbox.queries) <= 22


def test_the_memory_of_a_long_walk() -> None:
    """The memory of a walk by time depends on the size of a page, not on the number of records."""

    def peak(count: int) -> int:
        sandbox = sandbox_of(BulkIndicatorsV2("ipv4", count, FROM, HOUR.end, 1))
        source = sandbox.client(Api.IGNITE_V2, page_size=300).source(DataSet.INDICATORS)
        tracemalloc.start()
        sandbox.queries = _Forgotten()
        assert sum(len(page) for page in source.pages(HOUR)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(200)  # fills caches
    assert peak(6_000) < 2 * peak(1_500)


class _Forgotten(list):  # type: ignore[type-arg]
    """Keeps nothing, so that it takes no part in the memory."""

    def append(self, _: object) -> None:
        """Keep nothing."""
