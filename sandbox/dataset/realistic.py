"""Legacy indicators of realistic size and shape: nested, 4 to 7 kB, 60 to 75 columns when flattened.

Keys, kinds, sizes and the order of times follow sample documents of the service; all values are invented. The
attributes of one event follow each other and share its tags, galaxy and related events, as in the real feed.
"""

from __future__ import annotations

from typing import Any

from sandbox.dataset.realistic_event import FAMILIES, realistic_event, realistic_tags
from sandbox.dataset.seed import chance, iso
from sandbox.dataset.templates import TemplateBlock

Document = dict[str, Any]

_ATTRIBUTES_PER_EVENT = 7
_FIRST_EVENT = 1 << 40  # identities of events begin behind those of indicators
_BASE = "https://fp.tools/api/v4/indicators"
# Enrichers that leave a mark in ``_meta``; the marks are 23 columns.
_ENRICHERS = (
    "urls", "card-numbers", "cves", "email-addresses", "ip-addresses", "bins", "social-media-handles",
)  # fmt: skip
# Seconds between the times of one document, in the order in which the service sets them.
_AFTER_EDIT_S = {"observed": 20, "event": 45, "published": 50}


class RealisticIndicators(TemplateBlock):
    """Indicators of one type in the shape of ``/api/v4/indicators/attribute``."""

    def body(self, offset: int) -> bytes:
        """Return the JSON of the indicator at ``offset``."""
        event = offset // _ATTRIBUTES_PER_EVENT
        indexed = self.time_s(offset)
        ingested = indexed - (3, 28, 64, 64, 703)[offset % 5]
        edited = ingested - 60 - offset * 37 % 540
        values: dict[str, str | int] = {
            "fpid": self.identity(offset),
            "uuid": self.unique_id(offset),
            "value": self.value(offset),
            "event_fpid": self.identity(_FIRST_EVENT + event),
            "event_uuid": self.unique_id(_FIRST_EVENT + event),
            "event_number": event,
            "observed_text": iso(edited + _AFTER_EDIT_S["observed"])[:-1] + "+00:00",
            "edited": edited,
            "edited_iso": iso(edited),
            "ingested": ingested,
            "ingested_iso": iso(ingested),
            "indexed": indexed,
            "duration": ingested - edited,
            "size": 3000 + offset % 2000,
        }
        for name, seconds in _AFTER_EDIT_S.items():
            values[name] = edited + seconds
            values[f"{name}_iso"] = iso(edited + seconds)
        return self.template(event).fill(values)

    def document(self, kind: str, seed: int, turn: int) -> Document:
        """Return one template: which optional keys it has, and the texts that do not differ by record."""
        random = chance(seed, "realistic", turn)
        family = FAMILIES[turn % len(FAMILIES)]
        document: Document = {
            "type": kind,
            "category": random.choice((
                "Network activity",
                "Payload delivery",
                "External analysis",
                "Artifacts dropped",
            )),
            "value": {"comment": random.choice(("", f"{family} c2", "seen in the wild, é")), kind: "@value@"},
            "fpid": "@fpid@",
            "uuid": "@uuid@",
            "href": f"{_BASE}/attribute/@fpid@",
            "timestamp": "@edited@",
            "sort_date": "@event_iso@",
            "first_seen": None,
            "last_seen": None,
            "first_observed_at": {
                "date-time": "@observed_text@",
                "raw": "@observed@",
                "timestamp": "@#observed@",
            },
            "basetypes": ["indicator", "indicator_attribute", kind],
            "header_": {
                "indexed_at": "@#indexed@",
                "ingested_at": "@#ingested@",
                "observed_at": "@#ingested@",
                "is_visible": True,
                "pipeline_duration": "@#duration@",
                "source": "urn:fp:resource:qualified:indicator",
            },
            "Event": realistic_event(random, family, turn),
            "enrichments": _enrichments(turn),
            "_meta": _meta(),
        }
        optional: Document = {
            "malware_description": f"<p>{family} is an <em>invented</em> loader &amp; backdoor.</p>" * 6,
            "reports": [{"html": f"https://fp.tools/home/intelligence/reports/report/@event_fpid@?family={family}"}],
            "earliest_sort_date": "@observed_iso@",
            "Galaxy": [],
            "Tag": realistic_tags(random, family, 1),
        }
        return document | {name: value for name, value in optional.items() if random.random() < 0.5}


def _enrichments(turn: int) -> Document:
    position = {"path": "$.Event.info", "offset": 4, "length": 21, "domain_offset": 12, "domain_length": 13}
    urls = [
        {"domain": f"host{number}.example", "url": f"https://host{number}.example/", "positions": [position]}
        for number in range(1 + turn % 3)
    ]
    return {"card-numbers": {"_enriched_at": "@ingested_iso@", "_version": 0}, "v1": {"urls": urls}}


def _meta() -> Document:
    marks: Document = {
        name: {"enriched_at": "@ingested_iso@", "found": number % 3, "version": 1}
        for number, name in enumerate(_ENRICHERS)
    }
    marks["first_observed_at"] = {"enriched_at": "@ingested_iso@", "version": 2}
    return {"enrichments": {"v1": marks}, "size": {"base_document": "@#size@", "enriched_document": "@#size@"}}
