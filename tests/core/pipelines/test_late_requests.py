"""A request of an older sync that reaches Devo late: after the next sync, the lookup holds the newest values again.

A sync stalls in the network, newer ones deploy and end, the old one dies, and the server goes on with its request. All
syncs are real, over HTTP, against the sandbox.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_flashpoint.core.clock import Clock
from airflow_provider_flashpoint.core.devo.lookups.api import LookupsClient
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.page import Page
from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient
from airflow_provider_flashpoint.core.pipelines.sync import sync
from airflow_provider_flashpoint.core.pipelines.sync_ports import SyncPorts, SyncResult, SyncSettings
from airflow_provider_flashpoint.core.run_window import LookupProgress, RunPeriod
from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
from airflow_provider_flashpoint.core.staging.attempt_lock import AttemptLock
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.state import LookupState, LookupStatus
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import NetworkError, PermanentError, SupersededError, TransientError
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault

NAME = "domains"
START = datetime(2026, 1, 1, tzinfo=UTC)
FIVE = timedelta(minutes=5)
PATIENCE_S = (5.0, 1.5)  # with a paused server


class Killed(BaseException):
    """The end of a process, as its own code sees it."""


class Source:
    """Flashpoint: the newest version of each record, by the time of its change."""

    endpoint = endpoint_of(Api.LEGACY, DataSet.INDICATORS)
    complete_to: datetime | None = None
    total: int | None = None

    def __init__(self) -> None:
        self.records: dict[str, tuple[datetime, str]] = {}
        self.windows: list[Window] = []

    def pages(self, window: Window) -> Iterator[Page]:
        self.windows.append(window)
        found = [
            {"domain": domain, "value": value, "timestamp": at.timestamp()}
            for domain, (at, value) in sorted(self.records.items())
            if window.start <= at < window.end
        ]
        if found:
            yield Page(found)


@dataclass
class Scene:
    """One lookup, its source and its runs, five minutes each. ``now`` is the end of the period of the last run."""

    devo: DevoServer
    directory: Path
    source: Source = field(default_factory=Source)
    state: LookupState | None = None
    now: datetime = START

    def changes(self, *domains: str) -> None:
        """Let records change in the next period."""
        at = self.now + timedelta(minutes=1)
        self.source.records |= {domain: (at, f"{domain} at {at:%H:%M}") for domain in domains}

    def run(
        self,
        *,
        status: LookupStatus | None = None,
        sleep: Callable[[float], None] = lambda _: None,
        on_lock: Callable[[AttemptLock], None] = lambda _: None,
        **http: Any,
    ) -> SyncResult:
        """Sync the next period."""
        self.now += FIVE
        return self.run_again(status=status, sleep=sleep, on_lock=on_lock, **http)

    def run_again(
        self,
        *,
        status: LookupStatus | None = None,
        sleep: Callable[[float], None] = lambda _: None,
        on_lock: Callable[[AttemptLock], None] = lambda _: None,
        explicit: Window | None = None,
        **http: Any,
    ) -> SyncResult:
        """Sync the present period, or an explicit window."""
        now, state = self.now, self.state
        session = requests.Session()
        session.auth = BearerAuth(self.devo.settings.api_token)
        client = HttpClient(session, base_url=self.devo.api_url, service="Devo", sleep=sleep, **http)
        lock = AttemptLock(self.directory / "lock", work=NAME)
        lock.begin()
        on_lock(lock)
        ports = SyncPorts(
            source=self.source,
            obfuscator=Obfuscator(),
            stages=self.directory / "stages",
            lookups=LookupsClient(client, domain=self.devo.settings.domain, sleep=sleep),
            ledger_of=lambda build: LookupLedger(self.directory / "ledger", build=build),
            attempt_lock=lock,
            open_path=lambda uri: Path(urlsplit(uri).path),
            save_state=self.save,
            clock=Clock(now=lambda: now),
        )
        settings = SyncSettings(lookup_name=NAME, lookup_key="domain", stage_retention=timedelta(days=1))
        window, is_explicit = explicit or Window(now - FIVE, now), explicit is not None
        period = RunPeriod(window=window, rule="a test", explicit=is_explicit, initial_start=START)
        initial = state.status if state else LookupStatus.NEW
        return sync(None, LookupProgress(state, status or initial), period, ports, settings)

    def save(self, state: LookupState) -> bool:
        self.state = state
        return True

    def content(self) -> dict[str, str]:
        lookup = self.devo.lookups[NAME]
        key, value = lookup.columns.index("domain"), lookup.columns.index("value")
        return {row[key]: row[value] for row in lookup.rows()}

    def truth(self) -> dict[str, str]:
        return {domain: value for domain, (at, value) in self.source.records.items() if at < self.now}

    def notes(self) -> list[str]:
        directory = self.directory / "ledger" / ".deploying"
        return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


@pytest.fixture
def scene(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with DevoServer(DevoSettings(directory=tmp_path_factory.mktemp("certificates"))) as devo:
        scene = Scene(devo, tmp_path)
        scene.changes("a", "b", "c")
        scene.run()
        yield scene


def killed(_: float) -> None:
    raise Killed


def pause(devo: DevoServer) -> Fault:
    """Let the server take the next deployment, and go on with it only when it is released."""
    fault = Fault("stall", match="deploy-csv", released=threading.Event())
    devo.faults.add(fault)
    return fault


def go_on(devo: DevoServer, fault: Fault) -> None:
    """Let the paused deployment take effect."""
    assert fault.released
    jobs = len(devo.lookups[NAME].jobs)
    fault.released.set()
    wait_until(lambda: len(devo.lookups[NAME].jobs) > jobs)


def wait_until(is_true: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(6000):
        if is_true():
            return
        pause.wait(0.01)
    raise AssertionError("It does not become true.")


STATUSES = [LookupStatus.CREATED, LookupStatus.NEW]
both = pytest.mark.parametrize("status", STATUSES, ids=["append", "rebuild"])


@both
@pytest.mark.parametrize("newer_runs", [1, 2, 6])
def test_a_dead_syncs_late_request_is_undone(scene: Scene, status: LookupStatus, newer_runs: int) -> None:
    """A stalls and dies, others deploy, A's request lands: after the next run the lookup equals the truth."""
    scene.changes("a", "b")
    fault = pause(scene.devo)
    with pytest.raises(Killed):
        scene.run(status=status, sleep=killed, timeout_s=PATIENCE_S)
    for _ in range(newer_runs):
        scene.changes("a", "d")
        scene.run()
        assert scene.content() == scene.truth()
    go_on(scene.devo, fault)
    scene.changes("e")
    scene.run()
    assert scene.content() == scene.truth()


