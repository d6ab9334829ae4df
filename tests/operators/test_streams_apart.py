"""Streams with one name: each Devo domain and each Flashpoint has its own state, ledger, lock and stages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.config.model import DEFAULT_TAG
from airflow_provider_flashpoint.core.flashpoint.api import EVENT_DATA_SETS
from airflow_provider_flashpoint.operators import (
    LookupSyncOperator,
    PullAlertsOperator,
    PullEventsOperator,
    PullIndicatorsOperator,
)
from sandbox.dataset.documents import alerts, indicators
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.flashpoint.server import FlashpointServer
from sandbox.http_service.faults import Fault
from tests.operators.conftest import StartWorld

pytestmark = pytest.mark.airflow

START = datetime.fromtimestamp(datetime.now(UTC).timestamp() // 300 * 300, UTC) - timedelta(minutes=10)
PERIOD = timedelta(minutes=5)
COUNT = 40
LOOKUP = {"indicator_type": "domain", "lookup_name": "Domains", "lookup_key": "value.domain"}
STORE = "airflow_provider_flashpoint.airflow_runtime.storage.stream"


class World:
    """Two Flashpoints with different data, two Devos, and Variables in a dictionary.

    Runs are for the period up to ``end``, and have the configuration ``conf``.
    """

    end = START + PERIOD
    conf: dict[str, Any] | None = None

    def __init__(self, staging: Path, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.staging = staging
        self.variables: dict[str, str] = {}
        self.flashpoints = {name: FlashpointServer() for name in ("flashpoint_one", "flashpoint_two")}
        self.devos = {
            name: DevoServer(DevoSettings(directory=directory, domain=name.removeprefix("devo_"), job_polls=0))
            for name in ("devo_acme", "devo_beta")
        }
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(f"{STORE}.read_state", self._read)
        monkeypatch.setattr(f"{STORE}.write_state", self._write)
        monkeypatch.setattr(f"{STORE}.delete_variable", self.variables.pop)

    def start(self) -> None:
        for number, (name, flashpoint) in enumerate(self.flashpoints.items()):
            flashpoint.start()
            flashpoint.store.publish_alerts(alerts(number, COUNT, START, START + PERIOD))
            flashpoint.store.publish_indicators(indicators(number, COUNT, START, START + PERIOD, types=("domain",)))
            self._connect(name, flashpoint.airflow_connection())
        for name, devo in self.devos.items():
            devo.start()
            self.connect_devo(name)

    def change_account(self, conn_id: str, *, to: str) -> None:
        """Give a connection to Flashpoint the host and the token of another one."""
        self._connect(conn_id, self.flashpoints[to].airflow_connection())

    def connect_devo(self, conn_id: str, *, to: str = "", **extra: str | None) -> None:
        """Set a connection, with changes of its extra fields; None removes one."""
        connection = self.devos[to or conn_id].airflow_connection()
        fields = {**connection["extra"], **extra}
        connection["extra"] = {name: value for name, value in fields.items() if value is not None}
        self._connect(conn_id, connection)

    def stop(self) -> None:
        for server in (*self.flashpoints.values(), *self.devos.values()):
            server.stop()

    def alerts(self, devo: str = "devo_acme", flashpoint: str = "flashpoint_one", **arguments: Any) -> dict[str, Any]:
        """Run the alert task and return its summary."""
        return self._execute(PullAlertsOperator(**self._arguments("pull_alerts", devo, flashpoint), **arguments))

    def lookup(self, devo: str = "devo_acme", flashpoint: str = "flashpoint_one", **arguments: Any) -> dict[str, Any]:
        """Run the pull and the sync of a lookup, and return the summary of the sync."""
        stage = self.pull(devo, flashpoint, **arguments)
        shared = LOOKUP | arguments
        return self._execute(LookupSyncOperator(stage=stage, **self._arguments("sync", devo, flashpoint), **shared))

    def pull(self, devo: str = "devo_acme", flashpoint: str = "flashpoint_one", **arguments: Any) -> dict[str, Any]:
        """Run the pull of a lookup, and return its summary."""
        shared = LOOKUP | arguments
        return self._execute(PullIndicatorsOperator(**self._arguments("pull", devo, flashpoint), **shared))

    def rows(self, devo: str, lookup: str = "Domains") -> int:
        return len(list(self.devos[devo].lookups[lookup].rows()))

    def _arguments(self, task_id: str, devo: str, flashpoint: str) -> dict[str, Any]:
        return {
            "task_id": task_id,
            "devo_conn_id": devo,
            "flashpoint_conn_id": flashpoint,
            "staging_uri": self.staging.as_uri(),
        }

    def _execute(self, operator: Any) -> dict[str, Any]:
        interval = {"data_interval_start": self.end - PERIOD, "data_interval_end": self.end}
        found: dict[str, Any] = operator.execute({**interval, "dag_run": SimpleNamespace(conf=self.conf)})
        return found

    def _connect(self, name: str, fields: dict[str, Any]) -> None:
        self._monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))

    def _read(self, kind: Any, variable: str) -> Any:
        return kind.from_json(self.variables[variable], name=variable) if variable in self.variables else None

    def _write(self, variable: str, state: Any) -> bool:
        self.variables[variable] = state.to_json()
        return True


@pytest.fixture
def world(start_world: StartWorld) -> Any:
    """Two of each service, with a connection for each."""
    return start_world(World)


def in_0_1_0(world: World, kind: str, name: str) -> None:
    """Rename what the stream of acme has kept to the names of version 0.1.0."""
    prefix = {"alerts": "flashpoint_alerts__", "lookups": "flashpoint_lookup__"}[kind]
    [variable] = [each for each in world.variables if each.startswith(prefix)]
    state = json.loads(world.variables.pop(variable))
    for field in ("name", "destination", "source"):
        state.pop(field)
    world.variables[f"{prefix}{name}"] = json.dumps(state)
    for folder, old in ((kind, name), ("indicators", "domain")):
        for directory in (world.staging / folder).glob("*"):
            directory.rename(directory.with_name(old))
    (world.staging / kind / name / ".newest_try").unlink(missing_ok=True)


def all_rows(found: dict[str, Any]) -> int:
    """Return how many rows a sync has read; several may have one key."""
    return int(found["rows_sent"] + found["superseded"])


Run = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "second",
    [
        {"devo": "devo_beta"},
        {"flashpoint": "flashpoint_two"},
        {"devo": "devo_beta", "flashpoint": "flashpoint_two"},
        {"devo": "devo_beta", "tag": DEFAULT_TAG.upper()},
        {"tag": f"{DEFAULT_TAG}__keywords"},
    ],
)
def test_a_table_gets_all_alerts_whatever_another_stream_of_its_name_got(world: World, second: dict[str, str]) -> None:
    """Another domain, another Flashpoint, another table or data set is another stream, with nothing in common."""
    tables, tag = world.devos[second.get("devo", "devo_acme")].tables, second.get("tag", DEFAULT_TAG)
    assert world.alerts()["sent"] == COUNT
    before = tables.count(tag)
    assert (world.alerts(**second)["sent"], len(world.variables)) == (COUNT, 2)
    assert tables.count(tag) == before + COUNT
    assert world.alerts(**second)["repeated"] == world.alerts()["repeated"] == COUNT


@pytest.mark.parametrize(
    "second",
    [
        {"devo": "devo_beta"},
        {"devo": "devo_beta", "flashpoint": "flashpoint_two"},
        {"lookup_name": "domains"},
        {"devo": "devo_beta", "lookup_name": "D" * 200},
    ],
)
def test_a_lookup_is_built_whatever_another_stream_of_its_name_has(world: World, second: dict[str, str]) -> None:
    """The second lookup is built from all records, with its own stages, ledger and state, and both are continued."""
    first, found = world.lookup(), world.lookup(**second)
    assert all_rows(first) == all_rows(found) == COUNT
    assert world.rows("devo_acme") == first["rows_sent"]
    assert world.rows(second.get("devo", "devo_acme"), second.get("lookup_name", "Domains")) == found["rows_sent"]
    assert len(list((world.staging / "indicators").iterdir())) == 2
    assert all_rows(world.lookup(**second)) == all_rows(world.lookup()) == COUNT
    assert {json.loads(state)["generation"] for state in world.variables.values()} == {
        path.name for path in (world.staging / "lookups").glob("*/[0-9]*")
    }


@pytest.mark.parametrize("kind", EVENT_DATA_SETS)
def test_no_table_of_alerts_has_the_stream_of_another_data_set(kind: str) -> None:
    """A table of alerts whose name ends like the stream of a data set has a stream of its own."""
    alerts = PullAlertsOperator(task_id="alerts", tag=f"my.app.x__{kind}")
    assert alerts.stream != PullEventsOperator(task_id="events", tag="my.app.x", kind=kind).stream


@pytest.mark.parametrize("second", ["devo_other", "devo_beta"])
def test_one_domain_is_one_stream_over_any_connection(world: World, second: str) -> None:
    """A domain is the same destination in upper case, and over another connection."""
    assert world.alerts()["sent"] == COUNT
    world.connect_devo(second, to="devo_acme", domain="ACME")
    assert world.alerts(second)["repeated"] == COUNT


@pytest.mark.parametrize("run", [World.alerts, World.lookup])
def test_connections_without_a_domain_are_destinations_of_their_own(world: World, run: Run) -> None:
    """Without a domain, the id of the connection is the destination."""
    extra = {"domain": None, "lookup_transport": "syslog"}
    for name in ("devo_acme", "devo_beta"):
        world.connect_devo(name, **extra, lookup_pause_s="0")
        found = run(world, name)
        assert found.get("sent") or all_rows(found) == COUNT


def test_a_pull_that_ended_early_is_not_gone_on_with_from_another_account(world: World) -> None:
    """Where a connection gets another host or token, the sections of the account before do not come into the lookup."""
    early = Fault("status", status=403, skip=40, match="indicators")
    world.flashpoints["flashpoint_one"].faults.add(early)
    with pytest.raises(Exception, match="403"):
        world.pull(page_size=2)
    assert list(world.staging.rglob("sections/*"))
    world.change_account("flashpoint_one", to="flashpoint_two")
    world.lookup(page_size=2)
    world.lookup("devo_beta", "flashpoint_two")
    acme, beta = (sorted(map(str, devo.lookups["Domains"].rows())) for devo in world.devos.values())
    assert acme == beta


def test_what_0_1_0_kept_is_taken_over_by_one_stream_and_the_other_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The first stream of the name continues; the second begins without a state and gets everything."""
    assert world.alerts()["sent"] == COUNT
    in_0_1_0(world, "alerts", DEFAULT_TAG)
    found = world.alerts()
    assert (found["sent"], found["repeated"]) == (0, COUNT)
    assert "has taken over the state in the Variable flashpoint_alerts__" in caplog.text
    assert list(world.variables) == [f"flashpoint_alerts__{DEFAULT_TAG}__acme__flashpoint_one"]
    assert world.alerts("devo_beta")["sent"] == COUNT
    assert "begins without a state" in caplog.text
    assert world.alerts()["repeated"] == world.alerts("devo_beta")["repeated"] == COUNT


