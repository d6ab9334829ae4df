"""The alert operator with both services: its log, its unsent lines, its verification and its telemetry."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.compat import mask_secret
from airflow_provider_flashpoint.airflow_runtime.storage import stream
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.core.pipelines.verify import Verification
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.hooks.devo import DevoHook
from airflow_provider_flashpoint.operators.pull_alerts import PullAlertsOperator
from sandbox.dataset.documents import alerts
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_alerts

pytestmark = pytest.mark.airflow

START = datetime(2026, 1, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=5)
TAG = "my.app.flashpoint.alerts"
COUNT = 30

Pull = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(devo=DevoSettings(directory=tmp_path_factory.mktemp("certificates"))) as running:
        running.flashpoint.store.publish_alerts(alerts(7, COUNT, START, START + PERIOD))
        yield running


@pytest.fixture
def sandbox(_running: Sandbox) -> Iterator[Sandbox]:
    """Both services, with alerts in one period and an empty table."""
    yield _running
    _running.flashpoint.faults.clear()
    _running.devo.faults.clear()
    _running.devo.syslog_faults.clear()
    _running.devo.tables.clear()
    _running.devo.index.clear()


@pytest.fixture
def pull(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pull:
    """A function that runs the operator for the period; its state is kept in a dictionary."""
    variables: dict[str, str] = {}

    def read(kind: Any, variable: str) -> Any:
        return kind.from_json(variables[variable], name=variable) if variable in variables else None

    def write(variable: str, state: Any) -> bool:
        variables[variable] = state.to_json()
        return True

    for name, value in sandbox.airflow_connections().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stream, "read_state", read)
    monkeypatch.setattr(stream, "write_state", write)
    monkeypatch.setitem(EventWriter.__init__.__kwdefaults__, "sleep", lambda seconds: None)

    def run(**arguments: Any) -> dict[str, Any]:
        operator = PullAlertsOperator(
            task_id="pull",
            tag=TAG,
            staging_uri=tmp_path.as_uri(),
            ledger_retention=timedelta(days=36_500),
            **arguments,
        )
        return operator.execute({"data_interval_start": START, "data_interval_end": START + PERIOD})

    return run


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """The log, including the lines of the operator, which Airflow 3 does not send through `logging`."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(PullAlertsOperator, "log", logging.getLogger("operator"))
    return caplog


def test_log_of_a_run(pull: Pull, logged: pytest.LogCaptureFixture) -> None:
    """A run logs the collector's lines, and the number of sent messages at its end."""
    pull()
    expected = [
        "pre_pull started.",
        "No persisted data found. The content will be initialized.",
        "PrePull method completed.",
        "Starting data collection every 300 seconds",
        "Number of available senders: 1",
        "sender manager internal queue size: 0",
    ]
    assert [message for message in logged.messages if message in expected] == expected
    assert f'Total number of messages sent: {COUNT}, messages sent since "' in logged.text


def test_alerts_that_devo_refused_are_sent_first_in_the_next_run(
    pull: Pull, sandbox: Sandbox, logged: pytest.LogCaptureFixture
) -> None:
    """A failed run keeps its unsent lines; the next run sends them first, and no event arrives twice."""
    sandbox.devo.syslog_faults.add(*[SyslogFault("refuse")] * 5)
    with pytest.raises(Exception, match="did not confirm 30 lines in 5 attempts"):
        pull()
    assert "sender manager internal queue size: 30" in logged.messages
    assert "the next run sends them first" in logged.text
    summary = pull()
    assert (summary["unsent"], summary["sent"], summary["repeated"]) == (COUNT, 0, COUNT)
    assert judge_alerts(sandbox, TAG).is_good


