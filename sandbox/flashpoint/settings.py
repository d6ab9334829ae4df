"""Settings of the Flashpoint sandbox, for behaviour of the service that is unknown or may change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sandbox.flashpoint.index import Order
from sandbox.flashpoint.store import Bounds


@dataclass(frozen=True)
class FlashpointSettings:
    """The behaviour of one server.

    :param token: the accepted token.
    :param forbidden_token: a known token without any right (403).
    :param bounds: whether a window includes its ends: by ``header_.indexed_at`` for indicators, by ``ts`` for
        alerts. The service's own rule is not public.
    :param total_hits_header: send ``x-fp-total-hits``, which old servers may lack.
    :param indicator_order: order by update time if a request has no ``sort_timestamp``; ``shuffled`` also ignores
        ``sort_timestamp``.
    :param alert_order: order by ``ts``.
    :param notification_order: ignore the ``sort`` of a request for notifications, and use this order by ``created_at``.
    :param pagination: send ``pagination`` with the pages of Ignite, which clients say may be missing.
    :param result_window_v2: the most indicators of version 2 that ``from`` and ``size`` reach, None for no limit. The
        service's own limit is not public.
    :param vulnerability_request: the one kind of request for vulnerabilities that is served: a GET, a GET of the path
        with a slash, or a POST. Clients differ.
    :param sends_total: send the number of vulnerabilities in the window, which some answers lack.
    :param touched_per_page: how many indicators get a newer version after each page of indicators.
    :param latency_s: seconds added to each answer of the API, for benchmarks.
    """

    token: str = field(default="sandbox-flashpoint-token", repr=False)
    forbidden_token: str = field(default="sandbox-flashpoint-token-without-rights", repr=False)
    bounds: Bounds = "[]"
    total_hits_header: bool = True
    indicator_order: Order = "asc"
    alert_order: Order = "desc"
    notification_order: Order | None = None
    pagination: bool = True
    result_window_v2: int | None = 10_000
    vulnerability_request: Literal["get", "get_slash", "post"] = "get"
    sends_total: bool = True
    touched_per_page: int = 0
    default_limit: int = 100
    max_limit: int = 1000
    default_size: int = 50
    max_size: int = 100
    scroll_lifetime_s: float = 120.0
    latency_s: float = 0.0
