"""A configuration for another API generation: what changes, what stays, and what people are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.config.migration.inputs import migrated, without_secrets
from airflow_provider_flashpoint.core.flashpoint.api import IGNITE_TYPES, MISP_TYPES, Api
from airflow_provider_flashpoint.core.flashpoint.rows.counterparts import INDICATORS_OF_ATTRIBUTES
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness.fit import fit

V1, V2, LEGACY = Api.IGNITE_V1, Api.IGNITE_V2, Api.LEGACY


def legacy(*types: str, **common: Any) -> dict[str, Any]:
    """Return an input with lookups of a collector."""
    lookups = [{each: {"lookup_key": f"value.{each}", "lookup_status": "New"}} for each in types]
    return {"services": {"indicators": {"lookups": lookups, **common}}}


def indicators(entry: dict[str, Any], api: Api = V2) -> tuple[dict[str, Any], list[str]]:
    """Return the migrated input of indicators, and the notes."""
    notes: list[str] = []
    new = migrated({"inputs": {"flashpoint_indicator": entry}}, api, notes)
    config = parse_collector_config(new)
    assert fit(config, api) == ([], [])
    return new["inputs"]["flashpoint_indicator"], notes


def lookups(entry: dict[str, Any], api: Api = V2) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = indicators(entry, api)[0]["services"]["indicators"]["lookups"]
    return found


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["md5", "sha1", "sha256"], ["file"]),
        (["ip-dst"], ["ipv4", "ipv6"]),
        (["ip-src|port", "ip-dst", "url"], ["ipv4", "ipv6", "url"]),
        (["hostname", "domain"], ["domain"]),
        (["link", "regkey", "uri"], ["url"]),
    ],
)
def test_types_of_a_collector_become_those_of_version_2(types: list[str], expected: list[str]) -> None:
    """Types with one counterpart become one lookup in the place of the first, and addresses become two."""
    found = lookups(legacy(*types))
    assert [name for entry in found for name in entry] == expected
    others = [own for entry in found for name, own in entry.items() if name != "file"]
    assert all(own == {"lookup_key": "value", "lookup_status": "New"} for own in others)


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (["file"], ["md5", "sha1", "sha256"]),
        (["ipv4", "ipv6"], ["ip-dst", "ip-src"]),
        (["extracted_config", "url"], ["url"]),
    ],
)
@pytest.mark.parametrize("api", [V1, LEGACY])
def test_types_of_version_2_become_those_of_the_others(api: Api, types: list[str], expected: list[str]) -> None:
    """The way back leads to the types that hold the same, with their own keys."""
    found = lookups({"services": {"indicators": {"lookups": [{each: {"lookup_key": "value"}} for each in types]}}}, api)
    assert found == [{each: {"lookup_key": f"value.{each}"}} for each in expected]


@settings(deadline=None)
@given(
    types=st.lists(st.sampled_from([*MISP_TYPES, "named pipe|x"]), min_size=1, unique=True), api=st.sampled_from(Api)
)
def test_every_file_of_a_collector_is_valid_afterwards(types: list[str], api: Api) -> None:
    """Whatever types there are, the new file fits its API generation, and a second migration changes nothing."""
    types = [each.replace(" ", "_") for each in types]
    try:
        entry, _ = indicators(legacy(*types), api)
    except ConfigurationError as error:
        assert str(error).startswith(f"None of the types {', '.join(types)} has a counterpart on ignite_v2. ")
        return
    assert indicators(entry, api) == (entry, [])


@settings(deadline=None)
@given(st.lists(st.sampled_from(IGNITE_TYPES), min_size=1, unique=True))
def test_there_and_back_again(types: list[str]) -> None:
    """A file of version 2 that goes to version 1 and back has its types again, but for those that only it has."""
    entry = {"services": {"indicators": {"lookups": [{each: {}} for each in types]}}}
    if types == ["extracted_config"]:
        return
    back = lookups(indicators(entry, V1)[0], V2)
    names = {name for group in back for name in group}
    assert names >= {*types} - {"extracted_config"}


def test_the_same_documents_change_nothing() -> None:
    """Legacy and version 1 have the same indicators, so a file goes on as it is."""
    entry = legacy("domain", "ip-dst|port", "regkey", filters={"query": "acme"})
    assert indicators(entry, V1) == (entry, [])


def test_a_lookup_keeps_its_name_where_it_replaces_one() -> None:
    """A name of its own stays for one lookup, gets the type for several, and is given up where several become one."""
    names = {"hostname": "Hosts", "ip-dst": "Addresses", "md5": "M", "sha1": "S"}
    entry = {"lookups": [{each: {"lookup_name": name}} for each, name in names.items()]}
    new, notes = indicators(entry)
    assert new["lookups"] == [
        {"domain": {"lookup_name": "Hosts"}},
        {"ipv4": {"lookup_name": "Addresses_Ipv4"}},
        {"ipv6": {"lookup_name": "Addresses_Ipv6"}},
        {"file": {"row_per_hash": True}},
    ]
    assert notes == ["The lookup of file replaces M, S, and keeps none of their names."]


def test_settings_of_a_lookup() -> None:
    """Keys and columns get their counterparts; what has none is left out and noted. Other settings stay."""
    own = {"lookup_key": "fpid", "columns": ["category", "header_.indexed_at", "timestamp"], "lag_s": 5}
    new, notes = indicators({"lookups": {"url": own, "uri": {"lookup_key": "uuid", "lag_s": 6}}})
    assert new == {"lookups": {"url": {"lookup_key": "id", "columns": ["modified_at"], "lag_s": 5}}}
    assert notes == [
        "The lookup of url has the settings of url; those of uri differ: columns, lag_s.",
        "The columns category of url have no counterpart on ignite_v2: left out.",
    ]
    new, notes = indicators({"lookups": {"uri": {"lookup_key": "uuid", "columns": ["category"]}}})
    assert new == {"lookups": {"url": {"lookup_key": "value"}}}
    assert "The lookup_key uuid of uri has no counterpart on ignite_v2: value is used." in notes


@pytest.mark.parametrize("holder", ["entry", "service", "lookup"])
def test_filters_that_do_not_exist_are_named(holder: str) -> None:
    """A filter of another generation is left out wherever it stands, with the ones that there are; others stay."""
    filters = {"query": "acme", "tags": ["apt"]}
    entry = legacy("md5")
    service = entry["services"]["indicators"]
    {"entry": entry, "service": service, "lookup": service["lookups"][0]["md5"]}[holder]["filters"] = filters
    new, notes = indicators(entry)
    service = new["services"]["indicators"]
    places = {"entry": new, "service": service, "lookup": service["lookups"][0]["file"]}
    assert places[holder]["filters"] == {"tags": ["apt"]}
    (note,) = notes
    assert "The filter query of" in note
    assert "Filters there: actors, cidr," in note


@pytest.mark.parametrize(
    "entry",
    [
        {"lookups": {"md5": {}}, "indicators.md5.lookup_name": "Hashes"},
        {"services": {"indicators.md5.lookup_name": "Hashes", "indicators": {"lookups": {"md5": None}}}},
        {"indicators": {"md5": {"lookup_name": "Hashes"}}, "lookups": [{"md5": {"lookup_name": "Hashes"}}]},
    ],
)
def test_every_shape_of_a_file(entry: dict[str, Any]) -> None:
    """Settings of a type move with it from wherever the file has them."""
    new, _ = indicators(entry)
    (lookup,) = parse_collector_config({"flashpoint_indicator": new}).indicators.lookups  # type: ignore[union-attr]
    assert (lookup.indicator_type, lookup.lookup_name) == ("file", "Hashes")


def test_a_file_that_is_half_migrated() -> None:
    """Lookups of the API generation stay beside those that change."""
    new, notes = indicators({"lookups": [{"ipv4": {"lookup_key": "value", "lag_s": 5}}, {"link": {}}]})
    assert new == {"lookups": [{"ipv4": {"lookup_key": "value", "lag_s": 5}}, {"url": {}}]}
    assert notes == []


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("file", {"row_per_hash": True, "embed": "none", "lookup_status": "Created", "columns": ["risk.level"]}),
        ("file", {"lookup_key": "fingerprint", "lookup_name": "Files"}),
        ("domain", {"embed": "none", "lookup_status": "Created"}),
        ("url", {"lookup_key": "value", "lookup_status": "Created"}),
    ],
)
def test_a_lookup_of_the_generation_keeps_all_of_its_settings(name: str, own: dict[str, Any]) -> None:
    """A lookup that is of the generation already is no new one, so nothing is left out, noted or built anew."""
    new, notes = indicators({"lookups": [{name: own}, {"ip-dst": {}}]})
    assert new == {"lookups": [{name: own}, {"ipv4": {}}, {"ipv6": {}}]}
    assert notes == []


def test_settings_of_the_generation_for_all_lookups_stay() -> None:
    """Settings of the service stay too where the generation has them."""
    new, notes = indicators({"lookups": [{"file": {}}, {"ip-dst": {}}], "embed": "none", "row_per_hash": True})
    assert (new["embed"], new["row_per_hash"], notes) == ("none", True, [])


@pytest.mark.parametrize("api", [V1, LEGACY])
@pytest.mark.parametrize("place", ["entry", "service", "lookup", "type"])
def test_settings_that_do_not_exist_are_left_out_and_noted(api: Api, place: str) -> None:
    """Settings of version 2 are named with their place, wherever they stand; a lookup of a common type has them too."""
    given = {"row_per_hash": True, "embed": "none"}
    service: dict[str, Any] = {"lookups": [{"url": {}}], "url": {}}
    entry: dict[str, Any] = {"services": {"indicators": service}}
    places = {"entry": entry, "service": service, "lookup": service["lookups"][0]["url"], "type": service["url"]}
    places[place] |= given
    new, notes = indicators(entry, api)
    assert "row_per_hash" not in str(new)
    assert "embed" not in str(new)
    of = "url" if place in ("lookup", "type") else "indicators"
    assert notes == [f"The setting {name} of {of} does not exist on {api}: left out." for name in sorted(given)]


def test_types_in_one_entry_of_the_list_stay_together() -> None:
    """An entry with several types stays one entry."""
    new, _ = indicators({"lookups": [{"md5": {}, "ip-dst": {}, "sha1": {}}, {"sha256": {}}]})
    assert new == {"lookups": [{"file": {"row_per_hash": True}, "ipv4": {}, "ipv6": {}}]}


def test_lookups_of_a_new_kind_are_built() -> None:
    """`Created`, for one lookup or for all, becomes `New`, since no lookup there has these documents."""
    new, _ = indicators({"lookups": {"md5": {"lookup_status": "Created"}}, "lookup_status": "Created"})
    assert new == {"lookups": {"file": {"lookup_status": "New", "row_per_hash": True}}, "lookup_status": "New"}


@pytest.mark.parametrize(("key", "expected"), [("value.md5", True), (None, True), ("fpid", None)])
def test_every_hash_is_found_as_before(key: str | None, expected: bool | None) -> None:
    """Lookups of hashes become one with a row for each hash, since a file of version 2 has all of them."""
    (entry,) = lookups({"services": {"indicators": {"lookups": [{"md5": {"lookup_key": key}}]}}})
    assert entry["file"].get("row_per_hash") == expected
    if expected:
        back = lookups({"services": {"indicators": {"lookups": [entry], "row_per_hash": True}}}, V1)
        assert [*back[0]] == ["md5"]
        assert "row_per_hash" not in back[0]["md5"]


@pytest.mark.parametrize("row", INDICATORS_OF_ATTRIBUTES.columns.items())
def test_the_documents_name_the_same_counterparts(row: tuple[str, str]) -> None:
    """docs/lookups.md has the columns that a migration writes."""
    old, new = (f"`{name.replace('{type}', '<type>')}`" for name in row)
    lines = (Path(__file__).parents[2] / "docs" / "lookups.md").read_text(encoding="utf-8").splitlines()
    assert any(old in line.split("|")[1] and new in line.split("|")[2] for line in lines if line.count("|") == 3)


@pytest.mark.parametrize("row", INDICATORS_OF_ATTRIBUTES.types.items())
def test_the_documents_name_the_same_types(row: tuple[str, tuple[str, ...]]) -> None:
    """docs/migration.md has the types that a migration writes."""
    text = (Path(__file__).parents[2] / "docs" / "migration.md").read_text(encoding="utf-8").replace("\\|", "/")
    old, new = row[0].replace("|", "/"), [f"`{name}`" for name in row[1]]
    lines = [line.split("|") for line in text.splitlines() if line.count("|") == 3]
    assert any(f"`{old}`" in line[1] and all(name in line[2] for name in new) for line in lines)


def test_an_obfuscation_is_to_be_checked() -> None:
    """The keys of records differ, and a rule without its key would hide nothing: that is noted."""
    rules = [{"path": "Event.event_creator_email", "action": "hash"}]
    entry, notes = indicators(legacy("domain", obfuscation=rules))
    assert entry["services"]["indicators"]["obfuscation"] == rules
    assert notes[0].startswith("CHECK the obfuscation of Event.event_creator_email: ")


def test_an_obfuscation_of_alerts() -> None:
    """The note says for which alerts it is; a file that stays as it is on legacy has none."""
    rules = [{"path": "body", "action": "hash"}]
    document: dict[str, Any] = {"inputs": {"flashpoint_alert": {"alerts": {"obfuscation": rules}}}}
    notes: list[str] = []
    assert migrated(document, LEGACY, notes) == document
    assert notes == []
    migrated(document, V2, notes)
    assert notes[0].startswith("CHECK the obfuscation of body if the alerts came from legacy: ")
    document["inputs"]["flashpoint_alert"]["filters"] = {"status": "flagged"}
    migrated(document, LEGACY, notes)
    assert notes[-1].startswith("CHECK the obfuscation of body if the alerts came from ignite_v1 or ignite_v2: ")


def test_alerts_lose_what_only_another_generation_has() -> None:
    """Keywords are known on legacy alone, and filters of alerts on Ignite alone. The rest stays."""
    entry = {"services": {"alerts": {"tag": "a.b", "lag_s": 7}, "keywords": {"path": "/x"}}}
    notes: list[str] = []
    new = migrated({"inputs": {"flashpoint_alert": entry}}, V2, notes)
    assert new["inputs"]["flashpoint_alert"] == {"services": {"alerts": {"tag": "a.b", "lag_s": 7}}}
    assert notes == ["keywords cannot be read on ignite_v2: left out."]
    entry = {"services": {"alerts": {"tag": "a.b", "filters": {"status": "flagged"}}}}
    new = migrated({"flashpoint_alert": entry}, LEGACY, notes)
    assert new == {"flashpoint_alert": {"services": {"alerts": {"tag": "a.b"}}}}


def test_secrets_are_left_out_and_noted() -> None:
    """The credentials of a collector's file do not move; the note says where they belong, and not what they are."""
    notes: list[str] = []
    document = {"inputs": {"flashpoint_alert": {"credentials": {"bearer_token_base64": "c2VjcmV0"}, "id": "1"}}}
    assert without_secrets(document, V2, notes) == {"inputs": {"flashpoint_alert": {"id": "1"}}}
    (note,) = notes
    assert note.startswith("inputs.flashpoint_alert.credentials is left out: ")
    assert "airflow connections add" in note
    assert "c2VjcmV0" not in note


