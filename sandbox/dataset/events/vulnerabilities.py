"""Invented vulnerabilities. Their ids are numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox.dataset.hostile import hostile_text
from sandbox.dataset.seed import iso, moment_s, timed_like

Document = dict[str, Any]

_SEVERITIES = ("Critical", "High", "Medium", "Low")


def vulnerabilities(seed: int, count: int, from_: datetime, to: datetime) -> Iterator[Document]:
    """Yield ``count`` vulnerabilities, modified within ``[from_, to)``, roughly in this order.

    Some share the second of the one before. Nulls, empty lists and absent keys occur as in the service's samples.
    """
    for number in range(count):
        yield _document(seed, number, moment_s(seed, timed_like(number), count, from_, to))


def _document(seed: int, number: int, second: int) -> Document:
    # Not in the order of time, since the service sorts by the id.
    identity = 300_000 + seed * 10_000 + (number * 7919) % 9_973
    text = hostile_text(number) if number % 4 == 1 else f"A flaw in the demo product, no. {number}."
    document: Document = {
        "id": identity, "cve_ids": [f"CVE-2026-{number:05}"] if number % 3 else [], "title": f"Demo flaw {number}",
        "description": text, "solution": "" if number % 2 else "Update.", "technical_description": text,
        "keywords": "", "vuln_status": ("Active", "Rejected")[number % 9 == 8],
        "scores": {
            "severity": _SEVERITIES[number % 4], "cvssv3_score": 9.8 if number % 2 else 10, "epss_score": None,
            "epss_v1_score": 0.0004, "ransomware_score": None if number % 3 else "Low",
        },
        "timelines": {
            "published_at": iso(second - 86_400), "last_modified_at": iso(second), "disclosed_at": iso(second - 90_000),
            "exploit_published_at": None, "exploited_in_the_wild_at": iso(second - 60) if number % 5 == 0 else None,
        },
        "exploits_count": number % 3, "products": [{"id": 10 + number % 4, "name": f"Product {number % 4}"}],
        "vendors": [{"id": number % 4, "name": f"Vendor {number % 4}"}], "tags": ["demo"] if number % 2 else [],
        "cwes": [{"cwe_id": 79, "name": "XSS", "source": "NVD", "cve_ids": None}][: number % 2],
        "ext_references": [{"value": "https://example.org/v", "type": "URL", "url": None, "description": None}],
        "cvss_v2s": [], "cvss_v3s": [{"cve_id": None, "score": 9.8}], "cvss_v4s": [],
    }  # fmt: skip
    if number % 4:
        document["classifications"] = [{"name": "remote", "longname": "Remote", "description": text}]
    if number % 2:
        document["exploits"] = [{"value": "demo", "beyond_64_bits": 2**64 + number}]
    return document
