"""Invented sightings of compromised credentials, as the search returns them. Their passwords and cookies are secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.dataset.hostile import hostile_text
from sandbox.dataset.seed import chance, fpid, iso, moment_s, timed_like

Document = dict[str, Any]

MARKER = "hunter2-of-the-sandbox"
"""Every secret text contains this, so that a test can look for it anywhere."""
NUMBER_MARKER = 31_337_000_531
"""The secrets that are numbers."""


def credentials(seed: int, count: int, from_: datetime, to: datetime) -> Iterator[Document]:
    """Yield ``count`` hits of the search, indexed within ``[from_, to)``, roughly in this order.

    Every third one comes from a stealer, with cookies and an infected host. Nulls, absent keys and other shapes of
    ``password``, ``body`` and ``cookies`` occur. Some share the second of the one before.
    """
    for number in range(count):
        yield _document(seed, number, moment_s(seed, timed_like(number), count, from_, to))


def _document(seed: int, number: int, second: int) -> Document:
    identity = fpid(seed, "credential", number)
    domain = f"corp{number % 4}.example"
    password = f"{MARKER} {hostile_text(number)}" if number % 4 else f"{MARKER}-{number}"
    source: Document = {
        "fpid": identity if number % 3 else fpid(seed, "sighting", number), "basetypes": ["credential-sighting"],
        "credential_record_fpid": fpid(seed, "record", number), "customer_id": fpid(seed, "customer"),
        "email": f"user{number}@{domain}", "domain": domain, "username": f"user{number}",
        "password": password, "body": {"raw": f"user{number}@{domain}:{password}\r\n"},
        "is_fresh": number % 4 == 1, "times_seen": number % 7 + 1,
        "header_": {"indexed_at": second, "pipeline_duration": 63_000_000_000 + number},
        "last_observed_at": {"date-time": iso(second - 90), "timestamp": second - 90},
        "breach": {
            "fpid": fpid(seed, "breach", number % 3), "title": hostile_text(number // 4), "victim": "Acme",
            "source": "Analyst Research", "source_type": "Forum", "breach_type": "credential", "_header": {},
            "created_at": {"date-time": iso(second - 86_400 * 300), "timestamp": second - 86_400 * 300},
        },
        "password_complexity": {
            "length": 12, "has_lowercase": True, "has_uppercase": False, "has_number": True, "has_symbol": False,
            "probable_hash_algorithms": ["MD5"] if number % 2 else [],
        },
    }  # fmt: skip
    if number % 3 == 0:
        source |= _of_a_stealer(seed, number)
    _SHAPES[number % len(_SHAPES)](source)
    hit: Document = {"_id": identity, "_type": "_doc", "_source": source, "matched_queries": []}
    if chance(seed, "sort", number).random() < 0.5:
        hit["sort"] = [second]
    return hit


def _of_a_stealer(seed: int, number: int) -> Document:
    site = f"login{number % 5}.example"
    return {
        "affected_domain": site, "affected_url": f"https://{site}/sign-in?user={number}",
        "cookies": [{"name": "sid", "domain": site, "value": f"{MARKER}; {number}", "expires": None}, {"name": "n"}],
        "infected_host_attributes": {
            "fpid": fpid(seed, "host", number), "ip": f"198.51.100.{number % 250}", "host_id": None,
            "machine": {"user": "demo", "extra": [{"key": "os", "value": "Windows"}], "installed_software": []},
            "malware": {"family": "tinstealer", "version": None}, "isp": {"name": None}, "location": {},
        },
    }  # fmt: skip


def _as_it_is(source: Document) -> None:
    """Leave the document in the shape of the service's samples."""


def _nulls(source: Document) -> None:
    source |= {"password": None, "body": None, "cookies": None, "username": None}


def _absent(source: Document) -> None:
    for name in ("password", "body", "username"):
        source.pop(name)


def _other_shapes(source: Document) -> None:
    source |= {
        "password": NUMBER_MARKER, "body": f"{MARKER} as a text", "body.raw": MARKER,
        "cookies": {"name": "sid", "value": MARKER}, "original_password": [MARKER, {"text": MARKER}],
    }  # fmt: skip


def _deeper(source: Document) -> None:
    source["breach"] |= {"body": {"raw": MARKER}, "credentials": [[{"Password": MARKER, "login": "demo"}]]}
    cookie = {"value": MARKER, "data": {"value": MARKER}, "raw": f"sid={MARKER}", "name": {"text": MARKER}}
    source |= {"original_password": MARKER, "cookies": [[{"value": {"text": MARKER}}, cookie], f"sid={MARKER}"]}


def _repeated(source: Document) -> None:
    source["body"] = {"raw": MARKER, "text/plain": MARKER}
    source |= {"passwords": [MARKER], "password_hash": MARKER}
    source["affected_url"] = f"https://user:{MARKER}@login.example/?user=user@corp.example"
    source["highlight"] = {"body.raw": [MARKER], "password": [MARKER], "email": ["<em>user</em>"]}


_SHAPES = (_as_it_is, _nulls, _as_it_is, _other_shapes, _as_it_is, _deeper, _as_it_is, _repeated, _absent)
