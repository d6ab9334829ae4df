"""`airflow-flashpoint state`: it shows the states that runs wrote, and the next run uses the changed states."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_flashpoint.config import load_collector_config
from airflow_provider_flashpoint.core.staging.indicators.sections import Section, SectionFile
from airflow_provider_flashpoint.core.state import EventState, LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window
from sandbox.sandbox import Sandbox
from tests.cli.conftest import END, LOOKUPS, START, TAG, WINDOW, call, call_process
from tests.conftest import RunDag

pytestmark = pytest.mark.airflow

DOMAINS = "flashpoint_lookup__Domains__sandbox__flashpoint_default"
ALERTS = f"flashpoint_alerts__{TAG}__sandbox__flashpoint_default"
CHECKPOINT = datetime(2026, 1, 5, tzinfo=UTC)
CREATED = LookupState(
    status=LookupStatus.CREATED,
    columns=("value.domain", "_extra"),
    key="value.domain",
    generation="20260105T000000Z-abcd",
    from_checkpoint_time=START,
    to_checkpoint_time=CHECKPOINT,
    run_id="scheduled__2026-01-05",
)


@pytest.fixture(autouse=True)
def setup(airflow: None, config: Path, connections: Callable[..., None]) -> None:
    """A complete and correct setup, without states."""


@pytest.fixture
def empty_devo(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.devo.tables.clear()
    sandbox.devo.lookups.clear()


def write(variable: str, text: str) -> None:
    from airflow_provider_flashpoint.airflow_runtime import database

    database.write_variable(variable, text)


def read(variable: str) -> str | None:
    from airflow_provider_flashpoint.airflow_runtime import database

    return database.read_variable(variable)


def stored(variable: str) -> LookupState:
    text = read(variable)
    assert text is not None
    return LookupState.from_json(text, name=variable)


def shown() -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in call("state", "show", "--json").json["states"]}


def run(run_dag: RunDag, config: Path, dag_id: str, conf: dict[str, str]) -> None:
    from airflow_provider_flashpoint.streams.catalog import dags_of

    dag = next(dag for dag in dags_of(load_collector_config(config)) if dag.dag_id == dag_id)
    assert run_dag(dag, datetime.now(UTC), conf).state == "success"


def test_the_share_of_a_long_pull_is_shown(config: Path) -> None:
    """A pull that is under way, or ended early, is shown with its share of the window until the lookup is synced."""
    from airflow_provider_flashpoint.streams.catalog import all_streams

    stream = next(each for each in all_streams([load_collector_config(config)]) if each.name == "Domains")
    task: Any = stream.task
    assert stream.store
    now, window = datetime.now(UTC), Window(START, END)
    section = Section(end=START + 0.9 * (END - START), pulled_at=now, parts=(), names={})
    SectionFile(task.stages(stream.store), window=window, identity={}).write("stage", [section])
    pull = shown()["Domains"]["pull"]
    assert (pull["share"], pull["records"], pull["window"]) == (0.9, 0, window.to_dict())
    assert re.search(r"Domains .* no state, 90 % pulled ", call("state", "show").out)
    write(DOMAINS, replace(CREATED, updated_at=now).to_json())
    assert "Created, 90 % pulled" in call("state", "show").out
    write(DOMAINS, replace(CREATED, updated_at=now + timedelta(seconds=1)).to_json())
    assert shown()["Domains"]["pull"] is None


def test_what_has_no_state_yet_is_shown() -> None:
    """Every stream of the configuration is listed; a missing state is not a problem."""
    outcome = call("state", "show")
    assert outcome.exit_code == 0
    assert [each["present"] for each in shown().values()] == [False, False, False]
    assert list(shown()) == [*LOOKUPS.values(), TAG]


def test_a_state_is_shown_with_its_fields() -> None:
    """Status, checkpoint, number of columns, last run and age are those of the Variable."""
    write(DOMAINS, CREATED.to_json())
    found = shown()["Domains"]
    assert found["status"] == "Created"
    assert found["to_checkpoint_time"] == "2026-01-05T00:00:00Z"
    assert found["columns"] == 2
    assert found["run_id"] == "scheduled__2026-01-05"
    assert found["age_s"] == pytest.approx((datetime.now(UTC) - CHECKPOINT).total_seconds(), abs=600)


@pytest.mark.parametrize("name", ["Domains", "domain", DOMAINS])
def test_a_stream_is_known_by_each_of_its_names(name: str) -> None:
    """The lookup's name, its indicator type and its Variable name the same stream."""
    assert [each["name"] for each in call("state", "show", name, "--json").json["states"]] == ["Domains"]


