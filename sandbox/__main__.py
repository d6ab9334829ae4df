"""``python -m sandbox``: runs both services until it is interrupted."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.dataset.documents import INDICATOR_TYPES, alerts, indicators
from sandbox.dataset.events.credentials import credentials
from sandbox.dataset.events.reports import reports
from sandbox.dataset.events.vulnerabilities import vulnerabilities
from sandbox.dataset.indicators_v2 import indicators_v2
from sandbox.dataset.notifications import notifications
from sandbox.dataset.seed import EDGE_S
from sandbox.devo.settings import DevoSettings
from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.control import moment
from sandbox.ready_file import write_ready_file
from sandbox.sandbox import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    options = _options(arguments)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    sandbox = Sandbox(devo=DevoSettings(directory=options.directory), port=options.port)
    try:
        if options.faults:
            sandbox.add_faults(json.loads(options.faults.read_text(encoding="utf-8")))
    except (InvalidSettingError, OSError, ValueError) as error:
        sys.stderr.write(f"{options.faults}: {error}\n")
        return 2
    _publish(sandbox, options)
    with sandbox:
        sys.stdout.write(_greeting(sandbox))
        sys.stdout.flush()
        if options.ready_file:
            ready = sandbox.summary() | {"connections": sandbox.airflow_connections()}
            write_ready_file(options.ready_file, ready)
        ended.wait()
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    now = datetime.now(UTC)
    edge = datetime.fromtimestamp(now.timestamp() // EDGE_S * EDGE_S, UTC)
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Run a Flashpoint and a Devo on this machine, with invented data.",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other data (%(default)s)")
    parser.add_argument("--indicators", type=int, default=2_000, help="how many (%(default)s)")
    parser.add_argument(
        "--alerts", type=int, default=200, help="how many, and of each other kind of event (%(default)s)"
    )
    parser.add_argument("--from", dest="from_", type=moment, help="start of the data, ISO 8601 (a day before)")
    parser.add_argument("--to", type=moment, default=edge, help="end of the data, ISO 8601 (now)")
    parser.add_argument("--types", type=_types, default=INDICATOR_TYPES, help="indicator types, by commas")
    parser.add_argument("--port", type=int, default=0, help="of Flashpoint (a free one)")
    parser.add_argument("--directory", type=Path, help="keeps the certificates (a temporary one)")
    parser.add_argument("--ready-file", type=Path, help="written as JSON once both are up: addresses, connections")
    parser.add_argument("--faults", type=Path, help="JSON: lists of faults for flashpoint, devo, devo_syslog")
    options = parser.parse_args(arguments)
    options.from_ = options.from_ or options.to - timedelta(days=1)
    if options.from_ >= options.to:
        parser.error("--from must lie before --to")
    return options


def _types(text: str) -> tuple[str, ...]:
    types = tuple(each.strip() for each in text.split(","))
    if not all(types):
        raise argparse.ArgumentTypeError("an empty name among the types")
    return types


def _publish(sandbox: Sandbox, options: argparse.Namespace) -> None:
    seed, from_, to = options.seed, options.from_, options.to
    store = sandbox.flashpoint.store
    store.publish_indicators(indicators(seed, options.indicators, from_, to, types=options.types))
    store.publish_alerts(alerts(seed, options.alerts, from_, to))
    store.publish_indicators_v2(indicators_v2(seed, options.indicators, from_, to))
    store.publish_notifications(notifications(seed, options.alerts, from_, to))
    store.publish_credentials(credentials(seed, options.alerts, from_, to))
    store.publish_vulnerabilities(vulnerabilities(seed, options.alerts, from_, to))
    store.publish_reports(reports(seed, options.alerts, from_, to))


def _greeting(sandbox: Sandbox) -> str:
    summary = sandbox.summary()
    flashpoint, devo = summary["flashpoint"], summary["devo"]
    counts = ", ".join(f"{count} {name}" for name, count in flashpoint["indicators"].items())
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sandbox.airflow_connections().items()]
    return "\n".join([
        f"Flashpoint  {flashpoint['url']}  {flashpoint['alerts']} alerts; indicators: {counts}",
        f"            look into it: {flashpoint['control']}",
        f"Devo        {devo['url']}  syslog: TLS on {devo['syslog_port']}, plain on {devo['plain_port']}",
        f"            look into it: {devo['control']}",
        "",
        *exports,
        "",
        "Ctrl-C ends it.",
        "",
    ])


if __name__ == "__main__":
    sys.exit(main())