@pytest.mark.parametrize(
    ("api", "host"),
    [(LEGACY, "https://fp.tools"), (V1, "https://api.flashpoint.io"), (V2, "https://api.flashpoint.io")],
)
def test_a_secret_goes_to_the_host_of_the_generation(api: Api, host: str) -> None:
    """The command of the note creates the connection to the target, so that no token of legacy is sent to Ignite."""
    notes: list[str] = []
    without_secrets({"inputs": {"flashpoint_alert": {"credentials": {}}}}, api, notes)
    assert f"--conn-host {host} " in notes[0]


@pytest.mark.parametrize("api", Api)
def test_other_inputs_stay(api: Api) -> None:
    """Inputs of other data sets pass unchanged, also the service whose name is that of a secret."""
    document = {
        "inputs": {
            "flashpoint_credential": {"services": {"credentials": {"tag": "a.b", "filters": {"is_fresh": "true"}}}},
            "flashpoint_report": {"reports": {"lag_s": 5}},
            "flashpoint_vulnerability": {"obfuscation": [{"path": "title", "action": "hash"}]},
        }
    }
    notes: list[str] = []
    assert migrated(without_secrets(document, api, notes), api, notes) == document
    assert notes == []


def test_an_input_that_is_off_stays() -> None:
    """What is off is not read, and stays as it is."""
    document = {"inputs": {"flashpoint_indicator": {"enabled": False, **legacy("md5")}}}
    assert migrated(document, V2, []) == document