def test_a_state_that_the_configuration_does_not_name_is_shown() -> None:
    """The states of other DAGs are listed too, and marked as not in the file."""
    write("flashpoint_lookup__Elsewhere", CREATED.to_json())
    assert shown()["Elsewhere"]["configured"] is False
    assert "Elsewhere: the configuration does not name it." in call("state", "show").out


def test_states_are_shown_without_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a valid file, stored states are listed, with a note."""
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", str(tmp_path / "none.yaml"))
    write(DOMAINS, replace(CREATED, name="Domains", destination="sandbox").to_json())
    outcome = call("state", "show", "--json")
    assert outcome.exit_code == 0
    assert [each["name"] for each in outcome.json["states"]] == ["Domains"]
    (note,) = outcome.json["notes"]
    assert note.startswith("Where a configuration cannot be read, its streams are listed only if they have a state: ")
    assert note.endswith(" Correct FLASHPOINT_COLLECTOR_CONFIG; several paths are joined by ':'.")


@pytest.mark.parametrize("text", ["no json", "[]", '{"version": 1, "status": "Old"}', '{"version": 9}', ""])
def test_a_corrupted_variable_is_shown_and_can_be_reset(text: str) -> None:
    """An invalid state is a problem; the message names the remedy, and the remedy works."""
    write(DOMAINS, text)
    outcome = call("state", "show")
    assert outcome.exit_code == 1
    assert "unreadable" in outcome.out
    assert "`airflow-flashpoint state reset Domains`" in outcome.out
    assert call("state", "reset", "Domains", "--yes").exit_code == 0
    assert read(DOMAINS) is None
    assert call("state", "show").exit_code == 0


def test_a_corrupted_variable_cannot_be_set() -> None:
    """An unreadable state cannot be set, and its Variable is unchanged."""
    write(DOMAINS, "no json")
    outcome = call("state", "set", "Domains", "--status", "New")
    assert outcome.exit_code == 1
    assert "holds no readable state" in outcome.err
    assert read(DOMAINS) == "no json"


def test_a_reset_asks_first() -> None:
    """Nothing is deleted unless the answer is yes."""
    write(DOMAINS, CREATED.to_json())
    for answer in ("", "\n", "n\n", "what?\n"):
        outcome = call("state", "reset", "Domains", answer=answer)
        assert outcome.exit_code == 2
        assert "Nothing was changed" in outcome.err
    assert read(DOMAINS) == CREATED.to_json()
    assert call("state", "reset", "Domains", answer="y\n").exit_code == 0
    assert read(DOMAINS) is None


def test_a_question_is_no_part_of_the_json() -> None:
    """The question goes to standard error, so standard output is one JSON object."""
    write(DOMAINS, CREATED.to_json())
    outcome = call("state", "reset", "Domains", "--json", answer="yes\n")
    assert "Go on? [y/N]" in outcome.err
    assert outcome.json["reset"][0]["deleted"] is True


def test_a_reset_of_all_leaves_no_state() -> None:
    """Without a name every state is deleted, even one that the configuration does not name."""
    write(DOMAINS, CREATED.to_json())
    write("flashpoint_lookup__Elsewhere", CREATED.to_json())
    write(ALERTS, EventState(to_checkpoint_time=CHECKPOINT).to_json())
    names = {each["name"] for each in call("state", "reset", "--yes", "--json").json["reset"]}
    assert names == {"Domains", "Elsewhere", TAG}
    assert not [each for each in shown().values() if each["present"]]


def test_a_reset_without_a_state_is_no_error() -> None:
    """A reset without a state does nothing and is not an error."""
    outcome = call("state", "reset", "Domains")
    assert (outcome.exit_code, outcome.out) == (0, "There is no state to reset.\n")


def test_after_a_reset_the_next_run_builds_the_lookup() -> None:
    """The next window is the one that the reset announced."""
    write(DOMAINS, CREATED.to_json())
    said = call("state", "reset", "Domains", "--yes").out
    assert "The next run rebuilds the lookup, from 2026-01-01T00:00:00Z on." in said
    found = call("preview", "indicators", "--type", "domain", "--json").json
    assert (found["operation"], found["window"]["from"]) == ("build", "2026-01-01T00:00:00Z")


def test_a_reset_of_a_lookup_that_is_never_built_warns_of_the_gap(config: Path) -> None:
    """With lookup_status Created a reset loses the checkpoint, and the output says how to rebuild."""
    config.write_text(config.read_text(encoding="utf-8").replace('"New"', '"Created"'), encoding="utf-8")
    write(DOMAINS, CREATED.to_json())
    said = call("state", "reset", "Domains", "--yes").out
    assert "`airflow-flashpoint state set Domains --status New`" in said


def test_a_reset_keeps_what_was_sent(sandbox: Sandbox, empty_devo: None, run_dag: RunDag, config: Path) -> None:
    """After a reset of alerts the window is read again, and confirmed events are not sent again."""
    run(run_dag, config, "flashpoint_alert", {"from": START.isoformat(), "to": END.isoformat()})
    assert call("state", "reset", TAG, "--yes").exit_code == 0
    found = call("preview", "alerts", *WINDOW, "--json").json
    assert found["sent"] == 0
    assert found["repeated"] > 0


def test_what_was_sent_can_be_forgotten(sandbox: Sandbox, empty_devo: None, run_dag: RunDag, config: Path) -> None:
    """With --forget-sent the same alerts are sent again; the reset announces it first."""
    run(run_dag, config, "flashpoint_alert", {"from": START.isoformat(), "to": END.isoformat()})
    sent = len(sandbox.devo.tables.messages(TAG))
    outcome = call("state", "reset", TAG, "--forget-sent", answer="y\n")
    assert "The next run sends alerts, from 2026-01-01T00:00:00Z on. Those that Devo has are sent again." in outcome.err
    assert call("preview", "alerts", *WINDOW, "--json").json["sent"] == sent > 0


def test_what_was_sent_can_be_forgotten_where_the_state_is_gone(
    sandbox: Sandbox, empty_devo: None, run_dag: RunDag, config: Path
) -> None:
    """A reset that failed between its two deletions can be repeated."""
    run(run_dag, config, "flashpoint_alert", {"from": START.isoformat(), "to": END.isoformat()})
    call("state", "reset", TAG, "--yes")
    found = call("state", "reset", TAG, "--forget-sent", "--yes", "--json").json["reset"][0]
    assert found["deleted"] is False
    assert found["forgotten_hours"] > 0


def test_a_status_is_set() -> None:
    """New makes the next run rebuild the lookup; the rest of the state is unchanged."""
    write(DOMAINS, CREATED.to_json())
    outcome = call("state", "set", "Domains", "--status", "New")
    said = "Domains: status New. The next run rebuilds the lookup, from 2026-01-01T00:00:00Z on.\n"
    assert (outcome.exit_code, outcome.out) == (0, said)
    assert stored(DOMAINS).status is LookupStatus.NEW
    assert stored(DOMAINS).generation == CREATED.generation
    assert call("preview", "indicators", "--type", "domain", "--json").json["operation"] == "build"


def test_a_status_that_is_set_ends_a_renewal() -> None:
    """A rebuild by keep_days that did not end accepts no other source, as `state show` says; a person may allow it."""
    half = replace(CREATED, status=LookupStatus.NEW, renews=True, api="ignite_v2", filters={"score": "malicious"})
    write(DOMAINS, half.to_json())
    assert "must not be mixed" in shown()["Domains"]["problem"]
    call("state", "set", "Domains", "--status", "New")
    assert (stored(DOMAINS).status, stored(DOMAINS).renews) == (LookupStatus.NEW, False)
    assert shown()["Domains"]["problem"] is None


def test_a_run_uses_the_status_that_was_set(empty_devo: None, run_dag: RunDag, config: Path) -> None:
    """The next run rebuilds a lookup that was set to New, and sets it to Created."""
    window = {"from": START.isoformat(), "to": END.isoformat()}
    run(run_dag, config, "flashpoint_indicator", window)
    built = stored(DOMAINS).generation
    call("state", "set", "Domains", "--status", "New")
    run(run_dag, config, "flashpoint_indicator", window)
    assert stored(DOMAINS).status is LookupStatus.CREATED
    assert stored(DOMAINS).generation != built


def test_a_checkpoint_is_set_back() -> None:
    """The next run begins at the new checkpoint, and the state keeps the time up to which rows were delivered."""
    write(DOMAINS, CREATED.to_json())
    outcome = call("state", "set", "Domains", "--to-checkpoint", "2026-01-03")
    assert (outcome.exit_code, outcome.out) == (
        0,
        "Domains: checkpoint 2026-01-05T00:00:00Z -> 2026-01-03T00:00:00Z. The next run adds to the lookup, from "
        "2026-01-02T23:45:00Z on.\n",  # its lag of 15 minutes included
    )
    assert stored(DOMAINS).to_checkpoint_time == datetime(2026, 1, 3, tzinfo=UTC)
    assert stored(DOMAINS).delivered_to_time == CHECKPOINT
    found = call("preview", "indicators", "--type", "domain", "--json").json
    assert found["window"]["from"] == "2026-01-02T23:45:00Z"
    assert found["rule"].startswith("the last complete period")


def test_a_checkpoint_that_is_moved_forward_warns_of_the_gap() -> None:
    """A checkpoint that leaves a gap is set with a warning."""
    write(ALERTS, EventState(to_checkpoint_time=CHECKPOINT).to_json())
    said = call("state", "set", TAG, "--to-checkpoint", "2026-01-06").out
    assert "No scheduled run reads the records between the two checkpoints." in said


def test_a_state_ahead_of_the_clock_is_a_problem_that_the_next_run_heals() -> None:
    """The time in the future is shown with what the next run does, and a change by hand leaves none behind."""
    far = datetime(2999, 1, 1, tzinfo=UTC)
    write(DOMAINS, replace(CREATED, to_checkpoint_time=far, pulled_at=far).to_json())
    outcome = call("state", "show", "Domains")
    assert outcome.exit_code == 1
    assert "Created  2999-01-01T00:00:00Z" in outcome.out
    assert "Domains: The state is ahead of this machine's clock" in outcome.out
    assert call("state", "set", "Domains", "--status", "Created").exit_code == 0
    assert stored(DOMAINS).to_checkpoint_time == START


def test_a_stream_can_be_started_at_a_time_of_choice() -> None:
    """Without a state, a checkpoint replaces the initial start time."""
    assert call("state", "set", TAG, "--to-checkpoint", "2026-01-01T12:00:00Z").exit_code == 0
    assert call("preview", "alerts", "--json").json["window"]["from"] == "2026-01-01T11:55:00Z"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Nothing to set"),
        (("--status", "Old"), "invalid choice: 'Old'"),
        (("--to-checkpoint", "soon"), "--to-checkpoint is 'soon'"),
        (("--to-checkpoint", "2999-01-01"), "lies in the future"),
        (("--to-checkpoint", "2026-01-01"), "Domains is New"),
        (("--status", "New", "--to-checkpoint", "2026-01-01"), "Domains is New"),
    ],
)
def test_an_invalid_change_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """An invalid change exits with 2 and changes nothing."""
    outcome = call("state", "set", "Domains", *arguments)
    assert outcome.exit_code == 2
    assert said in outcome.err
    assert read(DOMAINS) is None


def test_alerts_have_no_status() -> None:
    """An event table has no status; without a name, the status is set for lookups only."""
    assert "which has no status" in call("state", "set", TAG, "--status", "New").err
    outcome = call("state", "set", "--status", "New", "--yes", "--json")
    assert [each["name"] for each in outcome.json["set"]] == list(LOOKUPS.values())


def test_setting_all_asks_first() -> None:
    """Without a name, nothing is changed unless the answer is yes."""
    assert call("state", "set", "--status", "New", answer="n\n").exit_code == 2
    assert not [each for each in shown().values() if each["present"]]


def test_one_refusal_leaves_all_as_it_was() -> None:
    """If one of several states cannot be set, none is."""
    write(DOMAINS, CREATED.to_json())
    assert call("state", "set", "Domains", "Sockets", "--to-checkpoint", "2026-01-02").exit_code == 2
    assert read(DOMAINS) == CREATED.to_json()


def test_an_unknown_name_lists_those_there_are() -> None:
    """A misspelled lookup is wrong usage, not a new lookup."""
    outcome = call("state", "reset", "Domain", "--yes")
    assert outcome.exit_code == 2
    assert f"There are: Domains, Sockets, {TAG}." in outcome.err


def test_a_value_outside_of_the_database_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Variable that the environment overrides cannot be set, since tasks read the other value."""
    with monkeypatch.context() as patch:
        patch.setenv(f"AIRFLOW_VAR_{DOMAINS.upper()}", CREATED.to_json())
        outcome = call("state", "set", "Domains", "--status", "New")
    assert outcome.exit_code == 1
    assert f"AIRFLOW_VAR_{DOMAINS.upper()}" in outcome.err


