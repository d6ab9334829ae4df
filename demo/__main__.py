"""``python -m demo``: brings Flashpoint data into Devo with a real Airflow, on sandboxes of both services."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time

from demo import scenario
from demo.airflow_lab import AirflowLab, LabError
from demo.session import HOME, session
from sandbox.generations import GENERATIONS, IGNITE_V2, Generation
from sandbox.sandbox import Sandbox
from sandbox.verdict import EventVerdict, LookupVerdict


def main() -> int:
    """Run the demo. Return 0 if Devo holds what Flashpoint served, 1 if it does not, 2 if Airflow failed."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep Airflow's UI running until Ctrl-C")
    parser.add_argument("--api", choices=GENERATIONS, default=IGNITE_V2.api, help="the API generation (%(default)s)")
    options = parser.parse_args()
    generation = GENERATIONS[options.api]
    started = time.monotonic()

    def say(text: str) -> None:
        sys.stdout.write(f"[{time.monotonic() - started:5.0f} s] {text}\n")
        sys.stdout.flush()

    try:
        with session(generation, say) as running:
            airflow, sandbox = running.airflow, running.sandbox
            scenario.run(airflow, sandbox, generation, running.span, say)
            good = _report(airflow, sandbox, generation)
            say(f"VERDICT: {'GOOD' if good else 'BAD'}")
            if options.keep:
                _wait_for_interrupt(airflow, sandbox)
    except LabError as error:
        sys.stderr.write(f"Airflow failed: {error}\nIts logs are in {HOME / 'airflow'}.\n")
        return 2
    return 0 if good else 1


def _report(airflow: AirflowLab, sandbox: Sandbox, generation: Generation) -> bool:
    lookups, events = scenario.judge(sandbox, generation)
    states = scenario.states(airflow)
    lines = ["", f"{'lookup in Devo':48}{'served':>8}{'rows':>7}{'missing':>9}{'outdated':>10}{'columns':>9}  state"]
    lines += [_lookup_line(verdict, scenario.state_of(verdict.name, states)) for verdict in lookups]
    lines += ["", f"{'table in Devo':48}{'served':>8}{'events':>7}{'lost':>9}{'duplicates':>12}  state"]
    lines += [_event_line(verdict, scenario.state_of(verdict.tag, states)) for verdict in events] + [""]
    sys.stdout.write("\n".join(lines) + "\n")
    return all(verdict.is_good for verdict in (*lookups, *events))


def _lookup_line(verdict: LookupVerdict, state: dict[str, str]) -> str:
    return (
        f"{verdict.name:48}{verdict.served:8}{verdict.rows:7}{len(verdict.missing):9}{len(verdict.outdated):10}"
        f"{verdict.columns:9}  {state.get('status', 'none')}, complete to {state.get('to_checkpoint_time', '-')}"
    )


def _event_line(verdict: EventVerdict, state: dict[str, str]) -> str:
    return (
        f"{verdict.tag:48}{verdict.served:8}{verdict.events:7}{len(verdict.lost):9}{verdict.duplicates:12}"
        f"  complete to {state.get('to_checkpoint_time', '-')}"
    )


def _wait_for_interrupt(airflow: AirflowLab, sandbox: Sandbox) -> None:
    sys.stdout.write(
        f"Airflow: {airflow.url}  login {airflow.user} / {airflow.password}\n"
        f"Devo:    {sandbox.devo.url}/__sandbox__/\n"
        f"Flashpoint: {sandbox.flashpoint.url}/__sandbox__/\nCtrl-C ends all.\n"
    )
    sys.stdout.flush()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


if __name__ == "__main__":
    sys.exit(main())
