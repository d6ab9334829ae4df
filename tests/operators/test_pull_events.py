"""Credentials, vulnerabilities and reports from Flashpoint to their tables in Devo."""

from __future__ import annotations

import json
import logging
import shutil
from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.core.flashpoint.api import DataSet
from airflow_provider_flashpoint.core.reporting.telemetry import TAG as TELEMETRY
from airflow_provider_flashpoint.operators import PullEventsOperator
from sandbox.dataset.events.credentials import MARKER, NUMBER_MARKER, credentials
from sandbox.dataset.events.reports import reports
from sandbox.dataset.events.vulnerabilities import vulnerabilities
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.flashpoint.server import FlashpointServer
from tests.operators.conftest import StartWorld
from tests.operators.test_ignite import IgniteWorld
from tests.operators.test_streams_apart import COUNT, PERIOD, START

pytestmark = pytest.mark.airflow

DOCUMENTS = {
    DataSet.CREDENTIALS: credentials,
    DataSet.VULNERABILITIES: vulnerabilities,
    DataSet.REPORTS: reports,
}
IDS = {DataSet.CREDENTIALS: "_id", DataSet.VULNERABILITIES: "id", DataSet.REPORTS: "id"}
of_each_data_set = pytest.mark.parametrize("data_set", DOCUMENTS)


class EventWorld(IgniteWorld):
    """One Flashpoint that serves all data sets, and one Devo."""

    @property
    def flashpoint(self) -> FlashpointServer:
        return self.flashpoints["flashpoint_two"]

    def start(self) -> None:
        super().start()
        for data_set, documents in DOCUMENTS.items():
            getattr(self.flashpoint.store, f"publish_{data_set}")(documents(1, COUNT, START, START + PERIOD))
        self.read_by("ignite_v2")

    def connect_flashpoint(self, **extra: str) -> None:
        """Set the connection to Flashpoint, with fields of its extra."""
        self._connect("flashpoint_two", self.flashpoint.airflow_connection() | {"extra": {"api": "ignite_v2", **extra}})

    def pull(self, data_set: DataSet, **arguments: Any) -> dict[str, Any]:
        """Run the task of a data set and return its summary."""
        shared = self._arguments(f"pull_{data_set}", "devo_acme", "flashpoint_two")
        return self._execute(PullEventsOperator(kind=data_set.value, tag=f"my.app.{data_set}", **shared, **arguments))

    def events(self, data_set: DataSet) -> list[dict[str, Any]]:
        return [json.loads(each) for each in self.devos["devo_acme"].tables.messages(f"my.app.{data_set}")]


