"""Invented Flashpoint data, reproducible from seed and interval, and as irregular as real data.

Addresses, names and people are invented; networks and domains are reserved ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sandbox.dataset.alerts import alerts
from sandbox.dataset.bulk import BulkIndicators, bulk_indicators
from sandbox.dataset.hostile import MUTATIONS, hostile_text, large_text
from sandbox.dataset.seed import (
    chance,
    digest,
    fpid,
    iso,
    moment_s,
    observed,
    uuid,
)

__all__ = ["INDICATOR_TYPES", "BulkIndicators", "alerts", "bulk_indicators", "indicators"]

Document = dict[str, Any]

_BASE = "https://fp.tools/api/v4/indicators"
_HOSTILE_EVERY = 5
_REPEATED_EVERY = 23
_FAMILIES = ("demoloader", "papercrane", "tinstealer", "greyledger")
_HOSTS = ("cdn", "login", "ü-mail", "a_b")
# Seconds from the feed to the index, as measured in samples of the service.
_USUAL_LAGS_S = (3, 28, 64, 64, 703)

_VALUES: dict[str, Callable[[int, int], str]] = {
    "domain": lambda seed, number: f"{_HOSTS[number % 4]}-{number:x}.bad{seed}.example",
    "url": lambda seed, number: f'http://host{number % 97}.example/p?id={number}&q="a,b"&s={seed}#<x>',
    "ip-dst": lambda seed, number: _address(number),
    "ip-dst|port": lambda seed, number: f"{_address(number)}|{1024 + number % 60000}",
    "ip-src": lambda seed, number: f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::{seed & 0xFFFF:x}",
    "md5": lambda seed, number: digest(seed, "md5", number)[:32],
    "sha1": lambda seed, number: digest(seed, "sha1", number)[:40],
    "sha256": lambda seed, number: digest(seed, "sha256", number),
    "regkey|value": lambda seed, number: f"HKLM\\Run\\{number}|C:\\Temp\\a b,{seed}\\{number}.exe",
    "filename": lambda seed, number: f'invoice "final", v{number} 🧾.exe',
    "email-src": lambda seed, number: f'"O\'Neil, {number}" <sender{number}@mail{seed}.example>',
    "yara": lambda seed, number: f'rule r{number} {{\n\tstrings:\n\t\t$a = "x,{seed}"\n\tcondition: $a\n}}\n',
    "text": lambda seed, number: f"{number}: first, \"quoted\"\r\nsecond\tline <b>{seed}</b>\n\n",
    "mutex": lambda seed, number: f"Global\\{{{uuid(seed, number)}}}",
}  # fmt: skip

INDICATOR_TYPES = tuple(_VALUES)


def indicators(
    seed: int,
    count: int,
    from_: datetime,
    to: datetime,
    *,
    types: Sequence[str] = INDICATOR_TYPES,
    with_large_value: bool = False,
) -> Iterator[Document]:
    """Yield ``count`` attribute documents, updated within ``[from_, to)``, roughly in this order.

    Values are unique, except that some records repeat the value of an earlier record of their type with another
    ``fpid`` and another time. One in five records is hostile (see `sandbox.dataset.hostile`). New keys appear in
    the last third.

    :param types: any names; types outside ``INDICATOR_TYPES`` get plain texts as values.
    :param with_large_value: give one record a comment of about 1 MB.
    """
    for number in range(count):
        at = moment_s(seed, number, count, from_, to)
        repeated = _repeated(seed, number, count, from_, to, types) if number % _REPEATED_EVERY == 22 else None
        document = _document(seed, number, repeated, at, _type_of(number, types))
        if repeated is None and _is_hostile(number):
            turn = number // _HOSTILE_EVERY
            # Shifted at each round, like the types, so that every mutation meets every type.
            MUTATIONS[(turn + turn // len(MUTATIONS)) % len(MUTATIONS)](document, turn)
        if number > count * 2 // 3 and number % 4 == 0:
            document["late_key"] = {"since_version": 2, f"only_in_{number % 3}": hostile_text(number)}
        if with_large_value and number == count // 2:
            document["value"]["comment"] = large_text()
        yield document


def _type_of(number: int, types: Sequence[str]) -> str:
    # Shifted at each round, so that hostile and repeated records occur in every type.
    return types[(number + number // len(types)) % len(types)]


def _is_hostile(number: int) -> bool:
    return number % _HOSTILE_EVERY == 3


def _repeated(seed: int, number: int, count: int, from_: datetime, to: datetime, types: Sequence[str]) -> int | None:
    """Return an earlier, plain record of the same type that was updated in another second."""
    at = moment_s(seed, number, count, from_, to)
    for earlier in range(number - 1, max(-1, number - 200), -1):
        alike = _type_of(earlier, types) == _type_of(number, types)
        plain = not _is_hostile(earlier) and earlier % _REPEATED_EVERY != 22
        if alike and plain and moment_s(seed, earlier, count, from_, to) != at:
            return earlier
    return None


def indicator_value(kind: str, seed: int, number: int) -> str:
    """Return the value of indicator ``number`` of this type; types outside ``INDICATOR_TYPES`` get plain texts."""
    make = _VALUES.get(kind)
    return make(seed, number) if make else f"{kind} {seed} {number}"


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _document(seed: int, number: int, repeated: int | None, at: int, kind: str) -> Document:
    random = chance(seed, "indicator", number)
    valued = number if repeated is None else repeated
    identity = fpid(seed, number)
    ingested = at - random.choice(_USUAL_LAGS_S)
    edited = ingested - random.randrange(60, 600)
    document: Document = {
        "type": kind,
        "category": random.choice(("Network activity", "Payload delivery", "External analysis")),
        "value": {"comment": random.choice(("", "c2", "seen in the wild")), kind: indicator_value(kind, seed, valued)},
        "fpid": identity,
        "uuid": uuid(seed, number),
        "href": f"{_BASE}/attribute/{identity}",
        "timestamp": str(edited),
        "sort_date": iso(edited + 45),
        "first_seen": None,
        "last_seen": None,
        "first_observed_at": observed(edited + 20),
        "basetypes": ["indicator", "indicator_attribute"],
        "header_": {
            "indexed_at": at,
            "ingested_at": ingested,
            "observed_at": ingested,
            "is_visible": True,
            "pipeline_duration": ingested - edited,
            "source": "urn:fp:resource:qualified:indicator",
        },
        "Event": _event(seed, number, edited),
    }
    if random.random() < 0.3:
        document["malware_description"] = "<p>Invented loader &amp; backdoor.</p>"
        document["reports"] = [{"html": f"https://fp.tools/home/intelligence/reports/report/{fpid(number)}"}]
    if random.random() < 0.3:
        document["_meta"] = {
            "enrichments": {"v1": {"urls": {"enriched_at": iso(ingested), "found": 1, "version": 1}}},
            "size": {"base_document": 2048, "enriched_document": 2400 + number % 100},
        }
        document["enrichments"] = {
            "card-numbers": {"_enriched_at": iso(ingested), "_version": 0},
            "v1": {"urls": [{"url": "example.org", "domain": "example.org", "positions": [{"offset": 4}]}]},
        }
    return document


def _event(seed: int, number: int, edited: int) -> Document:
    family = _FAMILIES[number // 7 % len(_FAMILIES)]
    identity = fpid(seed, "event", number // 7)
    event: Document = {
        "fpid": identity,
        "uuid": uuid(seed, "event", number // 7),
        "href": f"{_BASE}/event/{identity}",
        "info": f"Analysis: {family} [{iso(edited)}]",
        "date": iso(edited)[:10],
        "event_creator_email": "analyst@example.org",
        "attribute_count": "7",
        "timestamp": str(edited + 45),
        "publish_timestamp": str(edited + 50),
        "attack_ids": ["T1071"] if number % 2 else None,
        "reports": [] if number % 2 else None,
        "RelatedEvent": None,
        "Tag": [_tag(f"malware:{family}", number), _tag("source:scan", number)][: number % 3],
        "Galaxy": [],
    }
    if number % 4 == 0:
        name = "Application Layer Protocol - T1071"
        tag = f'misp-galaxy:mitre-enterprise-attack-attack-pattern="{name}"'
        cluster = {
            "value": name, "type": "mitre-enterprise-attack-attack-pattern", "tag_name": tag, "tag_id": "7",
            "authors": ["Demo"], "default": True, "local": False, "extends_version": "0",
            "meta": {"external_id": ["T1071"], "kill_chain": ["mitre-attack:c2"], "synonyms": ["ALP"]},
        }  # fmt: skip
        event["Tag"].append(_tag(tag, number) | {"is_galaxy": True, "local_only": False})
        event["Galaxy"].append({"name": "Attack Pattern", "version": "5", "GalaxyCluster": [cluster]})
        earlier = {
            "date": iso(edited - 86_400)[:10],
            "fpid": fpid(seed, "related", number),
            "info": "Earlier wave",
        }
        event["RelatedEvent"] = [{"Event": earlier | {"timestamp": str(edited - 86_400)}}]
    return event


def _tag(name: str, number: int) -> Document:
    return {
        "name": name, "is_galaxy": False, "is_custom_galaxy": False, "local": 0,
        "numerical_value": number % 5 or None,
    }  # fmt: skip