def test_a_lookup_of_0_1_0_is_taken_over_with_its_ledger_and_its_stages(world: World) -> None:
    """The first stream adds to the lookup by its ledger; the second builds its own."""
    world.lookup()
    in_0_1_0(world, "lookups", "Domains")
    assert all_rows(world.lookup()) == COUNT
    assert [job.operation for job in world.devos["devo_acme"].lookups["Domains"].jobs] == ["create", "append"]
    assert [path.name for path in (world.staging / "lookups").iterdir()] == ["Domains"]
    assert [path.name for path in (world.staging / "indicators").iterdir()] == ["domain"]
    assert all_rows(world.lookup("devo_beta")) == COUNT
    assert [job.operation for job in world.devos["devo_beta"].lookups["Domains"].jobs] == ["create"]


def test_only_the_writer_of_a_state_takes_it_over(world: World) -> None:
    """A pull reads the state of 0.1.0 and leaves it, since a pull may be given another connection than its sync."""
    world.lookup()
    in_0_1_0(world, "lookups", "Domains")
    assert world.pull("devo_beta")["window"] == world.pull("devo_acme")["window"]
    assert list(world.variables) == ["flashpoint_lookup__Domains"]
    assert world.lookup()["status"] == "Created"
    assert [job.operation for job in world.devos["devo_acme"].lookups["Domains"].jobs] == ["create", "append"]