@both
def test_a_dead_sync_whose_request_landed_before_is_repaired(scene: Scene, status: LookupStatus) -> None:
    """A dies after its request took effect and before its state: the next run repairs what A knew alone."""
    scene.changes("a", "b")
    scene.devo.faults.add(Fault("reset", match="deploy-csv", when="after"))
    with pytest.raises(Killed):
        scene.run(status=status, sleep=killed)
    scene.changes("b", "c")
    scene.run()
    assert scene.content() == scene.truth()


@both
def test_a_living_sync_that_was_overtaken_records_nothing(scene: Scene, status: LookupStatus) -> None:
    """A stalls alive, B ends, A's request is answered: A ends as superseded, and the next run undoes it."""
    scene.changes("a", "b")
    fault = pause(scene.devo)
    outcome: list[BaseException] = []

    def run_older() -> None:
        try:
            scene.run(status=status)
        except SupersededError as error:
            outcome.append(error)

    older = threading.Thread(target=run_older)
    older.start()
    wait_until(lambda: scene.devo.faults.fired() == 1)
    scene.changes("a", "d")
    scene.run()
    state = scene.state
    go_on(scene.devo, fault)
    older.join(60.0)
    assert outcome
    assert scene.state == state
    scene.changes("e")
    scene.run()
    assert scene.content() == scene.truth()


