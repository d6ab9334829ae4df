"""Obfuscated values do not reach Devo, a file, a log or the database of Airflow."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.config import default_lookup_name, parse_collector_config
from airflow_provider_flashpoint.operators.pull_alerts import DEFAULT_TAG
from sandbox.dataset.documents import alerts, indicators
from sandbox.sandbox import Sandbox
from tests.conftest import RunDag
from tests.end_to_end.conftest import PERIOD

pytestmark = pytest.mark.airflow

HIDDEN = "tell-nobody"  # in every value that a rule names, and nowhere else
SECRET = "the-secret-of-the-digests"
INDICATOR_RULES = [
    {"path": "value.domain", "action": "hash"},
    {"path": "Event.event_creator_email", "action": "mask"},
    {"path": "Event.Tag.name", "action": "hash"},
    {"path": "reports", "action": "drop"},
]
ALERT_RULES = [
    {"path": "source.body.text/plain", "action": "hash"},
    {"path": "source.site_actor", "action": "mask"},
    {"path": "highlights", "action": "drop"},
]
COUNT = 30


@dataclass(frozen=True)
class Results:
    """The results of one run of both DAGs: in Devo, in the staging storage, and in the output."""

    sandbox: Sandbox
    staging: Path
    printed: str

    def rows(self) -> list[dict[str, str]]:
        lookup = self.sandbox.devo.lookups[default_lookup_name("domain")]
        return [dict(zip(lookup.columns, row, strict=True)) for row in lookup.rows()]

    def events(self) -> list[Any]:
        return [json.loads(message) for message in self.sandbox.devo.tables.messages(DEFAULT_TAG)]

    def files(self) -> dict[str, bytes]:
        """Return the contents of all files of the staging storage and of the folder of Airflow's database, by path."""
        from airflow.utils.session import create_session

        with create_session() as session:
            database = Path(session.get_bind().url.database)
        found = {}
        for root in (self.staging, database.parent):
            for path in filter(Path.is_file, root.rglob("*")):
                content = path.read_bytes()
                found[str(path)] = gzip.decompress(content) if path.suffix == ".gz" else content
        return found


def indicator(document: dict[str, Any], number: int) -> dict[str, Any]:
    document["value"]["domain"] = f"{HIDDEN}-{number}.example" if number else None  # the first one is rejected
    document["Event"]["event_creator_email"] = f"{HIDDEN}@example.org"
    document["Event"]["Tag"] = [{"name": f"{HIDDEN}-a", "id": 1}, {"name": f"{HIDDEN}-b", "id": 2}]
    document["reports"] = [{"html": f"https://{HIDDEN}.example"}]
    return document


def alert(document: dict[str, Any], number: int) -> dict[str, Any]:
    document["source"]["body"] = {"text/plain": f"{HIDDEN} {number}"}
    document["source"]["site_actor"] = {"names": {"handle": HIDDEN}}
    document["highlights"] = [HIDDEN]
    if not number:
        document["source"]["padding"] = "x" * 50_000  # longer than the connection allows, so it is rejected
    return document


def last_period() -> datetime:
    """Return the end of the period that has data."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC) - 2 * PERIOD


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def connected(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with both connections to it set."""
    extras = {"FLASHPOINT": {"obfuscation_secret": SECRET}, "DEVO": {"max_line_bytes": 40_000}}
    for name, text in sandbox.airflow_connections().items():
        fields = json.loads(text)
        (extra,) = [extra for service, extra in extras.items() if service in name]
        monkeypatch.setenv(name, json.dumps({**fields, "extra": {**fields.get("extra", {}), **extra}}))
    return sandbox


