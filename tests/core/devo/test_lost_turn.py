"""An attempt that lost its turn while it waited sends nothing more: each part and each repetition asks first."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
from devo_peers import FakeClock, sandbox_connector

from airflow_provider_flashpoint.core.devo.connection.syslog_channel import SyslogChannel
from airflow_provider_flashpoint.core.devo.events.http import HttpChannel, ingestion_client
from airflow_provider_flashpoint.core.devo.events.syslog import syslog_frame
from airflow_provider_flashpoint.core.devo.events.writer import EventWriter
from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.devo.lookups.syslog import SyslogLookups
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.errors import SupersededError
from sandbox.devo.server import DevoServer
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.http_service.faults import Fault
from tests.csv_file import write_csv

NAME = "Colors"
TAG = "my.app.flashpoint.turns"


class Turn:
    """The turn of an attempt. It is lost in the first wait, in which the newer attempt does its work."""

    def __init__(self, newer: Callable[[], object]) -> None:
        self.is_lost = False
        self._newer = newer

    def sleep(self, _: float) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._newer()

    def check(self, _: BaseException | None = None) -> None:
        if self.is_lost:
            raise SupersededError("Another attempt has started.")


def deploy(lookups: Any, color: str, operation: Operation = Operation.APPEND, rows: int = 1, **options: Any) -> None:
    file = io.BytesIO()
    write_csv([{"key": str(number), "color": color} for number in range(rows)], ["color"], "key", file)
    lookups.deploy(NAME, columns=["color"], key="key", csv_file=file, operation=operation, **options)


def colors(devo: DevoServer) -> set[str]:
    return {row[1] for row in devo.lookups[NAME].rows()}


def api(devo: DevoServer, sleep: Callable[[float], None], **options: Any) -> LookupsClient:
    session = requests.Session()
    session.auth = BearerAuth(devo.settings.api_token)
    http = HttpClient(session, base_url=devo.api_url, service="Devo", sleep=sleep)
    return LookupsClient(http, domain=devo.settings.domain, sleep=sleep, **options)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", match="deploy-csv", status=503),
        Fault("status", match="deploy-csv", status=503, headers={"Retry-After": "60"}),
        Fault("status", match="deploy-csv", status=429, headers={"Retry-After": "0"}),
        Fault("status", match="deploy-csv", status=409),
        Fault("status", match="deploy-csv", status=504, when="after"),
        Fault("reset", match="deploy-csv"),
        Fault("reset", match="deploy-csv", when="after"),
        Fault("html", match="deploy-csv"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.when}-{fault.status}-{dict(fault.headers)}",
)
@pytest.mark.parametrize("operation", [Operation.REPLACE, Operation.APPEND])
def test_a_late_repetition_of_a_lookup_call_is_not_sent(
    devo: DevoServer, clock: FakeClock, operation: Operation, fault: Fault
) -> None:
    """After any refusal or break, the older sync does not send its rows again over those of the newer one."""
    newer = api(devo, clock.sleep)
    deploy(newer, "first", Operation.CREATE)
    turn = Turn(lambda: deploy(newer, "new"))
    devo.faults.add(fault)
    with pytest.raises(SupersededError):
        deploy(api(devo, turn.sleep), "old", operation, before_sending=turn.check)
    assert colors(devo) == {"new"}


@pytest.mark.parametrize("operation", [Operation.CREATE, Operation.REPLACE, Operation.APPEND])
def test_a_late_part_of_a_lookup_is_not_sent(devo: DevoServer, clock: FakeClock, operation: Operation) -> None:
    """The turn is asked for before each part: what a newer sync wrote between two parts stays."""
    newer = api(devo, clock.sleep)
    if operation is not Operation.CREATE:
        deploy(newer, "first", Operation.CREATE, rows=9)
    turn = Turn(lambda: deploy(newer, "new", rows=9))
    with pytest.raises(SupersededError):
        deploy(api(devo, turn.sleep, max_csv_bytes=60), "old", operation, 9, before_sending=turn.check)
    assert colors(devo) == {"new"}


@pytest.mark.parametrize("transport", ["tls", "tcp"])
@pytest.mark.parametrize("fault", [None, SyslogFault("refuse"), SyslogFault("close")], ids=["pause", "refuse", "close"])
def test_a_late_upload_over_syslog_is_not_sent(
    devo: DevoServer, clock: FakeClock, transport: str, fault: SyslogFault | None
) -> None:
    """The turn is asked for before each upload and before its END, without which Devo loads nothing."""

    def lookups(sleep: Callable[[float], None]) -> SyslogLookups:
        channel = SyslogChannel(sandbox_connector(devo, transport).connect, b"".join, confirm_timeout_s=20.0)
        return SyslogLookups(channel, sleep=sleep)

    newer = lookups(clock.sleep)
    deploy(newer, "first", Operation.CREATE)
    turn = Turn(lambda: deploy(newer, "new"))
    devo.syslog_faults.add(fault)
    with pytest.raises(SupersededError):
        deploy(lookups(turn.sleep), "old", before_sending=turn.check)
    assert colors(devo) == {"new"}


@pytest.mark.parametrize("transport", ["tls", "tcp", "http"])
def test_events_are_not_sent_again(devo: DevoServer, transport: str) -> None:
    """Where a newer attempt delivers the events, the older one does not repeat them after a break."""

    def writer(**options: Any) -> EventWriter:
        if transport == "http":
            http = ingestion_client(devo.url, devo.settings.http_token)
            return EventWriter(HttpChannel(http, domain=devo.settings.domain, tag=TAG), **options)
        connect = sandbox_connector(devo, transport).connect
        return EventWriter(SyslogChannel(connect, syslog_frame(TAG), confirm_timeout_s=20.0), **options)

    def deliver() -> None:
        with writer(sleep=lambda _: None) as newer:
            newer.write([b'{"id":1}\n', b'{"id":2}\n'])

    devo.syslog_faults.add(SyslogFault("refuse"))
    if transport == "http":
        devo.faults.add(Fault("status", match="/stream/", status=503))
    turn = Turn(deliver)
    with pytest.raises(SupersededError), writer(sleep=turn.sleep, before_repeat=turn.check) as older:
        older.write([b'{"id":1}\n', b'{"id":2}\n'])
        older.confirm()
    assert devo.tables.wait_until_idle(60.0)
    assert len(devo.tables.events(TAG)) == 2