@pytest.mark.parametrize("leftover", ["state", "directory"])
def test_a_part_of_what_0_1_0_kept_is_taken_over_by_one_stream(world: World, leftover: str) -> None:
    """A state without a directory, or a directory without a state, belongs to the first stream alone."""
    world.alerts()
    in_0_1_0(world, "alerts", DEFAULT_TAG)
    if leftover == "state":
        for file in sorted(world.staging.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
    else:
        world.variables.clear()
    assert world.alerts()["repeated"] == (0 if leftover == "state" else COUNT)
    assert world.alerts("devo_beta")["sent"] == COUNT
    assert world.alerts()["repeated"] == world.alerts("devo_beta")["repeated"] == COUNT


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_stream_that_takes_over_nothing_leaves_what_0_1_0_kept_and_tells_it(
    world: World, is_readable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream of a named configuration begins new, even if it runs first; nothing shows whose the old state is."""
    world.alerts()
    in_0_1_0(world, "alerts", DEFAULT_TAG)
    old = f"flashpoint_alerts__{DEFAULT_TAG}"
    state = world.variables[old]
    world.variables[old] = state if is_readable else "{"
    assert world.alerts("devo_beta", take_over=False)["sent"] == COUNT
    told = f"only a configuration without a name takes over the state of an earlier version in the Variable {old}. "
    assert caplog.text.count(told) == is_readable
    world.variables[old] = state
    assert world.alerts()["repeated"] == COUNT
    assert world.alerts("devo_beta", take_over=False)["repeated"] == COUNT
    assert caplog.text.count(told) == is_readable


@pytest.mark.parametrize("domain", ["acme", None])
@pytest.mark.parametrize("kind", ["alerts", "lookups"])
def test_a_stream_keeps_what_it_has_taken_over_when_its_configuration_gets_a_name(
    world: World, kind: str, domain: str | None
) -> None:
    """A named configuration takes over nothing, and goes on with what its stream has taken over before."""
    extra = {"lookup_transport": "syslog", "lookup_pause_s": "0"} if kind == "lookups" else {}
    world.connect_devo("devo_acme", **extra, domain=domain)
    run, name = (World.alerts, DEFAULT_TAG) if kind == "alerts" else (World.lookup, "Domains")
    run(world)
    in_0_1_0(world, kind, name)
    before = run(world)
    world.connect_devo("devo_acme", **extra)  # with its domain
    after = run(world, take_over=False)
    assert [json.loads(state)["destination"] for state in world.variables.values()] == ["acme"]
    if kind == "alerts":
        assert before["repeated"] == after["repeated"] == COUNT
    else:
        assert after["status"] == "Created"
        assert {path.name for path in (world.staging / kind).glob("*/[0-9]*")} == {
            json.loads(state)["generation"] for state in world.variables.values()
        }
    other = run(world, "devo_beta", take_over=False)
    assert other.get("sent") or all_rows(other) == COUNT


@pytest.mark.parametrize("is_from_0_1_0", [False, True])
def test_a_stream_goes_on_where_its_connection_gets_a_domain(world: World, is_from_0_1_0: bool) -> None:
    """State and ledger stay with the stream; a second domain of that connection begins new, and so does none."""
    world.connect_devo("devo_acme", domain=None)
    assert world.alerts()["sent"] == COUNT
    if is_from_0_1_0:
        in_0_1_0(world, "alerts", DEFAULT_TAG)
        assert world.alerts()["repeated"] == COUNT
    world.connect_devo("devo_acme")
    assert world.alerts()["repeated"] == world.alerts()["repeated"] == COUNT
    assert list(world.variables) == [f"flashpoint_alerts__{DEFAULT_TAG}__acme__flashpoint_one"]
    for extra in ({"domain": "gamma"}, {"domain": None}):
        world.connect_devo("devo_acme", **extra)
        assert world.alerts()["sent"] == COUNT
        assert world.alerts()["repeated"] == COUNT
    world.connect_devo("devo_acme")
    assert world.alerts()["repeated"] == COUNT


def test_a_lookup_goes_on_where_its_connection_gets_a_domain(world: World) -> None:
    """The lookup is added to, with the ledger that it has."""
    world.connect_devo("devo_acme", domain=None, lookup_transport="syslog", lookup_pause_s="0")
    assert all_rows(world.lookup()) == COUNT
    world.connect_devo("devo_acme", lookup_transport="syslog", lookup_pause_s="0")
    assert world.lookup()["status"] == "Created"
    assert len({json.loads(state)["generation"] for state in world.variables.values()}) == 1
    assert len(list((world.staging / "lookups").iterdir())) == 1


def test_the_stages_of_types_that_differ_in_unsafe_characters_are_apart(world: World) -> None:
    """Each type has its own directory inside the staging storage, whatever characters it consists of."""
    for number, kind in enumerate(("ip-dst|port", "ip-dst_port", "..", "../x", "T" * 300, "IP-dst_port")):
        world.lookup(indicator_type=kind, lookup_name=f"L{number}")
    assert len(list((world.staging / "indicators").iterdir())) == 6
    assert {path.name for path in world.staging.iterdir()} == {"indicators", "lookups"}
