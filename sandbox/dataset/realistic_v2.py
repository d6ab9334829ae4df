"""Indicators of version 2 of realistic size and shape, with all embedded parts: nested, about 2.4 kB.

Keys, kinds and sizes follow sample documents of the service; all values are invented.
"""

from __future__ import annotations

from random import Random
from typing import Any

from sandbox.dataset.realistic_event import FAMILIES
from sandbox.dataset.seed import chance, iso
from sandbox.dataset.templates import TemplateBlock

Document = dict[str, Any]

_BASE = "https://api.flashpoint.io/technical-intelligence/v2"


class RealisticIndicatorsV2(TemplateBlock):
    """Indicators of one type in the shape of ``/technical-intelligence/v2/indicators?embed=all``."""

    def body(self, offset: int) -> bytes:
        """Return the JSON of the indicator at ``offset``."""
        modified = self.time_s(offset)
        return self.template(offset).fill({
            "id": self.identity(offset),
            "value": self.value(offset),
            "modified": iso(modified),
            "seen": iso(modified - 366 - offset * 37 % 290),
            "created": iso(modified - 86_400 * (offset % 400 + 1)),
            "total": offset % 2000,
        })

    def document(self, kind: str, seed: int, turn: int) -> Document:
        """Return one template: which optional keys it has, and the texts that do not differ by record."""
        random = chance(seed, "realistic v2", turn)
        family = FAMILIES[turn % len(FAMILIES)]
        latest = _sighting(random, family)
        document: Document = {
            "id": "@id@",
            "type": kind,
            "value": "@value@",
            "entity_type": "indicator",
            "href": f"{_BASE}/indicators/@id@",
            "score": {"value": random.choice(("malicious", "suspicious", "informational")), "last_scored_at": "@seen@"},
            "modified_at": "@modified@",
            "created_at": "@created@",
            "last_seen_at": "@seen@",
            "sort_date": "@seen@",
            "platform_urls": {"ignite": "https://app.flashpoint.io/cti/malware/iocs/@id@"},
            "sightings": [latest],
            "latest_sighting": latest,
            "total_sightings": "@#total@",
            "apt_description": "N/A" if turn % 3 else f"<p>{family} is an <em>invented</em> group.</p>" * 3,
            "malware_description": f"<p>{family} is an <em>invented</em> loader &amp; backdoor.</p>" * 4,
            "external_references": [{"source_name": "Demo blog", "url": f"https://example.org/{family}"}],
            "mitre_attack_ids": _techniques(),
            "relationships": {
                "iocs": [{"id": "@id@", "type": kind, "value": "@value@", "href": f"{_BASE}/indicators/@id@"}]
            },
        }
        return document if turn % 4 else document | {"score": {**document["score"], "raw_score": 70}}


def _sighting(random: Random, family: str) -> Document:
    return {
        "id": "@id@",
        "href": f"{_BASE}/sightings/@id@",
        "source": random.choice(("flashpoint_extraction", "flashpoint_detection", "external_intelligence")),
        "sighted_at": "@seen@",
        "tags": [f"malware:{family}", "actor:invented group", "type:c2", "os:windows"][: random.randrange(1, 5)],
        "description": f"Observation: {family} [@seen@]",
        "related_iocs": [],
        "mitre_attack_ids": _techniques(),
        "apt_description": "N/A",
        "malware_description": f"<p>{family} is an <em>invented</em> loader &amp; backdoor.</p>",
    }


def _techniques() -> list[Document]:
    return [{"id": "T1071", "name": "Application Layer Protocol", "tactics": ["Command and Control"]}]
