"""How the Flashpoint sandbox behaves where the service is unknown, or may change."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.flashpoint.index import Order
from sandbox.flashpoint.store import Bounds


@dataclass(frozen=True)
class FlashpointSettings:
    """The behaviour of one server.

    :param token: is let in.
    :param forbidden_token: is known, and lacks every right (403).
    :param bounds: which ends of a window belong to it, of indicators by ``header_.indexed_at`` and of
        alerts by ``ts``; nobody outside knows what the service does.
    :param total_hits_header: sends ``x-fp-total-hits``, which old servers may lack.
    :param indicator_order: by time of update, where ``sort_timestamp`` does not say; ``shuffled`` ignores
        ``sort_timestamp`` too.
    :param alert_order: by ``ts``.
    :param latency_s: seconds that each answer of the API takes longer, for benchmarks.
    """

    token: str = field(default="sandbox-flashpoint-token", repr=False)
    forbidden_token: str = field(default="sandbox-flashpoint-token-without-rights", repr=False)
    bounds: Bounds = "[]"
    total_hits_header: bool = True
    indicator_order: Order = "asc"
    alert_order: Order = "desc"
    default_limit: int = 100
    max_limit: int = 1000
    default_size: int = 50
    max_size: int = 100
    scroll_lifetime_s: float = 120.0
    latency_s: float = 0.0