@pytest.fixture
def results(connected: Sandbox, run_dag: RunDag, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Results:
    """The results of one period with rules, in which one indicator and one alert are rejected."""
    from airflow_provider_flashpoint.dag_factory import alert_dag, indicator_dag

    end = last_period()
    start = end - PERIOD
    store = connected.flashpoint.store
    store.publish_indicators(
        indicator(document, number)
        for number, document in enumerate(indicators(3, COUNT, start, end, types=("domain",)))
    )
    store.publish_alerts(alert(document, number) for number, document in enumerate(alerts(3, COUNT, start, end)))
    common = {
        "initial_start_time": start.isoformat(),
        "max_rejects": 1,
        "staging_uri": tmp_path.as_uri(),
    }
    config = parse_collector_config({
        "flashpoint_indicator": {
            **common,
            "lookups": [{"domain": {"lookup_key": "value.domain", "lookup_status": "New"}}],
            "obfuscation": INDICATOR_RULES,
        },
        "flashpoint_alert": {**common, "obfuscation": ALERT_RULES},
    })
    assert config.indicators
    assert config.alerts
    states = [run_dag(dag, end).state for dag in (indicator_dag(config.indicators), alert_dag(config.alerts))]
    captured = capfd.readouterr()
    assert states == ["success", "success"], captured
    return Results(connected, tmp_path, captured.out + captured.err)


def digest(text: str) -> str:
    return hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()


def test_obfuscated_values_are_stored_nowhere(results: Results) -> None:
    """Lookups, events, stages, rejected records, ledgers, Airflow's database and logs have only obfuscated values."""
    rows, events, files = results.rows(), results.events(), results.files()
    assert [row["value.domain"] for row in rows if row["value.domain"] == digest(f"{HIDDEN}-1.example")]
    assert {row["Event.event_creator_email"] for row in rows} == {"***"}
    assert {tuple(tag["name"] for tag in json.loads(row["Event.Tag"])) for row in rows} == {
        (digest(f"{HIDDEN}-a"), digest(f"{HIDDEN}-b"))
    }
    assert {"source.body.text/plain", "reports"}.isdisjoint(rows[0])
    assert {event["source"]["site_actor"] for event in events} == {"***"}
    assert digest(f"{HIDDEN} 1") in {event["source"]["body"]["text/plain"] for event in events}
    assert (len(rows), len(events)) == (COUNT - 1, COUNT - 1)

    rejected = [name for name in files if "dead_letters" in name]
    assert len(rejected) == 2
    assert all(b"***" in files[name] for name in rejected)
    assert any(name.endswith(".jsonl.gz") for name in files)
    assert any(name.endswith("airflow.db") for name in files)
    leaked = [name for name, content in files.items() if HIDDEN.encode() in content or SECRET.encode() in content]
    assert leaked == []
    assert HIDDEN not in json.dumps([rows, events])
    assert "pull_alerts" in results.printed
    assert HIDDEN not in results.printed
    assert SECRET not in results.printed


@pytest.mark.parametrize(
    ("pulled_under", "synced_under", "pulls_again"),
    [
        pytest.param(True, False, True, id="a sync without rules takes those of its stage"),
        pytest.param(False, True, False, id="a stage pulled without rules is pulled again"),
        pytest.param(True, True, False, id="a stage pulled under the same rules is taken"),
    ],
)
def test_a_sync_sends_only_obfuscated_values(
    connected: Sandbox, run_dag: RunDag, tmp_path: Path, *, pulled_under: bool, synced_under: bool, pulls_again: bool
) -> None:
    """Rules of either task apply, also if the sync pulls again because its stage is not enough."""
    from airflow.providers.common.compat.sdk import DAG

    from airflow_provider_flashpoint.operators.lookup_sync import LookupSyncOperator
    from airflow_provider_flashpoint.operators.pull_indicators import PullIndicatorsOperator

    end = last_period()
    case = f"{pulled_under}_{synced_under}"
    starts = [(end - PERIOD).isoformat(), (end - 2 * PERIOD).isoformat()]
    connected.flashpoint.store.publish_indicators(
        indicator(document, number + 1)
        for number, document in enumerate(indicators(4, COUNT, end - PERIOD, end, types=(f"domain{case}",)))
    )
    shared: dict[str, Any] = {
        "indicator_type": f"domain{case}",
        "lookup_name": f"Obfuscation_{case}",
        "staging_uri": tmp_path.as_uri(),
        "end": end.isoformat(),
    }
    with DAG(f"obfuscation_{case}", schedule=None, start_date=end) as dag:
        pull = PullIndicatorsOperator(
            task_id="pull", obfuscation=INDICATOR_RULES if pulled_under else None, start=starts[0], **shared
        )
        LookupSyncOperator(
            task_id="sync",
            stage=pull.output,
            lookup_key="value.domain",
            obfuscation=INDICATOR_RULES if synced_under else None,
            start=starts[pulls_again],
            **shared,
        )
    assert run_dag(dag, end).state == "success"
    rows = connected.devo.lookups[f"Obfuscation_{case}"].rows()
    assert len(rows) == COUNT
    assert HIDDEN not in json.dumps(rows)
