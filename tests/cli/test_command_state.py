"""`airflow-flashpoint state`: it shows what a run wrote, and what it changes is what the next run goes by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_flashpoint.config import load_collector_config
from airflow_provider_flashpoint.core.state import EventState, LookupState, LookupStatus
from sandbox.sandbox import Sandbox
from tests.cli.conftest import END, LOOKUPS, START, TAG, WINDOW, call, call_process
from tests.conftest import RunDag

pytestmark = pytest.mark.airflow

DOMAINS = "flashpoint_lookup__Domains"
ALERTS = f"flashpoint_alerts__{TAG}"
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
    """A setup in which everything is good, without any state."""


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


def test_what_has_no_state_yet_is_shown() -> None:
    """Every lookup and stream of the configuration is listed, and its lack of a state is no problem."""
    outcome = call("state", "show")
    assert outcome.exit_code == 0
    assert [each["present"] for each in shown().values()] == [False, False, False]
    assert list(shown()) == [*LOOKUPS.values(), TAG]


def test_a_state_is_shown_with_all_that_it_says() -> None:
    """Status, checkpoint, number of columns, last run and age are those of the Variable."""
    write(DOMAINS, CREATED.to_json())
    told = shown()["Domains"]
    assert told["status"] == "Created"
    assert told["to_checkpoint_time"] == "2026-01-05T00:00:00Z"
    assert told["columns"] == 2
    assert told["run_id"] == "scheduled__2026-01-05"
    assert told["age_s"] == pytest.approx((datetime.now(UTC) - CHECKPOINT).total_seconds(), abs=600)


@pytest.mark.parametrize("name", ["Domains", "domain", DOMAINS])
def test_a_stream_is_known_by_each_of_its_names(name: str) -> None:
    """The lookup's name, its indicator type and its Variable mean the same."""
    assert [each["name"] for each in call("state", "show", name, "--json").json["states"]] == ["Domains"]


def test_a_state_that_the_configuration_does_not_name_is_shown() -> None:
    """What operators in other DAGs keep is listed too, and said to be unknown to the file."""
    write("flashpoint_lookup__Elsewhere", CREATED.to_json())
    assert shown()["Elsewhere"]["configured"] is False
    assert "Elsewhere: the configuration does not name it." in call("state", "show").out


