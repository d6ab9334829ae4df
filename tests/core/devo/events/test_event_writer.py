"""Sends, batches, confirmation and repetition, without a network."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

import pytest
from devo_peers import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.errors import AuthenticationError, DataError, DeliveryError, NetworkError


class FakeChannel:
    """A channel whose peer reads what was sent when it confirms; calls can be made to fail.

    ``breaks`` says for each send or confirm in turn whether it breaks, and how much of what was sent on the
    connection the peer has read by then, from 0 to 1; afterwards nothing breaks.
    """

    send_bytes = 128 * 1024
    max_line_bytes: int | None = None

    def __init__(
        self,
        breaks: Sequence[float | None] = (),
        error: BaseException | None = None,
        *,
        confirms_each_send: bool = False,
    ) -> None:
        self.connections = 0
        self._confirms_each_send = confirms_each_send
        self.sends: list[bytes] = []
        self.read: Counter[bytes] = Counter()
        self._breaks: Iterator[float | None] = iter(breaks)
        self._error = error or NetworkError("The connection to Devo broke: reset.")
        self._on_way: list[bytes] | None = None

    def frame(self, lines: Sequence[bytes]) -> bytes:
        return b"".join(lines)

    def send(self, data: bytes) -> bool:
        if self._on_way is None:
            self._on_way = []
            self.connections += 1
        self._on_way += data.splitlines(keepends=True)
        self._perhaps_break()
        self.sends.append(data)
        if self._confirms_each_send:
            self._receive()
        return self._confirms_each_send

    def confirm(self, *, goes_on: bool = False) -> None:
        self._perhaps_break()
        self._receive()

    def check(self) -> None:
        """Nothing stands against sending."""

    def abandon(self) -> None:
        self._on_way = None

    def _receive(self) -> None:
        self.read.update(self._on_way or ())
        self._on_way = None

    def _perhaps_break(self) -> None:
        part = next(self._breaks, None)
        if part is not None:
            on_way = self._on_way or []
            self.read.update(on_way[: int(len(on_way) * part)])
            raise self._error


def lines_of(count: int, size: int = 100) -> list[bytes]:
    """Return ``count`` different lines of ``size`` bytes."""
    return [b"%0*d\n" % (size - 1, number) for number in range(count)]


def test_lines_are_collected_into_sends() -> None:
    """A send goes out before it would grow too long, and holds whole lines in order."""
    channel = FakeChannel()
    writer = EventWriter(channel, send_bytes=1000)
    lines = lines_of(25)
    writer.write(lines)
    assert channel.sends == [b"".join(lines[:10]), b"".join(lines[10:20])]


def test_default_send_is_what_suits_the_channel() -> None:
    """By default, each send has the best size for the channel, less the next line."""
    channel = FakeChannel()
    writer = EventWriter(channel)
    writer.write(lines_of(2000, size=1000))
    assert len(channel.sends) > 10
    assert all(channel.send_bytes - 1000 < len(data) <= channel.send_bytes for data in channel.sends)


def test_send_is_never_longer_than_the_channel_can_carry() -> None:
    """A larger ``send_bytes`` does not make a send that would be refused."""
    channel = FakeChannel()
    channel.max_line_bytes = 1000
    EventWriter(channel, send_bytes=5000).write(lines_of(25))
    assert [len(data) for data in channel.sends] == [1000, 1000]


def test_one_line_may_be_given_alone() -> None:
    """Bytes are one line, not a sequence of numbers."""
    channel = FakeChannel()
    writer = EventWriter(channel)
    writer.write(b"alone\n")
    assert writer.confirm() == 1
    assert channel.read == {b"alone\n": 1}


def test_line_longer_than_send_and_batch_is_sent_alone() -> None:
    """A line beyond all sizes is sent by itself and confirmed like any other."""
    channel = FakeChannel()
    writer = EventWriter(channel, send_bytes=100, batch_bytes=200)
    writer.write([b"small\n", b"x" * 1_000_000 + b"\n", b"small too\n"])
    assert writer.confirm() == 3
    assert len(channel.read) == 3


def test_confirm_sends_the_rest() -> None:
    """Confirm also sends and confirms lines that did not fill a send."""
    channel = FakeChannel()
    writer = EventWriter(channel)
    writer.write(lines_of(3))
    assert channel.sends == []
    assert writer.confirm() == 3
    assert channel.read == Counter(lines_of(3))


def test_confirm_counts_lines_since_the_last_call() -> None:
    """Confirm returns the number of lines since its last call, including those that a full batch confirmed before."""
    writer = EventWriter(FakeChannel(), send_bytes=100, batch_bytes=1000)
    writer.write(lines_of(50))
    assert writer.statistics.confirms > 0
    assert writer.confirm() == 50
    writer.write(lines_of(7))
    assert writer.confirm() == 7
    assert writer.confirm() == 0


def test_full_batch_confirms_by_itself() -> None:
    """Sent and unconfirmed lines never exceed the batch."""
    channel = FakeChannel()
    writer = EventWriter(channel, send_bytes=100, batch_bytes=1000)
    for line in lines_of(95):
        writer.write(line)
        assert sum(map(len, writer.unconfirmed_lines())) - 100 <= 1000
    assert writer.unconfirmed == sum(1 for _ in writer.unconfirmed_lines())


def test_break_sends_the_unconfirmed_again(clock: FakeClock) -> None:
    """After a break, all unconfirmed lines are sent over a new connection, and are counted as repeated."""
    channel = FakeChannel(breaks=[None, None, 0.0])
    writer = EventWriter(channel, send_bytes=1000, sleep=clock.sleep)
    writer.write(lines_of(20))
    assert writer.confirm() == 20
    assert channel.read == Counter(lines_of(20))
    assert writer.statistics.repeated == 20
    assert writer.statistics.connections == 2


def test_first_attempts_are_not_repeats(clock: FakeClock) -> None:
    """Lines that were never sent before do not count as repeated."""
    channel = FakeChannel(breaks=[None, 0.0])
    writer = EventWriter(channel, send_bytes=1000, sleep=clock.sleep)
    writer.write(lines_of(30))
    writer.confirm()
    assert writer.statistics.repeated == 20


def test_attempts_run_out(clock: FakeClock) -> None:
    """After the last attempt the error counts all unconfirmed lines, including those never sent."""
    channel = FakeChannel(breaks=[0.0] * 3)
    writer = EventWriter(channel, send_bytes=1000, max_attempts=3, sleep=clock.sleep)
    with pytest.raises(DeliveryError, match=r"10 lines in 3 attempts.*reset") as caught:
        writer.write(lines_of(25))
    assert caught.value.unconfirmed == 10
    assert clock.sleeps == [1.0, 2.0]


def test_waits_grow_to_a_limit(clock: FakeClock) -> None:
    """Each wait doubles the one before, up to half a minute."""
    writer = EventWriter(FakeChannel(breaks=[0.0] * 8), max_attempts=8, sleep=clock.sleep)
    writer.write(b"x\n")
    with pytest.raises(DeliveryError):
        writer.confirm()
    assert clock.sleeps == [1, 2, 4, 8, 16, 30, 30]


def test_lines_are_kept_when_attempts_run_out(clock: FakeClock) -> None:
    """After a DeliveryError the lines can be read, and the next confirm delivers them."""
    channel = FakeChannel(breaks=[0.0] * 2)
    writer = EventWriter(channel, max_attempts=2, sleep=clock.sleep)
    writer.write(lines_of(5))
    with pytest.raises(DeliveryError):
        writer.confirm()
    assert list(writer.unconfirmed_lines()) == lines_of(5)
    assert writer.confirm() == 5
    assert channel.read == Counter(lines_of(5))


def test_batch_bounds_what_a_break_repeats(clock: FakeClock) -> None:
    """A break repeats lines of one batch only, at any point."""
    for strikes_at in range(60):
        channel = FakeChannel(breaks=[None] * strikes_at + [1.0])
        writer = EventWriter(channel, send_bytes=300, batch_bytes=1000, sleep=clock.sleep)
        writer.write(lines_of(100))
        writer.confirm()
        assert set(channel.read) == set(lines_of(100))
        assert channel.read.total() - 100 <= writer.statistics.repeated <= 1000 // 100


def test_send_that_is_confirmed_is_not_repeated(clock: FakeClock) -> None:
    """Where each send is confirmed by itself, a break repeats one send, and confirmed lines are forgotten."""
    channel = FakeChannel(breaks=[None, None, 1.0], confirms_each_send=True)
    writer = EventWriter(channel, send_bytes=1000, sleep=clock.sleep)
    writer.write(lines_of(31))
    assert list(writer.unconfirmed_lines()) == lines_of(31)[30:]
    assert writer.confirm() == 31
    assert channel.read.total() - 31 == writer.statistics.repeated == 10


@pytest.mark.parametrize(("asked_s", "sleeps"), [(7.5, [7.5]), (0.0, [1.0]), (-5.0, [1.0]), (301.0, [])])
def test_wait_that_was_asked_for(clock: FakeClock, asked_s: float, sleeps: list[float]) -> None:
    """The wait that the peer asks for is respected if it is more than ours; one beyond five minutes raises an error."""
    error = NetworkError("Devo asks to wait.")
    error.retry_after_s = asked_s
    writer = EventWriter(FakeChannel(breaks=[0.0], error=error), sleep=clock.sleep)
    writer.write(b"x\n")
    with nullcontext() if sleeps else pytest.raises(DeliveryError, match="1 lines in 1 attempts"):
        writer.confirm()
    assert clock.sleeps == sleeps


@pytest.mark.parametrize(("own", "channels"), [(None, 10), (10, None), (10, 20), (20, 10)])
def test_longest_line_is_the_lesser_limit(own: int | None, channels: int | None) -> None:
    """A line longer than the limit of the connection or of the channel is refused when it is encoded."""
    channel = FakeChannel()
    channel.max_line_bytes = channels
    writer = EventWriter(channel, max_line_bytes=own)
    assert writer.encode("x" * 7) == b'"xxxxxxx"\n'
    with pytest.raises(DataError, match="11 bytes"):
        writer.encode("x" * 8)


def test_each_call_has_all_attempts(clock: FakeClock) -> None:
    """A call after a DeliveryError may fail as often as the first."""
    writer = EventWriter(FakeChannel(breaks=[0.0] * 5), max_attempts=3, sleep=clock.sleep)
    writer.write(b"x\n")
    with pytest.raises(DeliveryError):
        writer.confirm()
    assert writer.confirm() == 1


def test_confirmation_forgives_earlier_breaks(clock: FakeClock) -> None:
    """Only failures in a row count: a long run with occasional breaks continues."""
    writer = EventWriter(FakeChannel(breaks=[0.0, None, None] * 20), max_attempts=2, sleep=clock.sleep)
    for line in lines_of(20):
        writer.write(line)
        writer.confirm()
    assert writer.statistics.confirmed == 20


def test_refusal_is_not_repeated(clock: FakeClock) -> None:
    """A permanent error is raised at once; the lines stay unconfirmed."""
    writer = EventWriter(FakeChannel(breaks=[0.0], error=AuthenticationError("no")), sleep=clock.sleep)
    writer.write(b"x\n")
    with pytest.raises(AuthenticationError):
        writer.confirm()
    assert clock.sleeps == []
    assert writer.unconfirmed == 1


def test_nothing_follows_a_send_that_was_cut(clock: FakeClock) -> None:
    """After an interrupt during a send, the next send uses a new connection, from the start of the batch."""
    channel = FakeChannel(breaks=[0.0], error=KeyboardInterrupt())
    writer = EventWriter(channel, send_bytes=1000, sleep=clock.sleep)
    with pytest.raises(KeyboardInterrupt):
        writer.write(lines_of(11))
    assert writer.confirm() == 10
    assert channel.connections == 2
    assert channel.read == Counter(lines_of(10))


@pytest.mark.parametrize("line", [b"", b"no end", b"two\nlines\n", b"\n\n", b"two\nlines"])
def test_what_is_no_line_is_refused(line: bytes) -> None:
    """Bytes that do not end with their only newline, and would forge or merge events, raise a DataError."""
    channel = FakeChannel()
    writer = EventWriter(channel)
    with pytest.raises(DataError):
        writer.write([b"good\n", line, b"never seen\n"])
    assert writer.confirm() == 1
    assert channel.read == {b"good\n": 1}


def test_context_confirms_at_its_end() -> None:
    """Leaving the context without an error confirms."""
    channel = FakeChannel()
    with EventWriter(channel) as writer:
        writer.write(b"x\n")
    assert channel.read == {b"x\n": 1}
    assert writer.unconfirmed == 0


def test_context_does_not_pretend_after_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """After an error in the context, nothing more is sent or confirmed, and the log counts the unconfirmed lines."""
    channel = FakeChannel()
    with caplog.at_level(logging.INFO), pytest.raises(ZeroDivisionError), EventWriter(channel) as writer:
        writer.write(lines_of(3))
        raise ZeroDivisionError
    assert channel.sends == []
    assert writer.unconfirmed == 3
    assert "3 lines stay unconfirmed" in caplog.text


def test_closed_writer_takes_nothing() -> None:
    """Writing after close raises an error; closing again does nothing."""
    writer = EventWriter(FakeChannel())
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"x\n")


def test_writer_without_lines_connects_nowhere() -> None:
    """Confirming nothing makes no connection."""
    channel = FakeChannel()
    with EventWriter(channel) as writer:
        assert writer.confirm() == 0
    assert channel.connections == 0


def test_statistics_tell_lines_bytes_and_sends() -> None:
    """The counters add up to what was written."""
    writer = EventWriter(FakeChannel(), send_bytes=1000)
    writer.write(lines_of(25))
    writer.confirm()
    statistics = writer.statistics
    assert (statistics.lines, statistics.bytes, statistics.sends) == (25, 2500, 3)
    assert (statistics.confirmed, statistics.confirms, statistics.repeated, statistics.connections) == (25, 1, 0, 1)


@given(
    breaks=st.lists(st.none() | st.floats(0, 1), max_size=60),
    pages=st.lists(st.integers(0, 30), max_size=8),
)
def test_no_line_is_lost_whatever_breaks(breaks: list[float | None], pages: list[int]) -> None:
    """Each line that counts as confirmed was read at least once, wherever connections broke."""
    channel = FakeChannel(breaks)
    writer = EventWriter(channel, send_bytes=300, batch_bytes=900, max_attempts=3, sleep=lambda _: None)
    lines = iter(lines_of(sum(pages)))
    written: list[bytes] = []
    for count in pages:
        page = [next(lines) for _ in range(count)]
        written += page
        try:
            writer.write(page)
            writer.confirm()
        except DeliveryError as error:
            kept = list(writer.unconfirmed_lines())
            assert error.unconfirmed == len(kept)
            confirmed = written[: writer.statistics.confirmed]
            assert set(confirmed) <= set(channel.read)
            return
        assert set(written) == set(channel.read)
