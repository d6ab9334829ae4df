"""The puller of alerts against both sandboxes: what the log says, and what becomes of alerts when it ends early."""

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
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.core.pipelines.deliver import Delivery
from airflow_provider_flashpoint.core.pipelines.verify import Verification
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
    """A function that runs the operator for the period, with Variables of the test's own."""
    variables: dict[str, str] = {}

    def read(kind: Any, variable: str) -> Any:
        return kind.from_json(variables[variable], name=variable) if variable in variables else None

    def write(variable: str, state: Any) -> bool:
        variables[variable] = state.to_json()
        return True

    for name, value in sandbox.airflow_connections().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("airflow_provider_flashpoint.operators.base.read_state", read)
    monkeypatch.setattr("airflow_provider_flashpoint.operators.pull_alerts.write_state", write)
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
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What is logged, the operator's own lines included, which Airflow 3 does not send through `logging`."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(PullAlertsOperator, "log", logging.getLogger("operator"))
    return caplog


def test_log_of_a_run(pull: Pull, said: pytest.LogCaptureFixture) -> None:
    """A run speaks in the collector's words, and tells at its end what was sent."""
    pull()
    expected = [
        "pre_pull started.",
        "No persisted data found. The content will be initialized.",
        "PrePull method completed.",
        "Starting data collection every 300 seconds",
        "Number of available senders: 1",
        "sender manager internal queue size: 0",
    ]
    assert [message for message in said.messages if message in expected] == expected
    assert f'Total number of messages sent: {COUNT}, messages sent since "' in said.text


def test_alerts_that_devo_did_not_take_go_first_in_the_next_run(
    pull: Pull, sandbox: Sandbox, said: pytest.LogCaptureFixture
) -> None:
    """A run that gives up keeps what it read; the next one delivers it before it reads, and nothing comes twice."""
    sandbox.devo.syslog_faults.add(*[SyslogFault("refuse")] * 5)
    with pytest.raises(Exception, match="did not confirm 30 lines in 5 attempts"):
        pull()
    assert "sender manager internal queue size: 30" in said.messages
    assert "the next run sends them first" in said.text
    told = pull()
    assert (told["unsent"], told["sent"], told["repeated"]) == (COUNT, 0, COUNT)
    assert judge_alerts(sandbox, TAG).is_good


def test_task_that_is_told_to_end_keeps_what_it_read(pull: Pull, sandbox: Sandbox, tmp_path: Path) -> None:
    """What Airflow calls when a task is told to end stops the sending at once; what was read is kept."""
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


def test_signal_ends_a_delivery_that_stands_still(pull: Pull, sandbox: Sandbox, tmp_path: Path) -> None:
    """A signal that Airflow answers as it does ends also a wait for Devo; what was read is kept."""
    from airflow.providers.common.compat.sdk import AirflowException

    sandbox.devo.syslog_faults.add(SyslogFault("stall", after_bytes=100))
    before = len(sandbox.devo.tables.connections())
    operator = PullAlertsOperator(task_id="pull", tag=TAG, staging_uri=tmp_path.as_uri())
    over = threading.Event()

    def end_once_connected() -> None:
        while len(sandbox.devo.tables.connections()) == before and not over.wait(0.01):
            pass
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    ending = threading.Thread(target=end_once_connected)
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
    """Airflow also calls this after a timeout, when there is nothing left to end."""
    PullAlertsOperator(task_id="pull").on_kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take for missing what the first query does not show."""
    monkeypatch.setitem(Verification.__init__.__kwdefaults__, "patience_s", 0.0)


@pytest.mark.usefixtures("impatient")
def test_alerts_that_devo_lost_are_sent_again(pull: Pull, sandbox: Sandbox) -> None:
    """What Devo confirmed and lost is found by a query and sent again, exactly that, and then is on record."""
    ids = sandbox.flashpoint.store.expected_alerts()[:7]
    sandbox.devo.index.lose(*ids)
    told = pull(verify="query")
    assert (told["sent"], told["verified"], told["sent_again"]) == (COUNT, COUNT, 7)
    shown = sandbox.devo.index.counts(TAG, "alert_id")
    assert (len(shown), set(shown.values())) == (COUNT, {1})
    assert sandbox.devo.tables.count(TAG) == COUNT + 7
    assert pull(verify="query")["repeated"] == COUNT


@pytest.mark.usefixtures("impatient")
def test_run_whose_alerts_never_show_fails_and_the_next_one_asks_first(pull: Pull, sandbox: Sandbox) -> None:
    """A table that shows nothing fails the run with its counts; the next run finds all there and sends nothing."""
    sandbox.devo.index.lag(99)
    with pytest.raises(Exception, match="shows 0 of 30 alerts that were confirmed, after 3 sends"):
        pull(verify="query")
    sandbox.devo.index.lag(0)
    told = pull(verify="query")
    assert (told["sent"], told["repeated"], told["verified"], told["sent_again"]) == (0, COUNT, COUNT, 0)


@pytest.mark.usefixtures("impatient")
def test_what_stayed_unverified_is_sent_where_nobody_asks_any_more(pull: Pull, sandbox: Sandbox) -> None:
    """Once verification is off, what may be missing is sent again rather than left."""
    sandbox.devo.index.lag(99)
    with pytest.raises(Exception, match="shows 0 of 30"):
        pull(verify="query")
    assert pull()["unsent"] == COUNT
    assert pull()["repeated"] == COUNT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"verify": "maybe"}, "verify is 'maybe' in task pull; allowed are confirm, query"),
        ({"verify": "query", "kind": "keywords", "path": "/keywords"}, "keywords have no id to ask for"),
    ],
)
def test_verification_that_cannot_be(pull: Pull, arguments: dict[str, Any], message: str) -> None:
    """What cannot be verified is refused before anything is read."""
    with pytest.raises(Exception, match=message):
        pull(**arguments)


TELEMETRY = "devo.collectors.out"


def test_no_telemetry_unless_it_is_asked_for(pull: Pull, sandbox: Sandbox) -> None:
    """Devo gets the alerts and nothing else."""
    pull()
    assert sandbox.devo.tables.names() == [TAG]


def test_telemetry_is_delivered_to_devo(pull: Pull, sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """What the task does is told in Devo's own table too, with its metrics, and without a secret."""
    caplog.set_level(logging.INFO, "airflow_provider_flashpoint")
    pull(telemetry=True)
    events = [json.loads(message) for message in sandbox.devo.tables.messages(TELEMETRY)]
    assert {event["service_name"] for event in events} == {"alerts"}
    assert "Number of available senders: 1" in [event["msg"] for event in events]
    assert events[-1]["metrics"]["confirmed"] == COUNT
    told = json.dumps(events)
    for service in (sandbox.flashpoint.airflow_connection(), sandbox.devo.airflow_connection()):
        assert service["password"] not in told


