"""The search index: only newest versions, in the order of update, at the cost of a page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dataset.documents import bulk_indicators
from sandbox.flashpoint.index import (
    Order,
    Selection,
    UpdateIndex,
    Version,
    time_us,
)

FROM = datetime(2024, 1, 1, tzinfo=UTC)
TO = datetime(2024, 1, 2, tzinfo=UTC)

VERSIONS = st.lists(
    st.builds(
        lambda name, group, time: Version(name, group, time, f"{name}@{time}".encode()),
        st.sampled_from("abcdefgh"),
        st.sampled_from(["x", "y"]),
        st.integers(0, 20),
    ),
    max_size=30,
)


def index_of(*batches: list[Version]) -> UpdateIndex:
    index = UpdateIndex()
    for batch in batches:
        index.publish(batch)
    return index


@given(VERSIONS, VERSIONS, st.integers(0, 20), st.integers(0, 20))
def test_the_index_holds_the_last_version_of_each(
    first: list[Version], second: list[Version], low: int, high: int
) -> None:
    """A window contains exactly the newest versions with a time in it, in the order of time."""
    index = index_of(first, second)
    newest = {each.identity: each for each in first + second}
    found = [index.body(key) for key in index.select(None, low, high).walk("asc")]
    expected = [each for each in newest.values() if low <= each.time_us < high]
    assert sorted(found) == sorted(each.body for each in expected)
    assert [int(body.split(b"@")[1]) for body in found] == sorted(each.time_us for each in expected)


@given(VERSIONS, st.sampled_from(["asc", "desc", "shuffled"]), st.integers(1, 4))
def test_pages_add_up_to_the_walk(versions: list[Version], order: Order, limit: int) -> None:
    """Pages by offset, and pages after the last key, add up to the walk without loss or repetition."""
    selection = index_of(versions).select(["x", "y"], None, None)
    walk = list(selection.walk(order))
    by_offset = [key for skip in range(0, len(walk), limit) for key in selection.page(order, skip, limit)]
    behind_last = selection.page(order, 0, limit)
    while page := selection.page_after(order, behind_last[-1], limit) if behind_last else []:
        behind_last += page
    assert by_offset == walk
    assert behind_last == walk
    assert len(selection) == len(walk)


def test_a_selection_does_not_see_later_updates() -> None:
    """A selection keeps its versions, like the scroll of a search engine."""
    index = index_of([Version("a", "x", 1, b"old"), Version("b", "x", 2, b"other")])
    selection = index.select(["x"], None, None)
    index.publish([Version("a", "x", 3, b"new")])
    assert [index.body(key) for key in selection.walk("asc")] == [b"old", b"other"]


def test_an_update_may_change_the_group() -> None:
    """A document that changes its type leaves its old group."""
    index = index_of([Version("a", "x", 1, b"")], [Version("a", "y", 2, b"")])
    assert index.groups() == {"y": 1}


def test_shuffled_order_keeps_when_others_arrive() -> None:
    """The shuffled order of two documents does not depend on other documents."""
    index = index_of([Version(str(number), "x", number, b"") for number in range(50)])
    before = list(index.select(["x"], None, None).walk("shuffled"))
    index.publish([Version(f"new{number}", "x", number, b"") for number in range(50)])
    after = [key for key in index.select(["x"], None, None).walk("shuffled") if key in set(before)]
    assert after == before
    assert before != sorted(before)


class CountedKeys(list[int]):
    """Sorted keys that count the reads of single keys."""

    looked_at = 0

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        if isinstance(place, slice):
            raise AssertionError("a slice copies; only single keys are bounded work")
        self.looked_at += 1
        return super().__getitem__(place)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_page_of_a_large_selection_reads_only_the_page(order: Order) -> None:
    """A page within 200,000 keys reads as many keys as it returns."""
    keys = CountedKeys(range(200_000))
    Selection([(keys, 0, 200_000)]).page(order, 9_000, 1_000)
    assert keys.looked_at == 1_000


def test_a_page_over_groups_reads_no_more_than_the_page() -> None:
    """A page over several groups reads only the keys it skips and returns, and one ahead in each group."""
    lists = [CountedKeys(range(start, 600_000, 3)) for start in range(3)]
    page = Selection([(keys, 0, 200_000) for keys in lists]).page("asc", 300, 100)
    assert page == list(range(300, 400))
    assert sum(keys.looked_at for keys in lists) <= 300 + 100 + 3


def test_a_page_of_a_large_block_makes_only_its_documents() -> None:
    """A page of 1,000 from a block of 200,000 indicators makes 1,000 documents."""
    index = UpdateIndex()
    index.publish_block(bulk_indicators("domain", 200_000, FROM, TO))
    page = index.select(["domain"], None, None).page("asc", 9_000, 1_000)
    bodies = [index.body(key) for key in page]
    assert (len(bodies), index.bodies_read) == (1_000, 1_000)


def test_an_update_replaces_a_document_of_a_block() -> None:
    """A newer version of a document replaces that of the block."""
    block = bulk_indicators("domain", 10, FROM, TO)
    index = UpdateIndex()
    index.publish_block(block)
    later_us = int(TO.timestamp()) * 1_000_000
    index.publish([Version(block.identity(3), "domain", later_us, b"newer")])
    keys = list(index.select(["domain"], None, None).walk("asc"))
    assert (len(keys), index.body(keys[-1]), time_us(keys[-1])) == (10, b"newer", later_us)
    assert index.find(block.identity(3)) == keys[-1]
