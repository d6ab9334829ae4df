"""`airflow-flashpoint preview`: it shows what a run then delivers, and leaves nothing behind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airflow_provider_flashpoint.config import load_collector_config
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox
from tests.cli.conftest import END, LOOKUPS, START, TAG, WINDOW, call, document
from tests.conftest import RunDag

pytestmark = pytest.mark.airflow

ALL = ("--limit", "0", "--rows", "100000", "--json")
CONF = {"from": START.isoformat(), "to": END.isoformat()}


@pytest.fixture(autouse=True)
def setup(airflow: None, config: Path, connections: Callable[..., None], sandbox: Sandbox) -> Iterator[None]:
    """A complete and correct setup, and an empty Devo before and after."""
    yield
    sandbox.devo.tables.clear()
    sandbox.devo.lookups.clear()
    sandbox.flashpoint.faults.clear()


def states() -> list[str]:
    from airflow_provider_flashpoint.airflow_runtime import database

    return database.state_variables()


def deliver(run_dag: RunDag, config: Path, dag_id: str) -> None:
    """Run a DAG over the window of the tests."""
    from airflow_provider_flashpoint.streams.catalog import dags_of

    dag = next(dag for dag in dags_of(load_collector_config(config)) if dag.dag_id == dag_id)
    assert run_dag(dag, END, CONF).state == "success"


def rows_of(sandbox: Sandbox, name: str) -> list[dict[str, str]]:
    lookup = sandbox.devo.lookups[name]
    return [dict(zip(lookup.columns, row, strict=True)) for row in lookup.rows()]


def test_nothing_is_sent_and_nothing_is_written(sandbox: Sandbox, staging: Path) -> None:
    """After previews, Devo is empty, there is no state, and the staging storage does not exist."""
    connected = len(sandbox.devo.tables.connections())
    assert call("preview", "indicators", "--type", "domain", *WINDOW).exit_code == 0
    assert call("preview", "alerts", *WINDOW).exit_code == 0
    assert not sandbox.devo.tables.names()
    assert not sandbox.devo.lookups.names()
    assert len(sandbox.devo.tables.connections()) == connected
    assert not states()
    assert not staging.exists()


@pytest.mark.parametrize("kind", LOOKUPS)
def test_rows_are_those_that_a_run_delivers(sandbox: Sandbox, run_dag: RunDag, config: Path, kind: str) -> None:
    """Flattening, columns, their order, the key and the newest versions are those of the run."""
    found = call("preview", "indicators", "--type", kind, *WINDOW, *ALL).json
    deliver(run_dag, config, "flashpoint_indicator")
    lookup = sandbox.devo.lookups[LOOKUPS[kind]]
    assert found["columns"] == lookup.columns
    assert found["lookup_key"] == lookup.key
    assert found["rows"] == rows_of(sandbox, LOOKUPS[kind])
    assert found["sent"] == lookup.count
    assert found["superseded"] > 0


def test_lines_are_those_that_a_run_delivers(sandbox: Sandbox, run_dag: RunDag, config: Path) -> None:
    """Each event is shown as the line that Devo receives, in the same order."""
    found = call("preview", "alerts", *WINDOW, *ALL).json
    deliver(run_dag, config, "flashpoint_alert")
    assert found["lines"] == sandbox.devo.tables.messages(TAG)
    assert found["sent"] == len(found["lines"]) > 0


def test_confirmed_events_are_counted_and_not_shown(sandbox: Sandbox, run_dag: RunDag, config: Path) -> None:
    """Confirmed events count as repeated, and the ledger is unchanged."""
    deliver(run_dag, config, "flashpoint_alert")
    for _ in range(2):
        found = call("preview", "alerts", *WINDOW, *ALL).json
        assert (found["sent"], found["lines"]) == (0, [])
        assert found["repeated"] == found["read"] > 0


def test_a_lookup_that_is_there_gets_rows_added(sandbox: Sandbox, run_dag: RunDag, config: Path) -> None:
    """With a state, the columns are those of the build, and rows are added."""
    deliver(run_dag, config, "flashpoint_indicator")
    columns = sandbox.devo.lookups["Domains"].columns
    found = call("preview", "indicators", "--type", "Domains", *WINDOW, *ALL).json
    assert (found["status"], found["operation"]) == ("Created", "add")
    assert found["columns"] == columns


def test_a_change_of_the_source_is_previewed_once_it_is_accepted(
    sandbox: Sandbox, run_dag: RunDag, config: Path
) -> None:
    """A preview stops where a run does; `--accept-change` shows the rebuilt lookup, and the events after the change."""
    for kind in ("indicator", "alert"):
        deliver(run_dag, config, f"flashpoint_{kind}")
    from airflow_provider_flashpoint.airflow_runtime import database

    for variable in states():
        state = json.loads(database.read_variable(variable) or "")
        database.write_variable(variable, json.dumps({**state, "api": "ignite_v2"}))
    for stream in (("indicators", "--type", "Domains"), ("alerts",)):
        stopped = call("preview", *stream, *WINDOW)
        assert (stopped.exit_code, "must not be mixed" in stopped.err) == (1, True)
        assert call("preview", *stream, *WINDOW, "--accept-change").exit_code == 0
    found = call("preview", "indicators", "--type", "Domains", *WINDOW, *ALL, "--accept-change").json
    assert (found["status"], found["operation"]) == ("New", "build")


def test_hidden_values_are_hidden(config: Path) -> None:
    """Values that are obfuscated in Devo are obfuscated in a preview, in rows and in lines."""
    content = json.loads(config.read_text(encoding="utf-8"))
    services = [each["services"] for each in content["inputs"].values()]
    services[0]["indicators"]["obfuscation"] = [{"path": "Event.event_creator_email", "action": "mask"}]
    services[1]["alerts"]["obfuscation"] = [{"path": "keyword.keyword_text", "action": "drop"}]
    config.write_text(json.dumps(content), encoding="utf-8")
    indicators = call("preview", "indicators", "--type", "domain", *WINDOW, *ALL)
    alerts = call("preview", "alerts", *WINDOW, *ALL)
    assert {row["Event.event_creator_email"] for row in indicators.json["rows"]} == {"***"}
    assert sum(indicators.json["obfuscated"].values()) == indicators.json["read"]
    assert "keyword_id" in alerts.out
    assert "keyword_text" not in "".join(alerts.json["lines"])


def test_the_request_is_shown_as_it_was_made(sandbox: Sandbox) -> None:
    """The URL is that of the run's request, without the token."""
    outcome = call("preview", "indicators", "--type", "ip-dst|port", *WINDOW, "--json")
    assert outcome.json["request"] == {
        "method": "GET",
        "url": f"{sandbox.flashpoint.url}/api/v4/indicators/attribute?updated_since=2025-12-31T23%3A59%3A59Z"
        "&updated_until=2026-01-02T00%3A00%3A00Z&types=ip-dst%7Cport&limit=1000&sort_timestamp=asc&skip=0",
    }
    assert sandbox.flashpoint.settings.token not in outcome.out + outcome.err


