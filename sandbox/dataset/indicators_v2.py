"""Invented indicators of the technical intelligence API, version 2."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sandbox.dataset.bulk import GeneratedBlock
from sandbox.dataset.hostile import hostile_text, large_text
from sandbox.dataset.seed import chance, digest, fpid, iso, moment_s

Document = dict[str, Any]

INDICATOR_TYPES_V2 = ("ipv4", "domain", "file", "url", "ipv6", "extracted_config")

_BASE = "https://api.flashpoint.io/technical-intelligence/v2"
_SCORES = ("malicious", "suspicious", "informational", "unknown", "no_score")
_FAMILIES = ("demoloader", "papercrane", "tinstealer")
_SOURCES = ("flashpoint_extraction", "flashpoint_detection", "external_intelligence")
_HOSTILE_EVERY = 5
_REPEATED_EVERY = 23
_US_PER_S = 1_000_000


def indicators_v2(
    seed: int,
    count: int,
    from_: datetime,
    to: datetime,
    *,
    types: Sequence[str] = INDICATOR_TYPES_V2,
    with_repeated_values: bool = False,
    with_large_value: bool = False,
) -> Iterator[Document]:
    """Yield ``count`` full documents, modified within ``[from_, to)``, roughly in this order.

    ``modified_at`` has micro-, milli- or whole seconds, sometimes no ``Z``. Some documents share the microsecond of the
    one before. One in five has hostile texts. Nulls, empty lists and absent keys occur as in the service's samples.

    :param with_repeated_values: give some documents the value of an earlier one of their type.
    :param with_large_value: give one document a description of about 1 MB.
    """
    moment_us, end_us = 0, round(to.timestamp() * _US_PER_S)
    for number in range(count):
        fraction = (chance(seed, "v2 moment", number).randrange(_US_PER_S), 238_000, 0)[number % 3]
        if number % 7 != 3:
            moment_us = min(moment_s(seed, number, count, from_, to) * _US_PER_S + fraction, end_us - 1)
        earlier = number - 2 * len(types)
        is_repeated = with_repeated_values and number % _REPEATED_EVERY == 22 and earlier >= 0
        document = _document(
            seed, number, types[number % len(types)], moment_us, valued=earlier if is_repeated else number
        )
        if with_large_value and number == count // 2:
            document["latest_sighting"]["description"] = large_text()
        yield document


def instant(moment_us: int) -> str:
    """Return ``YYYY-MM-DDTHH:MM:SS[.ffffff]Z``."""
    text, fraction = iso(moment_us // _US_PER_S), moment_us % _US_PER_S
    return f"{text[:-1]}.{fraction:06}Z" if fraction else text


def _value(kind: str, seed: int, number: int) -> str:
    return {
        "ipv4": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "ipv6": f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::{seed & 0xFFFF:x}",
        "domain": f"host-{number:x}.bad{seed}.example",
        "url": f'http://host{number % 97}.example/p?id={number}&q="a,b"&s={seed}',
        "file": digest(seed, "sha256", number),
        "extracted_config": json.dumps({"c2": [f"203.0.113.{number & 255}"], "id": number, "seed": seed}),
    }.get(kind, f"{kind} {seed} {number}")


def _document(seed: int, number: int, kind: str, moment_us: int, *, valued: int) -> Document:
    random = chance(seed, "v2", number)
    identity = fpid(seed, "v2", number)
    score = _SCORES[number % len(_SCORES)]
    seen = instant(moment_us - random.randrange(366, 655) * _US_PER_S)
    family = _FAMILIES[number % len(_FAMILIES)]
    text = hostile_text(number) if number % _HOSTILE_EVERY == 2 else f"Observation: {family} [{seen}]"
    latest: Document = {"source": _SOURCES[number % 3], "tags": [f"malware:{family}", "actor:demo team"][: number % 4]}
    if number % 4:
        latest |= {
            "id": fpid(seed, "sighting", number), "href": f"{_BASE}/sightings/{fpid(seed, 'sighting', number)}",
            "sighted_at": seen, "description": text,
        }  # fmt: skip
    document: Document = {
        "id": identity, "type": kind, "value": _value(kind, seed, valued), "entity_type": "indicator",
        "href": f"{_BASE}/indicators/{identity}",
        "score": {"value": score, "last_scored_at": None if score == "no_score" else seen},
        "modified_at": instant(moment_us)[: -1 if number % 11 == 5 else None],
        "created_at": iso(moment_us // _US_PER_S - 86_400 * (number % 400 + 1)), "last_seen_at": seen,
        "platform_urls": {"ignite": f"https://app.flashpoint.io/cti/malware/iocs/{identity}"},
        "sightings": [latest][: number % 2], "latest_sighting": latest,
        "total_sightings": 229_903 if number % 13 == 0 else number % 2,
        "apt_description": "N/A" if number % 3 else text, "malware_description": f"<p>{family} &amp; co</p>",
        "external_references": [{"source_name": "Demo blog", "url": "https://example.org/r"}][: number % 2],
        "mitre_attack_ids": [{"id": "T1071", "name": "Application Layer Protocol", "tactics": ["C2"]}][: number % 2],
        "relationships": {"iocs": []},
    }  # fmt: skip
    if kind == "file":
        sha256 = document["value"]
        document["hashes"] = {"md5": None, "sha1": sha256[:40], "sha256": sha256} if number % 5 else None
    if number % 4 != 1:
        document["sort_date"] = seen
    if number % 3 == 0:
        document["score"]["raw_score"] = None if number % 2 else 70
    return document


class BulkIndicatorsV2(GeneratedBlock):
    """Plain indicators of one type, modified evenly over an interval, each made when it is requested."""

    def body(self, offset: int) -> bytes:
        """Return the JSON of the indicator at ``offset``."""
        at, name = iso(self.time_s(offset)), json.dumps(self.group)
        return (
            f'{{"id":"{self.identity(offset)}","type":{name},"value":"{offset:x}.{self.unique_id(offset)}",'
            f'"score":{{"value":"malicious","last_scored_at":"{at}"}},"modified_at":"{at}","created_at":"{at}",'
            f'"last_seen_at":"{at}","sightings":[],"total_sightings":1}}'
        ).encode()