def test_a_state_that_cannot_be_decrypted_is_a_problem() -> None:
    """A Variable that cannot be decrypted is a problem, not a missing state, and can be reset."""
    write_as_encrypted(DOMAINS, "what another key made")
    key = {"AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode()}
    done = call_process("state", "show", "Domains", "--json", environment=key)
    assert done.exit_code == 1, done
    assert "cannot be decrypted" in done.out, done.out
    assert call_process("state", "reset", "Domains", "--yes", environment=key).exit_code == 0
    assert read(DOMAINS) is None


def write_as_encrypted(variable: str, text: str) -> None:
    """Write a Variable that the database marks as encrypted."""
    from airflow.utils.session import create_session
    from sqlalchemy import text as sql

    write(variable, text)
    with create_session() as session:
        session.execute(sql("UPDATE variable SET is_encrypted = true WHERE key = :key"), {"key": variable})


def test_the_json_of_a_state_has_stable_keys() -> None:
    """The keys are the same with and without a state."""
    write(DOMAINS, CREATED.to_json())
    there, absent, alerts = shown().values()
    assert there.keys() == absent.keys()
    assert {"name", "kind", "variable", "configured", "present", "problem", "status", "age_s"} <= alerts.keys()
    assert json.dumps(there)


def two_domains(config: Path, connections: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a configuration with the same names and another domain; return the Variable of its lookup Domains."""
    other = json.loads(config.read_text(encoding="utf-8")) | {"name": "other"}
    for part in other["inputs"].values():
        part["services"][next(iter(part["services"]))]["devo_conn_id"] = "devo_other"
    file = config.with_name("other.yaml")
    file.write_text(json.dumps(other), encoding="utf-8")
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", f"{config}{os.pathsep}{file}")
    connections(devo={"extra": {"domain": "other"}})
    monkeypatch.setenv("AIRFLOW_CONN_DEVO_OTHER", os.environ["AIRFLOW_CONN_DEVO_DEFAULT"])
    connections()
    return "flashpoint_lookup__Domains__other__flashpoint_default"


def test_streams_of_one_name_are_shown_with_their_destination_and_source(
    config: Path, connections: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stream is one row, by name, destination and source."""
    other = two_domains(config, connections, monkeypatch)
    write(other, CREATED.to_json())
    states = call("state", "show", "Domains", "--json").json["states"]
    assert [(each["destination"], each["source"], each["present"]) for each in states] == [
        ("sandbox", "flashpoint_default", False),
        ("other", "flashpoint_default", True),
    ]
    assert "Domains  other        flashpoint_default  Created" in call("state", "show", "Domains").out


@pytest.mark.parametrize("name", ["Domains", "domain"])
def test_a_name_of_several_streams_changes_none(
    config: Path, connections: Callable[..., None], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """To change a state, its Variable is asked for where a name is not enough, and the Variable is enough."""
    other = two_domains(config, connections, monkeypatch)
    for variable in (DOMAINS, other):
        write(variable, CREATED.to_json())
    for command in (("reset", name, "--yes"), ("set", name, "--status", "New")):
        outcome = call("state", *command)
        assert outcome.exit_code == 2
        assert f"Give the Variable of the one you mean: {DOMAINS}, {other}." in outcome.err
    assert call("state", "reset", other, "--yes").exit_code == 0
    assert (read(DOMAINS), read(other)) == (CREATED.to_json(), None)


def test_the_remedy_of_one_of_several_streams_names_its_variable(
    config: Path, connections: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a name is not enough, the lines below the table name the Variable, and the shown command works."""
    other = two_domains(config, connections, monkeypatch)
    gone = other.replace("__other__", "__gone__")
    write(other, "no json")
    write(gone, replace(CREATED, name="Domains", destination="gone").to_json())
    shown = call("state", "show").out
    assert f"`airflow-flashpoint state reset {other}`" in shown
    assert f"{gone}: the configuration does not name it." in shown
    assert call("state", "reset", other, "--yes").exit_code == 0
    unknown = call("state", "reset", "Nope").err
    assert unknown.count("Domains") == 1


def test_a_stream_whose_connection_cannot_be_read_is_shown_as_unknown(
    config: Path, connections: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are shown as ever; the state of this one is neither shown nor changed, and the reason is given."""
    two_domains(config, connections, monkeypatch)
    monkeypatch.delenv("AIRFLOW_CONN_DEVO_OTHER")
    outcome = call("state", "show", "Domains")
    assert outcome.exit_code == 1
    assert "Domains  -            flashpoint_default  unknown" in outcome.out
    assert "Airflow has no connection devo_other" in outcome.out
    assert "Domains  sandbox      flashpoint_default  no state" in outcome.out
    refused = call("state", "reset", "--yes")
    assert refused.exit_code == 2
    assert "Airflow has no connection devo_other" in refused.err


def test_a_state_of_0_1_0_is_that_of_the_stream_which_will_take_it_over(
    config: Path, connections: Callable[..., None], monkeypatch: pytest.MonkeyPatch, staging: Path
) -> None:
    """It is shown and changed as the state of the configuration without a name, until another stream takes it."""
    from airflow_provider_flashpoint.core.staging.claim import claim
    from airflow_provider_flashpoint.core.stream_key import StreamKey

    two_domains(config, connections, monkeypatch)
    write("flashpoint_lookup__Domains", CREATED.to_json())
    mine, other = call("state", "show", "Domains", "--json").json["states"]
    assert (mine["variable"], mine["present"], other["present"]) == ("flashpoint_lookup__Domains", True, False)
    assert not staging.exists()
    claim(staging / "lookups" / "Domains", StreamKey("Domains", "elsewhere", "flashpoint_default"))
    assert [each["configured"] for each in call("state", "show", "Domains", "--json").json["states"]] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(("variable", "state"), [(DOMAINS, CREATED), (ALERTS, EventState())])
def test_a_state_of_another_origin_is_a_problem(variable: str, state: LookupState | EventState) -> None:
    """A state that names another API generation stops the next run; `show` and `check` say so with the ways out."""
    write(variable, replace(state, api="ignite_v2", filters={}).to_json())
    outcome = call("state", "show")
    assert outcome.exit_code == 1
    assert "api was 'ignite_v2' and is now 'legacy'" in outcome.out
    found = call("check", "--json")
    assert found.exit_code == 1
    assert [each["said"] for each in found.json["findings"] if each["part"].startswith("state of ")] == [
        each["problem"] for each in shown().values() if each["problem"]
    ]
    write(variable, replace(state, api="legacy", filters={}).to_json())
    assert (call("state", "show").exit_code, call("check").exit_code) == (0, 0)


def test_a_lookup_that_is_rebuilt_may_change_its_origin() -> None:
    """A state with the status New names no problem, since the next run replaces the rows."""
    write(DOMAINS, replace(CREATED, status=LookupStatus.NEW, api="ignite_v2").to_json())
    assert shown()["Domains"]["problem"] is None
