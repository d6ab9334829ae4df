"""Events over syslog: our writer, devo-sdk's ``Sender.send``, and prebuilt bytes over a bare socket.

All send the same messages. Each is done when the peer has read everything and ended the connection.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.case import LIMIT, OURS, SDK, Bar, Case, Contender, Measured, Work
from benchmarks.connections import event_writer, sdk_sender, send_bare
from benchmarks.scene import TAG, messages

_COUNT = 100_000
_BLOCK_BYTES = 256 * 1024
_STALL_S = 1.0
_RATE_OF_PREBUILT = {1000: 0.95, 100: 0.85}


def ours(work: Work, transport: str, size_bytes: int, **options: Any) -> Measured:
    """Send lines as `EventWriter.encode` makes them, until they are confirmed."""
    lines = [f"{message}\n".encode() for message in messages(work.count, size_bytes)]
    connect = event_writer(work, transport, **options)

    def run() -> int:
        with connect() as writer:
            writer.write(lines)
        return writer.statistics.confirmed

    return run


def devo_sdk(work: Work, transport: str, size_bytes: int) -> Measured:
    """Send each text with one call, as devo-sdk documents it; ``close`` waits for the peer to end."""
    texts = messages(work.count, size_bytes)
    connect = sdk_sender(work, transport)

    def run() -> int:
        sender = connect()
        sent = sum(sender.send(tag=TAG, msg=text) for text in texts)
        sender.close()
        return sent

    return run


def limit(work: Work, transport: str, size_bytes: int) -> Measured:
    """Send the same bytes in blocks of 256 KiB, built before the clock starts."""
    from airflow_provider_flashpoint.core.devo.connection.header import syslog_header

    header = syslog_header(TAG).decode()
    stream = "".join(f"{header}{message}\n" for message in messages(work.count, size_bytes)).encode()
    blocks = [stream[at : at + _BLOCK_BYTES] for at in range(0, len(stream), _BLOCK_BYTES)]

    def run() -> int:
        send_bare(work, transport, blocks)
        return work.count

    return run


def _case(transport: str, size_bytes: int, *, stalls: bool = False) -> Case:
    name = f"events-{transport}-{size_bytes}{'-stall' if stalls else ''}"
    ways = {OURS: ours, SDK: devo_sdk, LIMIT: limit}
    bars = [Bar(f"{name}: events lost", "lost", at_most=0)]
    if transport == "tls" and not stalls:
        text = f"events over TLS, {size_bytes} B: rate of prebuilt bytes, times"
        bars.append(Bar(text, "rate", to=LIMIT, at_least=_RATE_OF_PREBUILT[size_bytes]))
    stall = {"stall_after_bytes": _COUNT * size_bytes // 10, "stall_s": _STALL_S} if stalls else {}
    return Case(
        name=name,
        title=f"events of {size_bytes} B, {transport.upper()}{f', peer stalls {_STALL_S:.0f} s' if stalls else ''}",
        unit="events",
        count=_COUNT,
        contenders={
            way: Contender(partial(prepare, transport=transport, size_bytes=size_bytes), arrives_as="events")
            for way, prepare in ways.items()
        },
        bars=tuple(bars),
        server={"sink": True, **stall},
        runs=3 if stalls else None,
    )


CASES = [
    *(_case(transport, size_bytes) for transport in ("tls", "tcp") for size_bytes in (1000, 100)),
    *(_case(transport, 1000, stalls=True) for transport in ("tls", "tcp")),
]
