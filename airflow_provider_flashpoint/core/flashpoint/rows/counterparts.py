"""How types and names of the one kind of indicators are called in the other kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Counterparts:
    """The names in one kind of indicators, by those in the other kind.

    :param types: the types whose records hold what records of another type held.
    :param columns: the flattened name of the nearest value; ``{type}`` stands for the type of the record.
    """

    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


INDICATORS_OF_ATTRIBUTES = Counterparts(
    types={
        **dict.fromkeys(("domain", "hostname"), ("domain",)),
        **dict.fromkeys(("url", "uri", "link"), ("url",)),
        **dict.fromkeys(("md5", "sha1", "sha256", "malware-sample"), ("file",)),
        **dict.fromkeys(("ip-dst", "ip-src", "ip-dst|port", "ip-src|port"), ("ipv4", "ipv6")),
    },
    columns={
        "value.{type}": "value",
        "fpid": "id",
        "type": "type",
        "header_.indexed_at": "modified_at",
        "timestamp": "modified_at",
        "first_seen": "created_at",
        "first_observed_at.date-time": "created_at",
        "last_seen": "last_seen_at",
        "header_.observed_at": "last_seen_at",
        "sort_date": "sort_date",
        "href": "href",
        "malware_description": "malware_description",
        "Event.malware_description": "malware_description",
        "Event.info": "latest_sighting.description",
        "Event.Tag": "latest_sighting.tags",
        "Event.Tags": "latest_sighting.tags",
        "Tag": "latest_sighting.tags",
        "Event.attack_ids": "mitre_attack_ids",
        "Event.report": "external_references",
        "Event.reports": "external_references",
        "reports": "external_references",
        "Event.Galaxy": "malware",
        "Galaxy": "malware",
    },
)
"""Indicators of version 2 of Ignite, by the attributes of MISP, which legacy and version 1 have."""

ATTRIBUTES_OF_INDICATORS = Counterparts(
    types={
        "domain": ("domain",),
        "url": ("url",),
        "file": ("md5", "sha1", "sha256"),
        **dict.fromkeys(("ipv4", "ipv6"), ("ip-dst", "ip-src")),
    },
    columns={new: old for old, new in reversed([*INDICATORS_OF_ATTRIBUTES.columns.items()])},
)
"""The attributes of MISP, by the indicators of version 2."""
