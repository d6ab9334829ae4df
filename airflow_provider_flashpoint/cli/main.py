# PYTHON_ARGCOMPLETE_OK  lets `activate-global-python-argcomplete` find this command
"""The entry point of ``airflow-flashpoint``: parse arguments, run a command, print its report."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import sys
from collections.abc import Generator, Sequence

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.cli import check, config, init, preview, state
from airflow_provider_flashpoint.cli.arguments import Parser, complete
from airflow_provider_flashpoint.cli.output.progress import ProgressLine
from airflow_provider_flashpoint.cli.output.report import EXIT_CODES, Report, WrongUsage
from airflow_provider_flashpoint.cli.output.watch import clear_screen, watch
from airflow_provider_flashpoint.streams.readiness.findings import reason_of

_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells report it
_OUTPUT_CLOSED = 141  # 128 and the number of SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, print its report, and return the exit code.

    Only the report goes to standard output. The output of Airflow and its libraries is dropped, or goes to standard
    error with ``--verbose``.

    :param arguments: the arguments after the program's name; by default those of this process.
    """
    parser = _parser()
    complete(parser)
    options = parser.parse_args(arguments)
    options.terminal = sys.stderr
    every_s = getattr(options, "watch", None)
    return watch(lambda: _run(options), every_s) if every_s else _run(options)


def _run(options: argparse.Namespace) -> int:
    with ProgressLine(None if options.verbose else sys.stderr) as options.progress, _quiet(verbose=options.verbose):
        report = _reported(options)
    try:
        if getattr(options, "watch", None):
            clear_screen()
        _print(report, as_json=options.json)
    except BrokenPipeError:
        # The reader closed the pipe, as `| head` does; without this, Python reports it once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _OUTPUT_CLOSED
    return report.exit_code


def _parser() -> argparse.ArgumentParser:
    shared = Parser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    shared.add_argument("--verbose", action="store_true", help="show the output of Airflow on standard error")
    parser = Parser(
        prog="airflow-flashpoint",
        description="Flashpoint into Devo, on Apache Airflow: check the setup, preview a run, show and change states.",
        epilog=f"Exit codes: {EXIT_CODES}. Run it where Airflow's scheduler runs, as the same user.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="command", required=True)
    for command in (init, check, preview, state, config):
        command.add_to(commands, shared)
    return parser


def _reported(options: argparse.Namespace) -> Report:
    try:
        report: Report = options.run(options)
    except KeyboardInterrupt:
        return Report(error="Interrupted.", exit_code=_INTERRUPTED)
    except WrongUsage as error:
        return Report(error=str(error), exit_code=2)
    except Exception as error:  # any error becomes one line; a traceback could show secrets
        return Report(error=reason_of(error), exit_code=1)
    return report


@contextlib.contextmanager
def _quiet(*, verbose: bool) -> Generator[None]:
    """Keep the output of Airflow out of the report."""
    target = sys.stderr if verbose else io.StringIO()
    before = logging.root.manager.disable
    if not verbose:
        logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(target), contextlib.redirect_stderr(target):
            yield
    finally:
        logging.disable(before)


def _print(report: Report, *, as_json: bool) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for a terminal without UTF-8
    if as_json:
        sys.stdout.write(report.as_json() + "\n")
    else:
        report.show(sys.stderr if report.error else sys.stdout)
    sys.stdout.flush()
