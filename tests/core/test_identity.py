"""Ids: one rule for what identifies a record, and digests that today's ledgers hold."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.identity import id_digest, id_of


@pytest.mark.parametrize(
    "value", ["a", "0", " a ", "null", "False", "[]", "ü", "\ud800", 1, 2**70, 0.5, 1e300], ids=repr
)
def test_text_that_is_not_blank_and_number_above_zero_are_ids(value: Any) -> None:
    """An id is returned as it came."""
    assert id_of(value) == value
    assert type(id_of(value)) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " ", "\t", "\r\n", "\u2003", True, False, [], {}, [1], ["a"], {"a": 1}, b"a", msgspec.Raw(b"1")),
        *("\u200b", "\ufeff", " \u2060\n", "\x00"),
        *(0, 0.0, -0.0, -1, -0.5, float("nan"), -float("inf"), float("inf")),
        *("NaN", "Infinity", "-Infinity"),
    ],
    ids=repr,
)
def test_anything_else_is_no_id(value: Any) -> None:
    """Values that services send for a missing id, and values of other types, identify nothing."""
    assert id_of(value) is None


@given(st.text())
def test_digest_of_a_text_is_that_of_the_ledgers_on_disk(text: str) -> None:
    """A text has the digest that every version has written, so delivered events stay delivered."""
    assert id_digest(text) == hashlib.blake2b(text.encode(), digest_size=16).digest()


@given(st.integers(1) | st.floats(0, exclude_min=True, allow_infinity=False))
def test_number_and_its_text_have_two_digests(number: float) -> None:
    """No digest of a number is the digest of its digits as a text."""
    assert id_digest(number) != id_digest(str(number))
