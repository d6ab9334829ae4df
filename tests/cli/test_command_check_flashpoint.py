"""`airflow-flashpoint check` of a Flashpoint connection: one finding for each cause, and keys that records have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import call
from tests.cli.test_command_check import bad_parts

pytestmark = pytest.mark.airflow

Connect = Callable[..., None]


@pytest.fixture(autouse=True)
def setup(airflow: None, config: Path, connections: Connect) -> None:
    """A complete and correct setup."""


@pytest.fixture
def change(config: Path) -> Callable[..., None]:
    """A function that changes the settings of a lookup."""

    def change(kind: str = "domain", **settings: Any) -> None:
        document = json.loads(config.read_text(encoding="utf-8"))
        lookups = document["inputs"]["flashpoint_indicator"]["services"]["indicators"]["lookups"]
        next(each for each in lookups if kind in each)[kind] |= settings
        config.write_text(json.dumps(document), encoding="utf-8")

    return change


def test_a_key_that_no_record_has(change: Callable[..., None]) -> None:
    """A lookup_key that real records do not have is refused, with the keys there are and the one that was meant."""
    change(lookup_key="domain")
    (said,) = bad_parts(call("check", "--json")).values()
    assert said.startswith("lookup_key is 'domain', which none of 10 rows has. Did you mean value.domain? ")
    assert "Event.fpid" in said


def test_a_key_that_some_records_lack(change: Callable[..., None]) -> None:
    """A lookup_key that more records lack than max_rejects allows is refused, since a run would fail."""
    change("ip-dst|port", lookup_key="malware_description")
    (said,) = bad_parts(call("check", "--json")).values()
    assert "'malware_description', which is empty in" in said
    assert "max_rejects is 0" in said
    change("ip-dst|port", max_rejects=9)
    assert bad_parts(call("check", "--json")) == {}


def test_keys_are_proven_by_records(change: Callable[..., None], connections: Connect) -> None:
    """A good key is named with its types; a type without records proves nothing, which is no problem."""
    said = {each["part"]: each["said"] for each in call("check", "--json").json["findings"]}
    assert "value.domain is in the records of domain" in said["flashpoint_default: lookup keys"]
    connections(flashpoint={"extra": {"api": "ignite_v1"}})
    change(filters={"query": "no-such-word"})
    found = {each["part"]: each for each in call("check", "--json").json["findings"]}["flashpoint_default: lookup keys"]
    assert found["good"]
    assert "no records of domain" in found["said"]


def test_every_problem_of_a_data_set_is_shown(change: Callable[..., None], connections: Connect) -> None:
    """Wrong types and filters do not hide each other, nor whether the token is good."""
    connections(flashpoint={"extra": {"api": "ignite_v2"}})
    change(filters={"query": "x"})
    findings = {each["part"]: each for each in call("check", "--json").json["findings"]}
    said = findings["flashpoint_default: settings"]["said"].split("\n")
    assert len(said) == 2
    assert "ip-dst|port" in said[0]
    assert "query" in said[1]
    assert findings["flashpoint_default: indicators"]["good"]


def test_one_cause_is_one_finding(connections: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stops all data sets of a connection is one finding."""
    connections(flashpoint={"host": "http://127.0.0.1:1"})
    assert set(bad_parts(call("check", "--json"))) == {"flashpoint_default: indicators, alerts"}
    connections(flashpoint={"password": None})
    assert set(bad_parts(call("check", "--json"))) == {"flashpoint_default: fields"}
    monkeypatch.delenv("AIRFLOW_CONN_FLASHPOINT_DEFAULT")
    bad = bad_parts(call("check", "--json"))
    assert set(bad) == {"flashpoint_default: fields"}
    assert "airflow connections add flashpoint_default" in bad["flashpoint_default: fields"]