def test_states_are_shown_without_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the file cannot be read, what is stored is shown, and the reason why it may not be all."""
    monkeypatch.setenv("FLASHPOINT_COLLECTOR_CONFIG", str(tmp_path / "none.yaml"))
    write(DOMAINS, CREATED.to_json())
    outcome = call("state", "show", "--json")
    assert outcome.exit_code == 0
    assert [each["name"] for each in outcome.json["states"]] == ["Domains"]
    assert "the configuration cannot be read" in outcome.json["notes"][0]


@pytest.mark.parametrize("text", ["no json", "[]", '{"version": 1, "status": "Old"}', '{"version": 9}', ""])
def test_a_corrupted_variable_is_shown_and_can_be_reset(text: str) -> None:
    """A Variable that holds no state is a problem that names the way out, and the way works."""
    write(DOMAINS, text)
    outcome = call("state", "show")
    assert outcome.exit_code == 1
    assert "unreadable" in outcome.out
    assert "`airflow-flashpoint state reset Domains`" in outcome.out
    assert call("state", "reset", "Domains", "--yes").exit_code == 0
    assert read(DOMAINS) is None
    assert call("state", "show").exit_code == 0


def test_a_corrupted_variable_cannot_be_set() -> None:
    """Setting one field of something unreadable is refused, and the Variable stays as it is."""
    write(DOMAINS, "no json")
    outcome = call("state", "set", "Domains", "--status", "New")
    assert outcome.exit_code == 1
    assert "holds no readable state" in outcome.err
    assert read(DOMAINS) == "no json"


def test_a_reset_asks_first() -> None:
    """Without an answer, and with any answer but yes, nothing is deleted."""
    write(DOMAINS, CREATED.to_json())
    for answer in ("", "\n", "n\n", "what?\n"):
        outcome = call("state", "reset", "Domains", answer=answer)
        assert outcome.exit_code == 2
        assert "Nothing was changed" in outcome.err
    assert read(DOMAINS) == CREATED.to_json()
    assert call("state", "reset", "Domains", answer="y\n").exit_code == 0
    assert read(DOMAINS) is None


def test_a_question_is_no_part_of_the_json() -> None:
    """Asking goes to standard error, so that standard output is one JSON object."""
    write(DOMAINS, CREATED.to_json())
    outcome = call("state", "reset", "Domains", "--json", answer="yes\n")
    assert "Go on? [y/N]" in outcome.err
    assert outcome.json["reset"][0]["deleted"] is True


def test_a_reset_of_all_leaves_no_state() -> None:
    """Without a name every state is deleted, also one that the configuration does not name."""
    write(DOMAINS, CREATED.to_json())
    write("flashpoint_lookup__Elsewhere", CREATED.to_json())
    write(ALERTS, EventState(to_checkpoint_time=CHECKPOINT).to_json())
    names = {each["name"] for each in call("state", "reset", "--yes", "--json").json["reset"]}
    assert names == {"Domains", "Elsewhere", TAG}
    assert not [each for each in shown().values() if each["present"]]


def test_a_reset_without_a_state_is_no_error() -> None:
    """Where nothing is stored, a reset has nothing to do."""
    outcome = call("state", "reset", "Domains")
    assert (outcome.exit_code, outcome.out) == (0, "There is no state to reset.\n")


def test_after_a_reset_the_next_run_builds_the_lookup() -> None:
    """What a reset announces is what the next window is."""
    write(DOMAINS, CREATED.to_json())
    said = call("state", "reset", "Domains", "--yes").out
    assert "The next run rebuilds the lookup, from 2026-01-01T00:00:00Z on." in said
    told = call("preview", "indicators", "--type", "domain", "--json").json
    assert (told["operation"], told["window"]["from"]) == ("build", "2026-01-01T00:00:00Z")


def test_a_reset_of_a_lookup_that_is_never_built_says_what_it_misses(config: Path) -> None:
    """With lookup_status Created a reset loses the checkpoint, and the way to a rebuild is named."""
    config.write_text(config.read_text(encoding="utf-8").replace('"New"', '"Created"'), encoding="utf-8")
    write(DOMAINS, CREATED.to_json())
    said = call("state", "reset", "Domains", "--yes").out
    assert "`airflow-flashpoint state set Domains --status New`" in said


def test_a_reset_keeps_what_was_sent(sandbox: Sandbox, empty_devo: None, run_dag: RunDag, config: Path) -> None:
    """After a reset of alerts the window is read again, and nothing that Devo confirmed is sent again."""
    run(run_dag, config, "flashpoint_alert", {"from": START.isoformat(), "to": END.isoformat()})
    assert call("state", "reset", TAG, "--yes").exit_code == 0
    told = call("preview", "alerts", *WINDOW, "--json").json
    assert told["sent"] == 0
    assert told["repeated"] > 0


def test_what_was_sent_can_be_forgotten(sandbox: Sandbox, empty_devo: None, run_dag: RunDag, config: Path) -> None:
    """With --forget-sent the same alerts are sent again, and the reset says so before it is done."""
    run(run_dag, config, "flashpoint_alert", {"from": START.isoformat(), "to": END.isoformat()})
    sent = len(sandbox.devo.tables.messages(TAG))
    outcome = call("state", "reset", TAG, "--forget-sent", answer="y\n")
    assert "The next run sends alerts, from 2026-01-01T00:00:00Z on. Those that Devo has are sent again." in outcome.err
    assert call("preview", "alerts", *WINDOW, "--json").json["sent"] == sent > 0


def test_what_was_sent_can_be_forgotten_where_the_state_is_gone(
    sandbox: Sandbox, empty_devo: None, run_dag: RunDag, config: Path
) -> None:
    """A reset that ended between its two deletions can be done again."""
    run(run_dag, config, "flashpoint_alert", {"from": START.isoformat(), "to": END.isoformat()})
    call("state", "reset", TAG, "--yes")
    told = call("state", "reset", TAG, "--forget-sent", "--yes", "--json").json["reset"][0]
    assert told["deleted"] is False
    assert told["forgotten_hours"] > 0


def test_a_status_is_set() -> None:
    """New makes the next run build the lookup; the rest of the state stays."""
    write(DOMAINS, CREATED.to_json())
    outcome = call("state", "set", "Domains", "--status", "New")
    said = "Domains: status New. The next run rebuilds the lookup, from 2026-01-01T00:00:00Z on.\n"
    assert (outcome.exit_code, outcome.out) == (0, said)
    assert stored(DOMAINS).status is LookupStatus.NEW
    assert stored(DOMAINS).generation == CREATED.generation
    assert call("preview", "indicators", "--type", "domain", "--json").json["operation"] == "build"


def test_a_run_goes_by_what_was_set(empty_devo: None, run_dag: RunDag, config: Path) -> None:
    """A lookup that is set to New is built again by the next run, and is Created from then on."""
    window = {"from": START.isoformat(), "to": END.isoformat()}
    run(run_dag, config, "flashpoint_indicator", window)
    built = stored(DOMAINS).generation
    call("state", "set", "Domains", "--status", "New")
    run(run_dag, config, "flashpoint_indicator", window)
    assert stored(DOMAINS).status is LookupStatus.CREATED
    assert stored(DOMAINS).generation != built


def test_a_checkpoint_is_set_back() -> None:
    """The next run begins at the new checkpoint, and what was delivered beyond it stays on record."""
    write(DOMAINS, CREATED.to_json())
    outcome = call("state", "set", "Domains", "--to-checkpoint", "2026-01-03")
    assert (outcome.exit_code, outcome.out) == (
        0,
        "Domains: checkpoint 2026-01-05T00:00:00Z -> 2026-01-03T00:00:00Z. The next run adds to the lookup, from "
        "2026-01-02T23:45:00Z on.\n",  # its lag of 15 minutes included
    )
    assert stored(DOMAINS).to_checkpoint_time == datetime(2026, 1, 3, tzinfo=UTC)
    assert stored(DOMAINS).delivered_to_time == CHECKPOINT
    told = call("preview", "indicators", "--type", "domain", "--json").json
    assert told["window"]["from"] == "2026-01-02T23:45:00Z"
    assert told["rule"].startswith("the last complete period")


def test_a_checkpoint_that_is_moved_forward_tells_what_is_left_out() -> None:
    """A gap that no run will read is made only with that said."""
    write(ALERTS, EventState(to_checkpoint_time=CHECKPOINT).to_json())
    said = call("state", "set", TAG, "--to-checkpoint", "2026-01-06").out
    assert "No scheduled run reads the records between the two checkpoints." in said


def test_a_stream_can_be_started_at_a_time_of_choice() -> None:
    """Without a state, a checkpoint takes the place of the initial start time."""
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
def test_nonsense_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """What makes no sense exits with 2 and changes nothing."""
    outcome = call("state", "set", "Domains", *arguments)
    assert outcome.exit_code == 2
    assert said in outcome.err
    assert read(DOMAINS) is None


def test_alerts_have_no_status() -> None:
    """A status for a stream of alerts is refused; for all, it is set for the lookups alone."""
    assert "which has no status" in call("state", "set", TAG, "--status", "New").err
    outcome = call("state", "set", "--status", "New", "--yes", "--json")
    assert [each["name"] for each in outcome.json["set"]] == list(LOOKUPS.values())


def test_setting_all_asks_first() -> None:
    """Without a name, and without a yes, nothing is changed."""
    assert call("state", "set", "--status", "New", answer="n\n").exit_code == 2
    assert not [each for each in shown().values() if each["present"]]


def test_one_refusal_leaves_all_as_it_was() -> None:
    """Where one of several cannot be set, none is."""
    write(DOMAINS, CREATED.to_json())
    assert call("state", "set", "Domains", "Sockets", "--to-checkpoint", "2026-01-02").exit_code == 2
    assert read(DOMAINS) == CREATED.to_json()


def test_an_unknown_name_lists_those_there_are() -> None:
    """A misspelled lookup is wrong usage, and is not taken for a new one."""
    outcome = call("state", "reset", "Domain", "--yes")
    assert outcome.exit_code == 2
    assert f"There are: Domains, Sockets, {TAG}." in outcome.err


def test_a_value_outside_of_the_database_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment wins over what was written, that is an error, since tasks would read the other."""
    with monkeypatch.context() as patch:
        patch.setenv(f"AIRFLOW_VAR_{DOMAINS.upper()}", CREATED.to_json())
        outcome = call("state", "set", "Domains", "--status", "New")
    assert outcome.exit_code == 1
    assert f"AIRFLOW_VAR_{DOMAINS.upper()}" in outcome.err


def test_a_state_that_cannot_be_decrypted_is_a_problem() -> None:
    """A Variable that was encrypted with another key is not taken for none, and can be reset."""
    write_as_encrypted(DOMAINS, "what another key made")
    key = {"AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode()}
    done = call_process("state", "show", "Domains", "--json", environment=key)
    assert done.exit_code == 1, done
    assert "cannot be decrypted" in done.out, done.out
    assert call_process("state", "reset", "Domains", "--yes", environment=key).exit_code == 0
    assert read(DOMAINS) is None


def write_as_encrypted(variable: str, text: str) -> None:
    """Write what the database holds of an encrypted Variable."""
    from airflow.utils.session import create_session
    from sqlalchemy import text as sql

    write(variable, text)
    with create_session() as session:
        session.execute(sql("UPDATE variable SET is_encrypted = true WHERE key = :key"), {"key": variable})


def test_the_json_of_a_state_has_stable_keys() -> None:
    """Programs find the same keys whether there is a state or not."""
    write(DOMAINS, CREATED.to_json())
    there, absent, alerts = shown().values()
    assert there.keys() == absent.keys()
    assert {"name", "kind", "variable", "configured", "present", "problem", "status", "age_s"} <= alerts.keys()
    assert json.dumps(there)