def test_a_limit_ends_the_reading() -> None:
    """A limit ends the reading, and the output says so; Flashpoint's own total is shown too."""
    found = call("preview", "indicators", "--type", "domain", *WINDOW, "--limit", "7", "--rows", "2", "--json").json
    assert (found["read"], len(found["rows"]), found["complete"]) == (7, 2, False)
    assert found["total"] > 7


def test_a_terminal_shows_how_far_the_reading_is(sandbox: Sandbox) -> None:
    """While records are read, a terminal shows how many of how many; the line is gone at the end. A pipe shows none."""
    arguments = ("preview", "indicators", "--type", "domain", *WINDOW, "--limit", "7")
    on_terminal, in_pipe = call(*arguments, columns=100), call(*arguments)
    frames = re.sub(r"\x1b\[[\d;?]*\w", "", on_terminal.err)
    assert "reading records" in frames
    assert "7 of 7" in frames
    assert "100 %" in frames
    assert on_terminal.err.endswith("\x1b[2K")
    assert in_pipe.err == ""


def test_without_a_window_it_is_that_of_a_run_now() -> None:
    """The window of a stream without a state begins at its initial start time."""
    found = call("preview", "alerts", "--json").json
    assert found["window"]["from"] == "2026-01-01T00:00:00Z"
    assert found["rule"].endswith("from the initial start time")


def test_rejects_are_shown_with_their_reason(config: Path) -> None:
    """Rejected rows are shown with the reason; more than max_rejects of them are a problem."""
    content = json.loads(config.read_text(encoding="utf-8"))
    lookups = content["inputs"]["flashpoint_indicator"]["services"]["indicators"]["lookups"]
    lookups[0]["domain"]["lookup_key"] = "malware_description"
    config.write_text(json.dumps(content), encoding="utf-8")
    outcome = call("preview", "indicators", "--type", "domain", *WINDOW)
    assert outcome.exit_code == 1
    assert "rejected record 1: no value under the lookup_key malware_description" in outcome.out
    assert "A run would fail after this delivery: max_rejects is 0." in outcome.out