def test_telemetry_that_devo_refuses_does_not_fail_the_run(pull: Pull, sandbox: Sandbox) -> None:
    """A run delivers its alerts where its telemetry cannot be delivered."""
    sandbox.devo.syslog_faults.add(None, SyslogFault("refuse"))
    assert pull(telemetry=True)["sent"] == COUNT
    assert sandbox.devo.tables.count(TELEMETRY) == 0


def test_breaks_are_told_by_telemetry(pull: Pull, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A break of the connection that the alerts go over is among what Devo is told."""
    monkeypatch.setattr("airflow_provider_flashpoint.core.devo.events.writer._FIRST_WAIT_S", 0.0)
    sandbox.devo.syslog_faults.add(SyslogFault("reset", after_bytes=100))
    assert pull(telemetry=True)["sent"] == COUNT
    told = [json.loads(message)["msg"] for message in sandbox.devo.tables.messages(TELEMETRY)]
    assert sum("unconfirmed lines again" in text for text in told) == 1


def test_telemetry_reads_its_connection_before_the_work(
    pull: Pull, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Airflow no longer gives the connection, alerts and telemetry arrive all the same."""

    def gone(hook: DevoHook) -> None:
        pytest.fail("the connection was read again")

    monkeypatch.setattr(Delivery, "deliver", _after(lambda: monkeypatch.setattr(DevoHook, "settings", gone)))
    assert pull(telemetry=True)["sent"] == COUNT
    assert sandbox.devo.tables.count(TELEMETRY) > 0


def test_telemetry_hides_what_airflow_masks(pull: Pull, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that Airflow knows leaves as asterisks, whoever logs it."""
    mask_secret("correct-horse-battery")
    log = logging.getLogger("airflow_provider_flashpoint.test")
    monkeypatch.setattr(Delivery, "deliver", _after(lambda: log.warning("it is correct-horse-%s", "battery")))
    pull(telemetry=True)
    assert "it is ***" in [json.loads(message)["msg"] for message in sandbox.devo.tables.messages(TELEMETRY)]


def _after(act: Callable[[], None]) -> Callable[..., Any]:
    deliver = Delivery.deliver

    def acted(*args: Any) -> Any:
        act()
        return deliver(*args)

    return acted


def test_what_is_told_of_a_run_holds_no_record(pull: Pull) -> None:
    """The XCom is counts, the window and the checkpoint."""
    told = pull()
    assert (told["read"], told["sent"], told["unsent"], told["repeated"]) == (COUNT, COUNT, 0, 0)
    assert len(json.dumps(told)) < 1000