def test_killed_task_keeps_its_lines(pull: Pull, sandbox: Sandbox, tmp_path: Path) -> None:
    """`on_kill` stops sending at once and keeps the unsent lines."""
    from airflow.providers.common.compat.sdk import AirflowException

    operators: list[PullAlertsOperator] = []

    class Killed(PullAlertsOperator):
        def staging(self) -> Any:
            operators.append(self)
            return super().staging()

    def kill(writer: EventWriter, lines: Any) -> None:
        operators[-1].on_kill()

    operator = Killed(task_id="pull", tag=TAG, staging_uri=tmp_path.as_uri())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventWriter, "write", kill)
        with pytest.raises(AirflowException, match="told to end"):
            operator.execute({"data_interval_start": START, "data_interval_end": START + PERIOD})
    kept = list(tmp_path.glob("alerts/*/unsent/*.lines"))
    assert [len(file.read_bytes().splitlines()) for file in kept] == [COUNT]
    assert pull()["unsent"] == COUNT
    assert judge_alerts(sandbox, TAG).is_good


def test_signal_ends_a_stalled_delivery(pull: Pull, sandbox: Sandbox, tmp_path: Path) -> None:
    """`on_kill` also ends a wait for Devo and keeps the unsent lines."""
    from airflow.providers.common.compat.sdk import AirflowException

    sandbox.devo.syslog_faults.add(SyslogFault("stall", after_bytes=100))
    before = len(sandbox.devo.tables.connections())
    operator = PullAlertsOperator(task_id="pull", tag=TAG, staging_uri=tmp_path.as_uri())
    over = threading.Event()

    def end_once_sending() -> None:
        # A signal between the creation of a socket and its assignment would leave the socket open.
        while not any(len(each.wire) for each in sandbox.devo.tables.connections()[before:]):
            if over.wait(0.01):
                break
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    ending = threading.Thread(target=end_once_sending)
    ending.start()
    try:
        with pytest.raises(AirflowException, match="told to end"):
            operator.execute({"data_interval_start": START, "data_interval_end": START + PERIOD})
    finally:
        over.set()
        ending.join()
        signal.signal(signal.SIGTERM, previous)
        sandbox.devo.syslog_faults.release()
    assert pull()["unsent"] == COUNT


def test_task_that_is_not_delivering_is_not_stopped() -> None:
    """`on_kill` does nothing in a task that is not delivering, as after a timeout."""
    PullAlertsOperator(task_id="pull").on_kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat an event as missing if the first query does not show it."""
    monkeypatch.setitem(Verification.__init__.__kwdefaults__, "patience_s", 0.0)


@pytest.mark.usefixtures("impatient")
def test_alerts_that_devo_lost_are_sent_again(pull: Pull, sandbox: Sandbox) -> None:
    """Events that Devo confirmed and lost, and no others, are sent again and then recorded in the ledger."""
    ids = sandbox.flashpoint.store.expected_alerts()[:7]
    sandbox.devo.index.lose(*ids)
    summary = pull(verify="query")
    assert (summary["sent"], summary["verified"], summary["sent_again"]) == (COUNT, COUNT, 7)
    shown = sandbox.devo.index.counts(TAG, "alert_id")
    assert (len(shown), set(shown.values())) == (COUNT, {1})
    assert sandbox.devo.tables.count(TAG) == COUNT + 7
    assert pull(verify="query")["repeated"] == COUNT


@pytest.mark.usefixtures("impatient")
def test_run_whose_alerts_never_appear_fails_and_the_next_one_queries_first(pull: Pull, sandbox: Sandbox) -> None:
    """An empty table fails the run with the counts; the next run finds every event and sends none."""
    sandbox.devo.index.lag(99)
    with pytest.raises(Exception, match="shows 0 of 30 confirmed events after 3 sends"):
        pull(verify="query")
    sandbox.devo.index.lag(0)
    summary = pull(verify="query")
    assert (summary["sent"], summary["repeated"], summary["verified"], summary["sent_again"]) == (0, COUNT, COUNT, 0)


@pytest.mark.usefixtures("impatient")
def test_unverified_events_are_sent_again_when_verification_is_off(pull: Pull, sandbox: Sandbox) -> None:
    """Without verification, events that may be missing are sent again."""
    sandbox.devo.index.lag(99)
    with pytest.raises(Exception, match="shows 0 of 30"):
        pull(verify="query")
    assert pull()["unsent"] == COUNT
    assert pull()["repeated"] == COUNT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verify": "maybe"}, "verify is 'maybe' in task pull; allowed are confirm, query"),
        ({"verify": "query", "kind": "keywords", "path": "/keywords"}, "keywords have no id to query for"),
    ],
)
def test_impossible_verification(pull: Pull, arguments: dict[str, Any], message: str) -> None:
    """A verification that is not possible is refused before anything is read."""
    with pytest.raises(Exception, match=message):
        pull(**arguments)


TELEMETRY = "devo.collectors.out"


def test_no_telemetry_by_default(pull: Pull, sandbox: Sandbox) -> None:
    """Devo receives the alerts and nothing else."""
    pull()
    assert sandbox.devo.tables.names() == [TAG]


def test_telemetry_is_delivered_to_devo(pull: Pull, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Log lines and metrics of the task are in Devo's table for collectors, without a secret."""
    caplog.set_level(logging.INFO, "airflow_provider_flashpoint")
    pull(telemetry=True)
    events = [json.loads(message) for message in sandbox.devo.tables.messages(TELEMETRY)]
    assert {event["service_name"] for event in events} == {"alerts"}
    assert "Number of available senders: 1" in [event["msg"] for event in events]
    assert events[-1]["metrics"]["confirmed"] == COUNT
    text = json.dumps(events)
    for service in (sandbox.flashpoint.airflow_connection(), sandbox.devo.airflow_connection()):
        assert service["password"] not in text


