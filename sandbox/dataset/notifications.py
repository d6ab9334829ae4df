"""Invented notifications, the alerts of Ignite."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.dataset.hostile import hostile_text, large_text
from sandbox.dataset.indicators_v2 import instant
from sandbox.dataset.seed import chance, fpid, iso, moment_s, observed, uuid

Document = dict[str, Any]

_US_PER_S = 1_000_000
_ANALYSIS = {"safe_search": {"adult": 1, "medical": 1, "racy": 1, "spoof": 1, "violence": 1}}


def notifications(
    seed: int, count: int, from_: datetime, to: datetime, *, with_large_value: bool = False
) -> Iterator[Document]:
    """Yield ``count`` notifications with ``created_at`` within ``[from_, to)``, roughly in this order.

    Kinds rotate: chat, code, media (whose ``media_v2`` is a list or an object), an asset, a digest of vulnerabilities.
    Some share the microsecond of the one before. Some texts are hostile.

    :param with_large_value: give one notification a text of about 1 MB.
    """
    moment_us, end_us = 0, round(to.timestamp() * _US_PER_S)
    for number in range(count):
        fraction = chance(seed, "notification", number).randrange(_US_PER_S) if number % 5 else 0
        if number % 6 not in (3, 4):
            moment_us = min(moment_s(seed, number, count, from_, to) * _US_PER_S + fraction, end_us - 1)
        document = _document(seed, number, moment_us)
        if with_large_value and number == count // 2:
            document["highlight_text"] = large_text()
        yield document


def _document(seed: int, number: int, moment_us: int) -> Document:
    kind = number % 5
    source, data_type, parent, origin, key = (
        ("communities", "chat", None, "searches", "body.text/plain"),
        ("data_exposure__github", "github", None, "searches", "snippet"),
        ("media", "media", "mastodon", "searches", "media_v2.image_enrichment.enrichments.v1.image-analysis.text"),
        (None, "unknown", None, "assets", "ports"),
        ("vulnerabilities", "vulnerability", None, "vuln-alerting", "title"),
    )[kind]
    text = hostile_text(number // 4) if number % 4 == 1 else f"sell <mark>acme</mark> access no. {number}"
    details: Document = {"sources": [source], "params": {"include": {"date": {"start": "now-30d"}}, "exclude": {}}}
    return {
        "id": uuid(seed, "notification", number), "source": source, "data_type": data_type, "parent_data_type": parent,
        "status": (None, "flagged", "archived", "sent")[number % 4], "is_read": number % 2 == 0,
        "tags": ({}, {"triage": True}, None)[number % 3],
        "generated_at": instant(moment_us - 4_470_132) if number % 2 else iso(moment_us // _US_PER_S - 20),
        "created_at": instant(moment_us), "highlight_text": text, "highlights": {key: [text]},
        "reason": {
            "id": uuid(seed, "reason", number % 3), "name": f"watch {number % 3}", "text": "acme" if kind else "",
            "origin": origin, "details": {"type": "ipv4s"} if origin == "assets" else details,
            "entity": {"id": "000000000000000001", "name": "Acme", "type": "organization"} if number % 2 else None,
        },
        "resource": _resource(seed, number, kind, moment_us // _US_PER_S - 60),
    }  # fmt: skip


def _resource(seed: int, number: int, kind: int, second: int) -> Document:
    resource: Document = {"id": fpid(seed, "resource", number)}
    if kind == 0:
        container = {"name": "demo channel", "native_id": "100001", "container": {"title": "demo server"}}
        return resource | {
            "basetypes": ["chat", "conversation", "message"], "title": "demo", "section": "demo",
            "container": container, "created_at": observed(second), "sort_date": iso(second),
            "site": {"title": "Telegram"}, "site_actor": {"names": {"handle": "seller 👻"}, "native_id": "77"},
        }  # fmt: skip
    if kind == 1:
        return resource | {
            "basetypes": ["code", "file", "github"], "file": "a b/index.html", "owner": "demo", "repo": "demo.io",
            "source": "github", "snippet": f"token=acme\r\n{hostile_text(number)}", "url": "https://github.example/demo",
        }  # fmt: skip
    if kind == 2:
        media = {"sha1": fpid(number), "phash": "9a996984a473e3c7", "mime_type": "image/jpeg",
                 "image_enrichment": {"enrichments": {"v1": {"image-analysis": _ANALYSIS}}}}  # fmt: skip
        return resource | {"basetypes": ["media"], "media_v2": [media] if number % 2 else media}
    if kind == 3:
        host = {"asn": "AS64500", "country": "Nowhere", "org": "Demo LLC", "vulns": []}
        return resource | {"basetypes": ["infrastructure", "shodan"], "source": "shodan", "shodan_host": host}
    vulnerability = {"vuln_id": 312_000 + number, "title": "demo", "cvss_v3": 9.8, "epss": None, "description": ""}
    return resource | {"basetypes": ["vulnerability"], "vulns": [vulnerability] * (number % 25)}
