"""Base64 texts: whatever a form or a URI did to the text, its content is among the decodings."""

from __future__ import annotations

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.pasted.base64_text import decodings

BREAKS = ["", "\n", "\r\n", "\r", r"\n", r"\r\n", " ", "  "]


def folded(content: bytes, length: int, line_break: str) -> str:
    text = base64.b64encode(content).decode().replace("+", " ")
    return line_break.join(text[start : start + length] for start in range(0, len(text), length))


@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
@given(content=st.binary(min_size=1, max_size=200), length=st.sampled_from([64, 76]))
def test_lines_and_plus_may_have_become_blanks(content: bytes, length: int, line_break: str) -> None:
    """Lines of 64 or 76 characters, joined in any way, with each plus as a blank, except at the start."""
    content = b"M" + content
    assert content in decodings(folded(content, length, line_break))


@pytest.mark.parametrize("at", [0, 1, 63, 64, 65, 75, 76, 77, 128, 129, 151, 152])
def test_a_plus_at_the_end_of_another_length_is_no_line_break(at: int) -> None:
    """A blank where lines of another length would end shows no such lines: the right content comes first."""
    text = "".join(itertools.islice(itertools.cycle("MIIabcd"), 184))
    content = base64.b64decode(text[:at] + "+" + text[at + 1 :])
    assert next(decodings(folded(content, 76, " " if at else "\n"))) == content
