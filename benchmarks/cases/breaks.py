"""Connections that break in the middle of a stream: how many events are lost, and how many are repeated."""

from __future__ import annotations

from functools import partial

from benchmarks.case import OURS, SDK, Bar, Case, Contender, Measured, Work
from benchmarks.cases import events
from benchmarks.connections import sdk_sender
from benchmarks.scene import TAG, messages

_COUNT = 60_000
_SIZE_BYTES = 1000
_BATCH_BYTES = 16 * 1024 * 1024
_AFTER_BYTES = 10_000_000  # within one of our batches
_ACTIONS = {
    "reset": {},
    "close": {},
    "stall_then_close": {"stall_s": 1.0},
    "half_close": {"stall_s": 2.0},
    "trickle": {"chunk_bytes": 65_536, "pause_s": 0.002},
}


def devo_sdk(work: Work, transport: str) -> Measured:
    """Send each text with one call. A call that raises is not repeated, since devo-sdk does not say what it lost."""
    from devo.sender import DevoSenderException

    texts = messages(work.count, _SIZE_BYTES)
    connect = sdk_sender(work, transport)

    def run() -> int:
        sender = connect()
        sent = 0
        for text in texts:
            try:
                sent += sender.send(tag=TAG, msg=text)
            except DevoSenderException:
                continue
        sender.close()
        return sent

    return run


def _case(transport: str, action: str) -> Case:
    what = f"{action.replace('_', ' ')} over {transport.upper()}"
    return Case(
        name=f"break-{transport}-{action}",
        title=f"peer: {what}",
        unit="events",
        count=_COUNT,
        contenders={
            OURS: Contender(
                partial(events.ours, transport=transport, size_bytes=_SIZE_BYTES, batch_bytes=_BATCH_BYTES),
                arrives_as="events"
            ),
            SDK: Contender(partial(devo_sdk, transport=transport), arrives_as="events"),
        },
        bars=(
            Bar(f"{what}: events lost", "lost", at_most=0),
            Bar(f"{what}: events repeated, at most one batch", "repeated", at_most=_BATCH_BYTES // _SIZE_BYTES),
        ),
        server={"ids": True, "syslog_fault": {"action": action, "after_bytes": _AFTER_BYTES, **_ACTIONS[action]}},
        runs=1,
    )  # fmt: skip


CASES = [_case(transport, action) for transport in ("tls", "tcp") for action in _ACTIONS]
