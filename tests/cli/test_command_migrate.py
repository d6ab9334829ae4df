"""`airflow-flashpoint config migrate`: it writes a file for another API generation, and says what changes in Devo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_flashpoint.config import load_collector_config
from airflow_provider_flashpoint.config.problems.collected import NO_SECRETS
from tests.cli.conftest import TAG, call

COLLECTOR = """\
# The collector of acme.
inputs:
  flashpoint_indicator:
    id: "1234"
    credentials:
      bearer_token_base64: c2VjcmV0LXRva2Vu
    services:
      indicators:
        lookups:  # by type
          - domain: {lookup_key: value.domain, lookup_status: New}
          - md5: {lookup_key: value.md5}
          - sha256: {lookup_key: value.sha256}
        filters: {query: acme}
        lag_s: 600  # late ones
  flashpoint_alert:
    services:
      alerts: {lag_s: 60}
"""
MIGRATED = """\
# The collector of acme.
inputs:
  flashpoint_indicator:
    id: "1234"
    services:
      indicators:
        lookups:  # by type
          - domain: {lookup_key: value, lookup_status: New}
          - file: {lookup_key: value, row_per_hash: true}
        lag_s: 600  # late ones
  flashpoint_alert:
    services:
      alerts: {lag_s: 60}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "collector.yaml"
    found.write_text(COLLECTOR, encoding="utf-8")
    return found


def test_a_file_is_written_in_the_words_of_the_old_one(file: Path) -> None:
    """Types, keys and filters change; comments and other settings stay, and secrets do not move."""
    output = file.with_name("new.yaml")
    outcome = call("config", "migrate", file, "--to", "ignite_v2", "--output", output)
    assert outcome.exit_code == 0
    assert output.read_text(encoding="utf-8") == MIGRATED
    assert file.read_text(encoding="utf-8") == COLLECTOR
    assert (
        call("config", "validate", output, "--api", "ignite_v2").out
        == f"{output}: valid, 2 lookups and alerts into {TAG}\n"
    )
    assert "c2VjcmV0" not in outcome.out + outcome.err


def test_the_report_says_what_changes_in_devo(file: Path) -> None:
    """Every lookup is named with what becomes of it, then what was left out, then what to do."""
    out = call("config", "migrate", file, "--to", "ignite_v2", "--output", file.with_name("new.yaml")).out
    lines = [line.split() for line in out.splitlines()]
    name = "Threatintel_Flashpoint_Intelligence"
    assert [f"{name}_Domain", "domain", "domain", "rebuilt"] in lines
    assert [f"{name}_File", "-", "file", "new"] in lines
    assert [f"{name}_Md5", "md5", "-", "ends"] in lines
    assert "note: inputs.flashpoint_indicator.credentials is left out" in out
    assert "note: The filter query of indicators does not exist on ignite_v2" in out
    assert "Set the host of the connection flashpoint_default to https://api.flashpoint.io" in out
    assert "note: Columns of new and rebuilt lookups without columns of their own: value, type, score.value," in out
    assert """airflow dags trigger flashpoint_indicator --conf '{"lookup_status": "New"}'""" in out
    assert "If the alerts came from legacy, accept once that the table now gets other events: " in out
    assert """airflow dags trigger flashpoint_alert --conf '{"accept_change": true}'""" in out


def test_without_an_output_the_text_alone_is_on_standard_output(file: Path) -> None:
    """The text can be piped into a file; the report goes to standard error."""
    outcome = call("config", "migrate", file, "--to", "ignite_v2")
    assert outcome.out == MIGRATED
    assert "LOOKUP" in outcome.err
    assert call("config", "migrate", file, "--to", "ignite_v2", "--json").json["text"] == MIGRATED


def test_a_generation_with_the_same_documents(file: Path) -> None:
    """From legacy to version 1 all lookups go on, and only the connection changes."""
    found = call("config", "migrate", file, "--to", "ignite_v1", "--json").json
    assert {each["change"] for each in found["lookups"]} == {"goes on"}
    assert found["steps"][0].endswith(
        'to https://api.flashpoint.io, its extra to {"api": "ignite_v1"}, and its token to one of Ignite.'
    )
    assert found["notes"] == ["inputs.flashpoint_indicator.credentials is left out: " + NO_SECRETS + "."]


def test_a_file_in_json_stays_one(file: Path) -> None:
    """The new file is of the language of the old one."""
    source, output = file.with_name("old.json"), file.with_name("new.json")
    source.write_text(json.dumps({"inputs": {"flashpoint_indicator": {"lookups": {"md5": {}}}}}), encoding="utf-8")
    assert call("config", "migrate", source, "--to", "ignite_v2", "--output", output).exit_code == 0
    (lookup,) = load_collector_config(output).indicators.lookups  # type: ignore[union-attr]
    assert lookup.indicator_type == "file"


def test_no_file_is_overwritten(file: Path) -> None:
    """An existing file is named, and stays."""
    outcome = call("config", "migrate", file, "--to", "ignite_v2", "--output", file)
    assert outcome.exit_code == 2
    assert f"{file} exists." in outcome.err
    assert file.read_text(encoding="utf-8") == COLLECTOR


def test_a_wrong_file_is_not_migrated(file: Path) -> None:
    """The problems of a file come first."""
    file.write_text(COLLECTOR.replace("lag_s: 600", "lag_s: soon"), encoding="utf-8")
    outcome = call("config", "migrate", file, "--to", "ignite_v2")
    assert outcome.exit_code == 1
    assert "lag_s: 'soon' is not allowed" in outcome.err
