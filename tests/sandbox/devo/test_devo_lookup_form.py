"""Reading forms from a stream."""

from __future__ import annotations

import io
from email.message import Message
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests_toolbelt import MultipartEncoder

from sandbox.devo.lookups.form import read_parts
from sandbox.errors import InvalidSettingError


class Trickle(io.RawIOBase):
    """A body that arrives in pieces of a few bytes."""

    def __init__(self, body: bytes, piece_bytes: int) -> None:
        self._body = io.BytesIO(body)
        self._piece_bytes = piece_bytes

    def read(self, size: int = -1) -> bytes:
        return self._body.read(min(size, self._piece_bytes))


def headers(content_type: str) -> Message:
    made = Message()
    made["Content-Type"] = content_type
    return made


def read(body: bytes, content_type: str, piece_bytes: int = 10**9) -> list[tuple[str, str, bytes]]:
    stream: Any = Trickle(body, piece_bytes)
    return [(part.name, part.content_type, part.body.read()) for part in read_parts(stream, headers(content_type))]


@given(
    st.lists(st.binary(max_size=200) | st.just(b"\r\n--boundar") | st.just(b"\r\n--boundary?"), max_size=4),
    st.integers(1, 50),
)
def test_parts_come_out_as_they_went_in(bodies: list[bytes], piece_bytes: int) -> None:
    """Any part, arriving in any pieces, is returned unchanged."""
    fields = [(f"part{i}", (f"file{i}", body, "text/csv")) for i, body in enumerate(bodies)]
    encoder = MultipartEncoder(fields, boundary="boundary!")
    expected = [(f"part{i}", "text/csv", body) for i, body in enumerate(bodies)]
    assert read(encoder.to_string(), encoder.content_type, piece_bytes) == expected


def test_a_part_left_unread_is_skipped() -> None:
    """The next part starts at its own first byte, however much was read of the one before."""
    encoder = MultipartEncoder([("a", ("a", b"x" * 1_000_000, "text/csv")), ("b", ("b", b"y", "text/csv"))])
    parts = read_parts(io.BytesIO(encoder.to_string()), headers(encoder.content_type))
    assert [(part.name, part.body.read(3)) for part in parts] == [("a", b"xxx"), ("b", b"y")]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--b--\r\n", "text/csv"),
        (b"--b--\r\n", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\ncut', "multipart/form-data; boundary=b"),
        (b"--b\r\nContent-Type: text/csv\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
        (b"--b\r\n" + b"x" * 100_000, "multipart/form-data; boundary=b"),
    ],
)
def test_an_invalid_form_is_refused(body: bytes, content_type: str) -> None:
    """A wrong type, no boundary, a missing end, a part without a name or without an end of headers is refused."""
    with pytest.raises(InvalidSettingError):
        read(body, content_type)