def test_telemetry_that_devo_refuses_does_not_fail_the_run(pull: Pull, sandbox: Sandbox) -> None:
    """A run delivers its alerts even if its telemetry cannot be delivered."""
    sandbox.devo.syslog_faults.add(None, SyslogFault("refuse"))
    assert pull(telemetry=True)["sent"] == COUNT
    assert sandbox.devo.tables.count(TELEMETRY) == 0


def test_broken_connection_is_in_the_telemetry(pull: Pull, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The telemetry reports a broken connection of the alerts."""
    monkeypatch.setattr("airflow_provider_flashpoint.core.devo.connection.resend._backoff_s", lambda _: 0.0)
    sandbox.devo.syslog_faults.add(SyslogFault("reset", after_bytes=100))
    assert pull(telemetry=True)["sent"] == COUNT
    messages = [json.loads(message)["msg"] for message in sandbox.devo.tables.messages(TELEMETRY)]
    assert sum(" lines again in " in text for text in messages) == 1


def test_telemetry_reads_its_connection_before_the_work(
    pull: Pull, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alerts and telemetry arrive even if Airflow no longer returns the connection."""

    def gone(conn_id: str) -> None:
        pytest.fail(f"the connection {conn_id} was read again")

    monkeypatch.setattr(AttemptLock, "begin", lambda lock: monkeypatch.setattr(DevoHook, "get_connection", gone))
    assert pull(telemetry=True)["sent"] == COUNT
    assert sandbox.devo.tables.count(TELEMETRY) > 0


def test_telemetry_hides_secrets_that_airflow_masks(
    pull: Pull, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that Airflow masks is masked in the telemetry, whichever module logs it."""
    mask_secret("correct-horse-battery")
    log = logging.getLogger("airflow_provider_flashpoint.test")
    monkeypatch.setattr(AttemptLock, "begin", lambda lock: log.warning("it is correct-horse-%s", "battery"))
    pull(telemetry=True)
    assert "it is ***" in [json.loads(message)["msg"] for message in sandbox.devo.tables.messages(TELEMETRY)]


def test_xcom_holds_no_record(pull: Pull) -> None:
    """The XCom has counts, the window and the checkpoint."""
    summary = pull()
    assert (summary["read"], summary["sent"], summary["unsent"], summary["repeated"]) == (COUNT, COUNT, 0, 0)
    assert len(json.dumps(summary)) < 1000