@pytest.fixture
def world(start_world: StartWorld, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setitem(EventWriter.__init__.__kwdefaults__, "sleep", lambda seconds: None)
    return start_world(EventWorld)


@of_each_data_set
@pytest.mark.parametrize("api", ["ignite_v1", "ignite_v2"])
def test_each_record_is_delivered_once(world: EventWorld, data_set: DataSet, api: str) -> None:
    """Each record becomes one event in the table, as Flashpoint has it but for secrets; a rerun sends none again."""
    world.read_by(api)
    assert world.pull(data_set, include_secrets=True)["sent"] == COUNT
    assert world.pull(data_set, include_secrets=True)["repeated"] == COUNT
    expected = json.loads(json.dumps(list(DOCUMENTS[data_set](1, COUNT, START, START + PERIOD))))
    assert sorted(map(str, world.events(data_set))) == sorted(map(str, expected))


@of_each_data_set
def test_a_newer_version_is_an_event_of_its_own(world: EventWorld, data_set: DataSet) -> None:
    """A record that was changed is delivered again, even within the same hour, and those beside it are not."""
    world.pull(data_set)
    newer = next(iter(DOCUMENTS[data_set](1, COUNT, START + timedelta(seconds=61), START + PERIOD)))
    getattr(world.flashpoint.store, f"publish_{data_set}")([newer])
    summary = world.pull(data_set)
    assert (summary["sent"], summary["repeated"]) == (1, COUNT - 1)
    ids = [each[IDS[data_set]] for each in world.events(data_set)]
    assert ids.count(newer[IDS[data_set]]) == 2 and len(set(ids)) == COUNT


@of_each_data_set
def test_each_has_a_stream_of_its_own(world: EventWorld, data_set: DataSet) -> None:
    """State and ledger belong to the table and the data set, so two data sets may share a table."""
    world.pull(data_set)
    (variable,) = world.variables
    assert variable == f"flashpoint_alerts__my.app.{data_set}__{data_set}__acme__flashpoint_two"
    assert json.loads(world.variables[variable])["to_checkpoint_time"]


@of_each_data_set
def test_legacy_does_not_have_them(world: EventWorld, data_set: DataSet) -> None:
    """On legacy the task fails with the generations that have the data set, and sends nothing."""
    world.read_by("legacy")
    with pytest.raises(Exception, match=rf"ignite_v1, ignite_v2.*\(PullError 101: Error in fetch_{data_set}\)"):
        world.pull(data_set)
    assert world.events(data_set) == []


def test_filters_of_credentials(world: EventWorld) -> None:
    """Filters choose which credentials are read, and the state names them."""
    filters = {"is_fresh": "true", "domain": ["corp1.example"]}
    assert 0 < world.pull(DataSet.CREDENTIALS, filters=filters)["sent"] < COUNT
    assert all(each["_source"]["is_fresh"] for each in world.events(DataSet.CREDENTIALS))
    (state,) = world.variables.values()
    assert json.loads(state)["filters"]["is_fresh"] == "true"


def test_no_query_finds_the_version_of_an_event(world: EventWorld) -> None:
    """Verification by a query is refused, since an older version has the same id."""
    with pytest.raises(Exception, match=r"no id to query for"):
        world.pull(DataSet.REPORTS, verify="query")


def test_the_way_to_request_vulnerabilities_is_one_of_the_connection(world: EventWorld) -> None:
    """The task requests vulnerabilities as its connection says."""
    world.connect_flashpoint(vulnerability_request="post")
    with pytest.raises(Exception, match=r"405: .*vulnerability_request"):
        world.pull(DataSet.VULNERABILITIES)


def test_unsent_credentials_lose_their_secrets_when_they_are_no_longer_wanted(world: EventWorld) -> None:
    """Lines that a run with ``include_secrets`` could not send are sent without secrets by a run without it."""
    world.devos["devo_acme"].syslog_faults.add(*[SyslogFault("refuse")] * 5)
    with pytest.raises(Exception, match="did not confirm"):
        world.pull(DataSet.CREDENTIALS, include_secrets=True)
    summary = world.pull(DataSet.CREDENTIALS)
    assert (summary["unsent"], summary["sent"], summary["rejected"]) == (COUNT, 0, 0)
    kept = world.events(DataSet.CREDENTIALS)
    world.variables.clear()
    shutil.rmtree(world.staging)
    assert world.pull(DataSet.CREDENTIALS)["sent"] == COUNT
    assert sorted(map(str, kept)) == sorted(map(str, world.events(DataSet.CREDENTIALS)[COUNT:]))


def everything(world: EventWorld, caplog: pytest.LogCaptureFixture, found: list[str]) -> str:
    """Return all that is kept, logged or sent anywhere, as one text; texts of JSON are unescaped."""
    files = [path.read_bytes().decode("utf-8", "replace") for path in world.staging.rglob("*") if path.is_file()]
    tables = world.devos["devo_acme"].tables
    events = [*tables.messages(f"my.app.{DataSet.CREDENTIALS}"), *tables.messages(TELEMETRY)]
    logged = [*caplog.messages, *(str(record.exc_text) for record in caplog.records)]
    return "\n".join([*files, *events, *logged, *world.variables.values(), *found])


@pytest.mark.parametrize("include", [False, True])
def test_no_secret_of_a_credential_is_kept_or_sent(
    world: EventWorld, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, include: bool
) -> None:
    """No stage, ledger, unsent line, rejected record, log, summary, state, telemetry or event holds a secret.

    With ``include_secrets`` they do, which proves that the search would find them.
    """
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(PullEventsOperator, "log", logging.getLogger("operator"))
    devo, found = world.devos["devo_acme"], []
    devo.syslog_faults.add(*[SyslogFault("refuse")] * 5)
    with pytest.raises(Exception, match="did not confirm") as failed:  # the lines are kept
        world.pull(DataSet.CREDENTIALS, include_secrets=include)
    found.append(str(failed.value))
    assert list(world.staging.rglob("unsent/*"))
    before = everything(world, caplog, found)
    world.connect_devo("devo_acme", max_line_bytes="1024")
    world.flashpoint.store.publish_credentials(credentials(2, COUNT, START, START + PERIOD))
    summary = world.pull(DataSet.CREDENTIALS, include_secrets=include, max_rejects=COUNT, telemetry=True)
    assert summary["rejected"] > 0 and summary["unsent"] == COUNT
    assert list(world.staging.rglob("dead_letters/*/*"))
    after = everything(world, caplog, [*found, json.dumps(summary)])
    for text in (before, after):
        assert (MARKER in text) is include
        assert (str(NUMBER_MARKER) in text) is include
