"""The processes of the lab, without Airflow: all are found, and none runs longer than its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from demo.airflow_lab.errors import LabError
from demo.airflow_lab.processes import Processes

# A parent that starts a child in another session, as Airflow does with tasks, and prints the child's id.
LOST_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(child.pid, flush=True)
time.sleep(600)
"""
OWNER = f"""
import os, sys, time
from pathlib import Path
from demo.airflow_lab.processes import Processes
Processes(Path(sys.argv[1])).start("parent", [sys.executable, "-c", {LOST_CHILD!r}], os.environ)
time.sleep(600)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path)
    yield processes
    processes.stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in 30 s"
        time.sleep(0.05)


def printed_id(log: Path) -> int:
    """Wait until the parent has printed an id, and return it."""
    until(lambda: log.exists() and log.read_text().endswith("\n"))
    return int(log.read_text())


def test_stop_ends_a_child_that_left_its_parents_session(processes: Processes) -> None:
    """The lab finds its processes in every process group and session."""
    processes.start("parent", [sys.executable, "-c", LOST_CHILD], os.environ)
    child = psutil.Process(printed_id(processes.log_file("parent")))
    processes.stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_component_that_ignores_sigterm_is_killed(processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A component that does not end in the grace period is killed."""
    monkeypatch.setattr("demo.airflow_lab.marks._GRACE_S", 0.2)
    ignoring = "import signal, time; signal.signal(15, signal.SIG_IGN); print(0, flush=True); time.sleep(600)"
    processes.start("ignoring", [sys.executable, "-c", ignoring], os.environ)
    printed_id(processes.log_file("ignoring"))
    processes.stop()
    assert processes.alive() == []


def test_a_dead_component_is_reported_with_its_log(processes: Processes) -> None:
    """The error contains the exit code and the end of the log."""
    processes.start("scheduler", [sys.executable, "-c", "print('no database'); exit(3)"], os.environ)
    until(lambda: not processes.alive())
    with pytest.raises(LabError, match=r"(?s)scheduler ended with code 3.*no database"):
        processes.check()


def test_a_command_that_takes_too_long_is_killed(processes: Processes) -> None:
    """A command that exceeds its timeout is killed with all its processes."""
    with pytest.raises(LabError, match="took longer"):
        processes.run([sys.executable, "-c", "import time; time.sleep(600)"], os.environ, timeout_s=0.2)
    assert processes.alive() == []


def test_the_processes_of_a_killed_owner_end_too(tmp_path: Path) -> None:
    """A killed lab leaves no process behind."""
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)]) as owner:
        child = psutil.Process(printed_id(tmp_path / "parent.log"))
        owner.send_signal(signal.SIGKILL)
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_component_that_lost_a_race_for_sqlite_is_started_again(processes: Processes, tmp_path: Path) -> None:
    """A component that dies of a locked database is restarted, and reported if it keeps dying."""
    starts = tmp_path / "starts"
    dying = f"open({str(starts)!r}, 'a').write('x'); print('StaleDataError'); exit(1)"
    processes.start("scheduler", [sys.executable, "-c", dying], os.environ)
    with pytest.raises(LabError, match="StaleDataError"):
        until(lambda: processes.check() is not None)
    assert starts.read_text() == "x" * 4
