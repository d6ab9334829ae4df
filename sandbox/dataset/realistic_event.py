"""The event part of a realistic indicator: tags, one galaxy with its cluster, related events."""

from __future__ import annotations

from random import Random
from typing import Any

from sandbox.dataset.seed import fpid, uuid

Document = dict[str, Any]

FAMILIES = ("demoloader", "papercrane", "tinstealer", "greyledger", "mirrorfox", "coldlantern")

_TAGS = (
    "source:scan", "tlp:amber", "type:c2", "os:windows", "actor:invented group", "asn:as64500", "mutex:none",
    "kill-chain:command and control", "flashpoint:confidence=high", "sector:finance", "region:europe",
)  # fmt: skip
_TECHNIQUES = (
    ("T1071", "Application Layer Protocol"), ("T1059", "Command and Scripting Interpreter"),
    ("T1566", "Phishing"), ("T1027", "Obfuscated Files or Information"),
)  # fmt: skip
_DESCRIPTION = (
    "Adversaries may communicate in ways that blend in with existing traffic. Commands to the remote system, and "
    "often their results, travel inside the protocol between the client and the server (Citation: Invented 2020).\n\n"
)


def realistic_event(random: Random, family: str, turn: int) -> Document:
    """Return an event with the gaps of a ``Template``: 3 to 5 kB."""
    identity, name = _TECHNIQUES[turn % len(_TECHNIQUES)]
    event: Document = {
        "fpid": "@event_fpid@",
        "uuid": "@event_uuid@",
        "href": "https://fp.tools/api/v4/indicators/event/@event_fpid@",
        "info": f"Analysis: {family} – campaign @event_number@ [@edited_iso@]",
        "date": "2026-01-01",
        "event_creator_email": "analyst@example.org",
        "attribute_count": "7",
        "timestamp": "@event@",
        "publish_timestamp": "@published@",
        "attack_ids": [identity],
        "reports": [f"https://fp.tools/home/intelligence/reports/report/{fpid('report', turn)}"],
        "report": f"https://fp.tools/home/intelligence/reports/report/{fpid('report', turn)}",
        "RelatedEvent": [_related(turn, number) for number in range(random.randrange(1, 4))],
        "Tag": realistic_tags(random, family, random.randrange(5, 10)),
        "Galaxy": [_galaxy(identity, name, turn)],
    }
    optional: Document = {
        "total_attributes": 7,
        "benign_attributes_found": 0,
        "malware_description": "",
        "protected": None,
        "CryptographicKey": [],
        "EventReport": [],
        "Object": [],
    }
    return event | {key: value for key, value in optional.items() if random.random() < 0.4}


def realistic_tags(random: Random, family: str, count: int) -> list[Document]:
    """Return the tag of a family and ``count`` others."""
    names = [f"malware:{family}", *random.sample(_TAGS, count)]
    return [
        {
            "name": name,
            "is_galaxy": False,
            "is_custom_galaxy": False,
            "local": 0,
            "local_only": False,
            "numerical_value": None,
        }
        for name in names
    ]


def _galaxy(identity: str, name: str, turn: int) -> Document:
    title = f"{name} - {identity}"
    cluster = {
        "value": title,
        "type": "mitre-attack-pattern",
        "tag_name": f'misp-galaxy:mitre-attack-pattern="{title}"',
        "tag_id": str(400 + turn),
        "galaxy_id": "7",
        "uuid": uuid("cluster", identity),
        "version": "24",
        "source": "https://attack.example/cti",
        "authors": ["Invented"],
        "description": _DESCRIPTION * 3,
        "default": True,
        "local": False,
        "extends_version": "0",
        "collection_uuid": uuid("collection"),
        "meta": {
            "external_id": [identity],
            "kill_chain": ["mitre-attack:command-and-control"],
            "refs": [f"https://attack.example/techniques/{identity}", f"https://papers.example/{turn}?a=1&b=2"],
            "synonyms": [name.upper()],
            "mitre_platforms": ["Linux", "macOS", "Windows", "Network"],
            "mitre_data_sources": ["Network Traffic: Network Traffic Content", "Network Traffic: Flow"],
        },
    }
    return {
        "name": "Attack Pattern",
        "type": "mitre-attack-pattern",
        "uuid": uuid("galaxy"),
        "version": "8",
        "description": "ATT&CK tactic",
        "icon": "map",
        "namespace": "mitre-attack",
        "GalaxyCluster": [cluster],
    }


def _related(turn: int, number: int) -> Document:
    return {
        "Event": {
            "date": f"2025-12-{10 + number:02}",
            "fpid": fpid("related", turn, number),
            "info": f"Analysis: earlier wave {number} of {turn}",
            "timestamp": str(1_765_000_000 + 86_400 * number),
            "uuid": uuid("related", turn, number),
        }
    }