@both
def test_a_sync_without_an_answer_is_repaired_by_its_retry(scene: Scene, status: LookupStatus) -> None:
    """A times out and fails, its retry deploys, A's request lands: the next run undoes it."""
    scene.changes("a", "b")
    fault = pause(scene.devo)
    with pytest.raises(NetworkError):
        scene.run(status=status, timeout_s=PATIENCE_S, max_attempts=1)
    scene.run_again(status=status)
    scene.changes("a")
    scene.run()
    go_on(scene.devo, fault)
    scene.changes("b")
    scene.run()
    assert scene.content() == scene.truth()


@both
def test_an_unanswered_attempt_of_a_sync_that_succeeded_is_undone(scene: Scene, status: LookupStatus) -> None:
    """A's first attempt stalls, its second one deploys; the first one lands after B: the next run undoes it."""
    scene.changes("a", "b")
    fault = pause(scene.devo)
    scene.run(status=status, timeout_s=PATIENCE_S)
    assert scene.content() == scene.truth()
    scene.changes("a", "d")
    scene.run()
    go_on(scene.devo, fault)
    scene.changes("e")
    scene.run()
    assert scene.content() == scene.truth()


@both
@pytest.mark.parametrize("code", [500, 503, 429, 502])
def test_answered_attempts_need_one_repair(scene: Scene, status: LookupStatus, code: int) -> None:
    """Where Devo answered each attempt, none can come later: one run repairs what they may have left."""
    scene.changes("a", "b")
    scene.devo.faults.add(Fault("status", match="deploy-csv", status=code, when="after", times=6))
    with pytest.raises(TransientError):
        scene.run(status=status)
    assert [name.rpartition("-")[2] for name in scene.notes()] == ["answered"]
    scene.changes("b", "c")
    scene.run()
    assert (scene.content(), scene.notes()) == (scene.truth(), [])


def test_a_repetition_after_an_answer_leaves_no_note(scene: Scene) -> None:
    """A sync that succeeded after a refusal needs no repair."""
    scene.changes("a")
    scene.devo.faults.add(Fault("status", match="deploy-csv", status=503, headers={"Retry-After": "5"}))
    scene.run()
    assert (scene.content(), scene.notes()) == (scene.truth(), [])


@both
def test_notes_end_an_hour_after_their_deployment(scene: Scene, status: LookupStatus) -> None:
    """What did not end is repaired by each run for an hour, and by one run after it; then it costs nothing more."""
    scene.changes("a", "b")
    pause(scene.devo)
    with pytest.raises(Killed):
        scene.run(status=status, sleep=killed, timeout_s=PATIENCE_S)
    begun = scene.now
    while scene.now <= begun + timedelta(hours=1):
        assert len(scene.notes()) == 1
        scene.run()
        assert scene.source.windows[-1].start <= (START if status is LookupStatus.NEW else begun - FIVE)
    assert scene.notes() == []
    scene.run()
    assert scene.source.windows[-1] == Window(scene.now - FIVE, scene.now)


def test_notes_are_bounded(scene: Scene) -> None:
    """While Devo does not answer for days, only the notes of the last hour and the earliest one remain."""
    scene.devo.faults.add(Fault("reset", match="deploy-csv", times=100))
    for _ in range(100):
        scene.changes("a")
        with pytest.raises(NetworkError):
            scene.run(max_attempts=1)
    assert len(scene.notes()) <= 15
    scene.run()
    assert scene.content() == scene.truth()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refused_deployment_leaves_no_note(scene: Scene, status: int) -> None:
    """What Devo refused for good needs no repair."""
    scene.devo.faults.add(Fault("status", match="deploy-csv", status=status))
    scene.changes("a")
    with pytest.raises(PermanentError):
        scene.run()
    assert scene.notes() == []


def test_a_lost_turn_before_the_first_request_leaves_no_note(scene: Scene) -> None:
    """An attempt that sent nothing needs no repair."""
    scene.changes("a")
    with pytest.raises(SupersededError):
        scene.run(on_lock=lambda _: AttemptLock(scene.directory / "lock", work=NAME).begin())
    assert scene.notes() == []