def test_a_wrong_key_lists_the_keys_there_are(config: Path) -> None:
    """A preview fails with the error of the run."""
    content = json.loads(config.read_text(encoding="utf-8"))
    lookups = content["inputs"]["flashpoint_indicator"]["services"]["indicators"]["lookups"]
    lookups[0]["domain"]["lookup_key"] = "value.nothing"
    config.write_text(json.dumps(content), encoding="utf-8")
    outcome = call("preview", "indicators", "--type", "domain", *WINDOW, "--json")
    assert outcome.exit_code == 1
    assert "lookup_key is 'value.nothing', which is not a key of the flattened data" in outcome.json["error"]


def test_a_failing_request_is_attempted_once(sandbox: Sandbox) -> None:
    """A preview attempts each request once, since a person waits for it."""
    sandbox.flashpoint.faults.add(Fault("status", status=503, times=None))
    outcome = call("preview", "alerts", *WINDOW, "--json")
    assert outcome.exit_code == 1
    assert "status 503" in outcome.json["error"]
    assert sandbox.flashpoint.faults.fired() == 1


def test_alerts_can_be_previewed_without_a_connection_to_devo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the connection to Devo, lines are shown, with the reason why its limits do not apply."""
    lines = call("preview", "alerts", *WINDOW, *ALL).json["lines"]
    monkeypatch.delenv("AIRFLOW_CONN_DEVO_DEFAULT")
    outcome = call("preview", "alerts", *WINDOW, *ALL)
    assert outcome.exit_code == 0
    assert outcome.json["lines"] == lines
    assert "devo_default" in outcome.json["devo_problem"]
    assert "its connection cannot be used" in call("preview", "alerts", *WINDOW).out


def test_lines_that_are_too_long_are_rejected(connections: Callable[..., None]) -> None:
    """The line limit of the connection applies to a preview."""
    connections(devo={"extra": {"max_line_bytes": 1024}})
    outcome = call("preview", "alerts", *WINDOW, "--json")
    assert outcome.exit_code == 1
    assert outcome.json["rejected"] > 0
    assert "max_line_bytes allows 1024" in outcome.json["rejects"][0]["reason"]


def test_nothing_in_the_data_steers_the_terminal(sandbox: Sandbox) -> None:
    """Control characters of hostile records are shown as escapes."""
    outcome = call("preview", "alerts", *WINDOW, "--rows", "1000")
    assert all(line.isprintable() for line in outcome.out.split("\n"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("indicators", "--type", "yara"), "'yara' is not in"),
        (("alerts", "--kind", "keywords"), "'keywords' is not in"),
        (("alerts", "--from", "2026-01-01"), "--from and --to belong together"),
        (("alerts", "--from", "soon", "--to", "2026-01-01"), "--from is 'soon'"),
        (("alerts", "--from", "2026-01-02", "--to", "2026-01-01"), "is empty"),
        (("alerts", "--limit", "-1"), "not a whole number"),
        (("indicators",), "--type is missing. The configuration has:\n  domain       into the lookup Domains\n"),
        (("indicators", "--type", "domian"), "Did you mean domain?"),
    ],
)
def test_wrong_usage_has_its_own_exit_code(arguments: tuple[str, ...], said: str) -> None:
    """Wrong arguments exit with 2."""
    outcome = call("preview", *arguments)
    assert outcome.exit_code == 2
    assert said in outcome.err


def test_an_empty_window_is_no_error(config: Path, staging: Path) -> None:
    """A window without records is not an error."""
    window = ("--from", "2025-01-01", "--to", "2025-01-02")
    assert call("preview", "alerts", *window, "--json").json["read"] == 0
    found = call("preview", "indicators", "--type", "domain", *window, "--json").json
    assert (found["read"], found["sent"], found["rows"]) == (0, 0, [])


def test_keywords_are_read_from_their_path(config: Path, staging: Path) -> None:
    """A data set that is on can be previewed; a path that does not exist is an error."""
    content = document(staging)
    content["inputs"]["flashpoint_alert"]["services"]["keywords"] = {"path": "/api/alerting/v1/keywords"}
    config.write_text(json.dumps(content), encoding="utf-8")
    outcome = call("preview", "alerts", "--kind", "keywords", *WINDOW, "--json")
    assert outcome.exit_code == 1
    assert "/api/alerting/v1/keywords: status 404" in outcome.json["error"]
