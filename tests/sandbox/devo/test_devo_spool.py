"""Bytes that are stored in memory and in files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.devo.spool import SEGMENT_BYTES, MemoryBudget, Spool

PATTERN = bytes(range(251)) * 8000
SIZES = st.lists(st.integers(0, 2 * SEGMENT_BYTES + 100), max_size=6)


def filled(sizes: list[int], budget_bytes: int) -> tuple[Spool, bytes]:
    spool, expected = Spool(MemoryBudget(budget_bytes)), b""
    for number, size in enumerate(sizes):
        piece = PATTERN[number : number + size]
        spool.append(piece)
        expected += piece
    return spool, expected


@given(SIZES, st.integers(0, 4 * SEGMENT_BYTES), st.integers(0, 10**6), st.integers(0, 10**6))
def test_any_slice_is_what_was_appended(sizes: list[int], budget: int, offset: int, count: int) -> None:
    """Bytes in memory, in the file or in the part being filled are read back unchanged."""
    spool, expected = filled(sizes, budget)
    assert len(spool) == len(expected)
    assert spool.read(offset, count) == expected[offset : offset + count]


def test_the_file_is_used_when_the_budget_is_spent() -> None:
    """Only bytes beyond the budget go to a file."""
    fits, _ = filled([SEGMENT_BYTES + 1], SEGMENT_BYTES)
    spills, _ = filled([2 * SEGMENT_BYTES + 1], SEGMENT_BYTES)
    assert not fits.spilled
    assert spills.spilled


def test_discarding_gives_the_budget_back() -> None:
    """Memory released by one spool is available to the next."""
    budget = MemoryBudget(SEGMENT_BYTES)
    first = Spool(budget)
    first.append(PATTERN[: SEGMENT_BYTES + 1])
    first.discard()
    second = Spool(budget)
    second.append(PATTERN[: SEGMENT_BYTES + 1])
    assert not second.spilled


@pytest.mark.parametrize("max_bytes", [1, 100, SEGMENT_BYTES, 10 * SEGMENT_BYTES])
def test_room_is_never_larger_than_requested(max_bytes: int) -> None:
    """A reader can stop at an exact number of bytes."""
    spool = Spool(MemoryBudget(0))
    assert 1 <= len(spool.room(max_bytes)) <= max_bytes


def test_bytes_that_are_not_committed_are_not_read() -> None:
    """Room that was filled but not committed does not count."""
    spool = Spool(MemoryBudget(0))
    spool.room()[:3] = b"abc"
    spool.commit(2)
    assert spool.read(0, 10) == b"ab"
