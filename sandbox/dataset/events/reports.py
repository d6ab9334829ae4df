"""Invented reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.dataset.hostile import hostile_text
from sandbox.dataset.seed import chance, fpid, iso, moment_s, timed_like

Document = dict[str, Any]


def reports(seed: int, count: int, from_: datetime, to: datetime) -> Iterator[Document]:
    """Yield ``count`` reports, updated within ``[from_, to)``, roughly in this order.

    Times have milliseconds and ``+00:00``. Some share the time of the one before.
    """
    for number in range(count):
        like = timed_like(number)
        thousandths = chance(seed, "report", like).randrange(1000) if like % 3 else 0
        yield _document(seed, number, moment_s(seed, like, count, from_, to), thousandths)


def _document(seed: int, number: int, second: int, thousandths: int) -> Document:
    identity = fpid(seed, "report", number)
    text = hostile_text(number) if number % 4 == 1 else f"Report {number}"
    source = {"original": "https://example.org", "platform_url": None, "source": None, "source_id": "", "type": "web"}
    return {
        "id": identity, "title": text, "summary": "" if number % 3 else text, "published_status": "published",
        "platform_url": f"https://app.flashpoint.io/cti/intelligence/report/{identity}", "google_document_id": "g",
        "body": f"<p>{text}</p>\r\n<img src='data:image/png;base64,{'A' * 200}'>", "actors": [""], "assets": [],
        "tags": ["Cybercrime"] if number % 2 else [], "asset_ids": [], "title_asset": None, "is_featured": False,
        "sources": [source][: number % 2], "posted_at": _instant(second - 600, 0), "notified_at": None,
        "ingested_at": _instant(second - 900, 123), "updated_at": _instant(second, thousandths),
        "version_posted_at": _instant(second, thousandths),
    }  # fmt: skip


def _instant(second: int, thousandths: int) -> str:
    return f"{iso(second)[:-1]}.{thousandths:03}+00:00"
