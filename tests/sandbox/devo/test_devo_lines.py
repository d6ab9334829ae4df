"""Cutting the bytes of a syslog connection into lines, and finding the tag of a line."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.devo.lines import UNKNOWN_TAG, LineCutter, TagFinder, parse_header
from sandbox.devo.spool import MemoryBudget, Spool

CUT_MEMBER = gzip.compress(b"a\n")[:-1]
HEADER = b"<14>Jan  1 00:00:00 host my.app.test.x: "


def cutter(wire: bytes) -> LineCutter:
    budget = MemoryBudget(2**30)
    spool = Spool(budget)
    spool.append(wire)
    return LineCutter(spool, Spool(budget))


def cut(wire: bytes) -> tuple[list[bytes], bytes]:
    """Return the lines and the remainder of a connection that received ``wire``."""
    one = cutter(wire)
    lines = [line.content for line in one.advance(len(wire))]
    return lines, one.remainder()


@pytest.mark.parametrize(
    ("wire", "lines", "remainder"),
    [
        (b"", [], b""),
        (b"a\nb\n", [b"a", b"b"], b""),
        (b"a\n\nb\n", [b"a", b"", b"b"], b""),
        (b"a\r\nb\n", [b"a\r", b"b"], b""),
        (b"a\x00b\n", [b"a\x00b"], b""),
        (b"a\nb", [b"a"], b"b"),
        (b"8 <14>a\nb\n", [b"<14>a\nb"], b""),
        (b"5 <14>a5 <14>b", [b"<14>a", b"<14>b"], b""),
        (b"9 <14>a\nb", [], b"9 <14>a\nb"),
        (b"47", [], b"47"),
        (b"12 monkeys\n", [b"12 monkeys"], b""),
        (b"a\n" + gzip.compress(b"b\nc\n") + b"d\n", [b"a", b"b", b"c", b"d"], b""),
        (gzip.compress(b"a\n") + gzip.compress(b"b\n"), [b"a", b"b"], b""),
        (gzip.compress(b""), [], b""),
        (b"\x1f\x8bnot gzip\n", [b"\x1f\x8bnot gzip"], b""),
        (CUT_MEMBER, [], CUT_MEMBER),
    ],
)
def test_frames(wire: bytes, lines: list[bytes], remainder: bytes) -> None:
    """Lines, counted frames and gzip members follow each other, and an incomplete one remains."""
    assert cut(wire) == (lines, remainder)


FRAME = st.one_of(
    st.tuples(st.just("line"), st.binary(max_size=40).filter(lambda b: b"\n" not in b)),
    st.tuples(st.just("counted"), st.binary(max_size=40)),
    st.tuples(st.just("gzip"), st.binary(max_size=40).filter(lambda b: b"\n" not in b)),
)


def encode(kind: str, content: bytes) -> bytes:
    if kind == "line":
        return HEADER + content + b"\n"
    if kind == "gzip":
        return gzip.compress(HEADER + content + b"\n")
    frame = HEADER + content + b"\n"
    return b"%d %s" % (len(frame), frame)


@given(st.lists(FRAME, max_size=8), st.lists(st.integers(0, 400), max_size=5))
def test_frames_are_cut_the_same_way_however_they_arrive(frames: list[tuple[str, bytes]], stops: list[int]) -> None:
    """Cutting in between, even within a frame, does not change the result."""
    wire = b"".join(encode(*frame) for frame in frames)
    one = cutter(wire)
    lines = [line for stop in [*sorted(stops), len(wire)] for line in one.advance(min(stop, len(wire)))]
    assert [line.content for line in lines] == [HEADER + content for _, content in frames]
    assert one.remainder() == b""


@given(st.lists(FRAME, max_size=8))
def test_a_line_is_found_at_its_offset(frames: list[tuple[str, bytes]]) -> None:
    """The offset of a line leads to its content, in received or in inflated bytes."""
    wire = b"".join(encode(*frame) for frame in frames)
    budget = MemoryBudget(2**30)
    spool, inflated = Spool(budget), Spool(budget)
    spool.append(wire)
    for line in LineCutter(spool, inflated).advance(len(wire)):
        source = inflated if line.inflated else spool
        assert source.read(line.offset, len(line.content)) == line.content


@pytest.mark.parametrize("size", [4 * 1024 * 1024 - 1, 4 * 1024 * 1024, 20_000_000])
@pytest.mark.parametrize("kind", ["line", "counted"])
def test_a_line_longer_than_a_block_is_one_line(size: int, kind: str) -> None:
    """A line may be longer than a block of read bytes."""
    wire = encode("line", b"first") + encode(kind, b"x" * size) + encode("line", b"last")
    lines, remainder = cut(wire)
    assert [len(line) - len(HEADER) for line in lines] == [5, size, 4]
    assert remainder == b""


@pytest.mark.parametrize(
    "date",
    [
        "Jan  1 00:00:00",
        "Nov 24 07:56:01",
        "2024-01-02 03:04:05",
        "2024-01-02 03:04:05.678",
        "2024-01-02T03:04:05.678901Z",
        "2024-01-02T03:04:05+01:00",
    ],
)
def test_dates(date: str) -> None:
    """The dates that Devo's clients send are understood."""
    header, start = parse_header(f"<14>{date} host my.app.x: message".encode())
    assert header is not None
    assert (header.date, header.host, header.tag, header.priority) == (date, "host", "my.app.x", 14)
    assert start == len(f"<14>{date} host my.app.x: ")


def test_the_form_of_the_date_is_no_part_of_the_tag() -> None:
    """A tag with a date form names the same table as a tag without one."""
    header, _ = parse_header(b"<14>2024-01-02 03:04:05 host (usd)my.app.x: message")
    assert header is not None
    assert (header.date_form, header.tag) == ("(usd)", "my.app.x")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"message",
        b"<14>",
        b"Jan  1 00:00:00 host my.app.x: m",
        b"<192>Jan  1 00:00:00 host my.app.x: m",
        b"<14>yesterday host my.app.x: m",
        b"<14>Jan  1 00:00:00 my.app.x: m",
        b"<14>Jan  1 00:00:00 host : m",
        b"<14>Jan  1 00:00:00 host None: m",
        b"<14>Jan  1 00:00:00 host my..x: m",
        b"<14>Jan  1 00:00:00 host my.app x: m",
        b"<14>Jan  1 00:00:00 host my.app.x:m",
        b"<14>Jan  1 00:00:00 host my.app.x",
    ],
)
def test_a_line_without_a_proper_header_is_unknown(line: bytes) -> None:
    """A line without a valid header goes whole to the table of unknown lines."""
    assert TagFinder().find(line) == (UNKNOWN_TAG, 0)


def test_a_message_is_found_behind_its_header() -> None:
    """A message begins after one space and may contain header separators."""
    line = HEADER + b"  a: b: c"
    assert TagFinder().find(line) == ("my.app.test.x", len(HEADER))


def test_headers_are_remembered_by_their_whole_text() -> None:
    """Two headers of equal length have separate tags."""
    finder = TagFinder()
    found = [finder.find(HEADER.replace(b"test", tag) + b"m")[0] for tag in (b"aaaa", b"bbbb", b"aaaa")]
    assert found == ["my.app.aaaa.x", "my.app.bbbb.x", "my.app.aaaa.x"]
