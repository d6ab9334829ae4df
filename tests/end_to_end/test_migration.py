"""From a Docker collector's file to lookups that Ignite fills: migrated, checked, and run under a real scheduler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from demo.airflow_lab import AirflowLab
from sandbox.generations import IGNITE_V2
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_alerts, judge_lookup
from tests.cli.conftest import call

pytestmark = [pytest.mark.airflow, pytest.mark.scheduler]

PERIOD = timedelta(minutes=5)
DAGS = ("flashpoint_indicator", "flashpoint_alert")
COLLECTOR = """\
# The file of a Docker collector, as it stood beside its container.
globals: {debug: false, id: acme}
outputs:
  devo_us: {type: devo_platform, config: {address: collector-us.devo.io, port: 443}}
inputs:
  flashpoint_indicator:
    id: "1234"
    enabled: true
    credentials: {bearer_token_base64: bGVnYWN5LXRva2Vu}
    environment: production
    services:
      indicators:
        initial_start_time: "%(start)s"
        request_period_in_seconds: 300
        lookups:
          - domain: {lookup_key: value.domain, lookup_status: New}
          - hostname: {lookup_key: value.hostname, lookup_status: New}
          # addresses
          - ip-dst: {lookup_key: value.ip-dst, lookup_status: New}
          - md5: {lookup_key: value.md5, lookup_status: New}
          - sha256: {lookup_key: value.sha256, lookup_status: New}
          - regkey: {lookup_key: value.regkey, lookup_status: New}
  flashpoint_alert:
    id: "5678"
    credentials: {bearer_token_base64: bGVnYWN5LXRva2Vu}
    services:
      alerts: {initial_start_time: "%(start)s", request_period_in_seconds: 300}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Both services after the first run of the migrated DAGs."""
    end = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC) - PERIOD
    start = end - 2 * PERIOD
    home = tmp_path_factory.mktemp("migration")
    old, new = home / "collector.yaml", home / "flashpoint_collector.yaml"
    old.write_text(COLLECTOR % {"start": start.isoformat()}, encoding="utf-8")
    outcome = call("config", "migrate", old, "--to", "ignite_v2", "--output", new)
    assert outcome.exit_code == 0, outcome
    assert "bGVnYWN5" not in new.read_text(encoding="utf-8") + outcome.out
    assert call("config", "validate", new, "--api", "ignite_v2").exit_code == 0
    with Sandbox() as running:
        store = running.flashpoint.store
        IGNITE_V2.indicators.publish(store, 7, 600, start, end, types=("domain", "ipv4", "ipv6", "file", "url"))
        IGNITE_V2.alerts.publish(store, 7, 60, start, end)
        environment = {**running.airflow_connections("ignite_v2"), "FLASHPOINT_COLLECTOR_CONFIG": str(new)}
        with AirflowLab(home / "airflow", Path(__file__).parents[2] / "dags", environment=environment) as lab:
            for dag_id in DAGS:
                lab.unpause(dag_id)
            for dag_id in DAGS:  # the first run reads from the initial start time
                lab.wait_for_runs(dag_id, 1, timeout_s=240.0)
        yield running


@pytest.mark.parametrize("kind", ["domain", "ipv4", "ipv6"])
def test_lookups_are_filled_from_ignite(sandbox: Sandbox, kind: str) -> None:
    """Each lookup that replaces some of the collector holds the newest version of each of its indicators."""
    verdict = judge_lookup(sandbox, default_lookup_name(kind), indicator_type=kind, generation=IGNITE_V2)
    assert verdict.served > 50
    assert verdict.is_good, verdict


def test_a_file_is_found_by_each_of_its_hashes(sandbox: Sandbox) -> None:
    """The lookups of md5 and sha256 become one, whose rows are found by the value and by every hash."""
    found = {row[0] for row in sandbox.devo.lookups[default_lookup_name("file")].rows()}
    served = IGNITE_V2.newest(sandbox.flashpoint.store, "file")
    hashes = [value for each in served.values() for value in (each.get("hashes") or {}).values() if value]
    assert found == {*served, *hashes}
    assert len(found) > len(served) > 50


def test_nothing_else_is_filled(sandbox: Sandbox) -> None:
    """A type without a counterpart has no lookup, and one that nobody asked for has none either."""
    names = {default_lookup_name(kind) for kind in ("domain", "ipv4", "ipv6", "file")}
    assert {*sandbox.devo.lookups.names()} == names


def test_alerts_arrive_from_ignite(sandbox: Sandbox) -> None:
    """Each notification is in the collector's table, once."""
    verdict = judge_alerts(sandbox, DEFAULT_TAG, generation=IGNITE_V2)
    assert verdict.served == 60
    assert verdict.is_good, verdict
    assert all("alert_id" not in json.loads(text) for text in sandbox.devo.tables.messages(DEFAULT_TAG))
