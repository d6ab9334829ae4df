"""The whole command: output for people and for programs, exit codes, and no secrets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from airflow_provider_flashpoint.cli.main import main
from airflow_provider_flashpoint.cli.output.report import EXIT_CODES, Report, cut, table
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness.findings import reason_of
from sandbox.sandbox import Sandbox
from tests.cli.conftest import TAG, WINDOW, call, call_process

COMMANDS = (
    (),
    ("init",),
    ("check",),
    ("preview",),
    ("preview", "indicators"),
    ("preview", "alerts"),
    ("state",),
    ("state", "show"),
    ("state", "reset"),
    ("state", "set"),
    ("config",),
    ("config", "validate"),
    ("config", "explain"),
    ("config", "schema"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    """--help of each command exits with 0 and describes the command in a sentence."""
    outcome = call(*command, "--help")
    assert outcome.exit_code == 0
    assert "airflow-flashpoint" in outcome.out
    assert "." in outcome.out.split("\n\n")[1]


def test_the_command_is_installed() -> None:
    """The package installs `airflow-flashpoint`."""
    (script,) = entry_points(group="console_scripts", name="airflow-flashpoint")
    assert script.load() is main


def test_exit_codes_are_in_the_help() -> None:
    """--help lists the exit codes."""
    assert EXIT_CODES in " ".join(call("--help").out.split())


@pytest.mark.parametrize(
    ("given", "meant"),
    [(("chekc",), "check"), (("state", "shwo"), "show"), (("preview", "indicatr"), "indicators"), (("quux",), "")],
)
def test_an_unknown_command_is_wrong_usage(given: tuple[str, ...], meant: str) -> None:
    """A misspelled command exits with 2, lists the commands, and asks whether another one was meant."""
    outcome = call(*given)
    assert outcome.exit_code == 2
    assert f"invalid choice: '{given[-1]}' (choose from" in outcome.err
    assert outcome.err.endswith(f" Did you mean {meant}?\n") == bool(meant)


@pytest.mark.parametrize(
    ("given", "meant"),
    [(("check", "--vrebose"), "--verbose"), (("preview", "indicators", "--limt", "5"), "--limit")],
)
def test_an_unknown_option_is_wrong_usage(given: tuple[str, ...], meant: str) -> None:
    """A misspelled option exits with 2, and asks whether another one was meant."""
    outcome = call(*given)
    assert outcome.exit_code == 2
    assert outcome.err.endswith(f" Did you mean {meant}?\n")


@pytest.mark.parametrize("given", [(), ("state",), ("preview",)])
def test_a_missing_command_lists_the_commands(given: tuple[str, ...]) -> None:
    """Without a command, its help says which there are."""
    outcome = call(*given)
    assert outcome.exit_code == 2
    assert call(*given, "--help").out in outcome.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("airflow-flashpoint ch", {"check"}),
        ("airflow-flashpoint preview indicators --type ", {"domain", "ip-dst|port"}),
        ("airflow-flashpoint state show ", {"Domains", "Sockets", TAG}),
    ],
)
def test_a_shell_completes_words(config: Path, tmp_path: Path, line: str, words: set[str]) -> None:
    """A shell gets the commands, the types and the streams of the configuration that fit what was typed."""
    completions = tmp_path / "completions"
    environment = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SHELL": "fish",  # the only one without quoting
        "_ARGCOMPLETE_STDOUT_FILENAME": str(completions),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    call_process(environment=environment)
    found = {word.partition("\t")[0].strip() for word in completions.read_text(encoding="utf-8").split("\n")}
    assert words <= found
    assert "config" not in found


def test_an_unexpected_error_is_one_line_without_credentials() -> None:
    """Of a foreign error only the first line is shown, without the user and password of a URI."""
    text = reason_of(ValueError("no postgresql://me:pass-word@host/db\nTraceback: pass-word"))
    assert text == "ValueError: no postgresql://…@host/db"


def test_an_error_of_the_provider_is_shown_whole() -> None:
    """Errors of the provider are shown with all their lines."""
    assert reason_of(ConfigurationError("first\n  second")) == "first\n  second"


def test_cut_text_says_how_much_is_missing() -> None:
    """The missing characters are counted."""
    assert cut("abcdef", 2) == "ab… (4 characters more)"
    assert cut("abcdef", 6) == "abcdef"


def test_columns_of_a_table_begin_at_the_same_place() -> None:
    """Columns are aligned, and no line ends in spaces."""
    assert table([("a", "bb", ""), ("ccc", "d", "e")]) == ["a    bb", "ccc  d   e"]
    assert table([]) == []


def test_an_error_is_json_too() -> None:
    """With --json, the reason of an error is on standard output."""
    assert json.loads(Report(error="why", exit_code=1).as_json()) == {"good": False, "error": "why"}


@pytest.mark.airflow
def test_json_is_all_there_is_on_standard_output(
    airflow: None, config: Path, connections: Callable[..., None], sandbox: Sandbox
) -> None:
    """The output is one JSON object although Airflow prints at its start, and contains no secret."""
    connections(devo={"extra": {"connect_timeout_s": 120}})  # a busy machine takes its time over a handshake
    secrets = (sandbox.flashpoint.settings.token, sandbox.devo.settings.api_token)
    for arguments in (("check",), ("preview", "alerts", *WINDOW), ("state", "show")):
        done = call_process(*arguments, "--json")
        assert done.exit_code == 0, done  # with --json the reason is on standard output
        assert done.json["good"] is True
        assert done.err == ""
        assert not any(secret in done.out for secret in secrets)


@pytest.mark.airflow
def test_an_airflow_that_does_not_start_is_reported_without_its_password(airflow: None, config: Path) -> None:
    """A wrong database URI is reported in one line, without the URI."""
    wrong = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "no-scheme-but-a-pass-word"}
    done = call_process("state", "show", environment=wrong)
    assert done.exit_code == 1
    assert done.err.startswith("error: Airflow does not start here")
    assert done.err.count("\n") == 1
    assert "pass-word" not in done.err + done.out


@pytest.mark.airflow
def test_a_database_without_tables_is_reported(airflow: None, config: Path, tmp_path: Path) -> None:
    """For a database without tables, the message asks for `airflow db migrate`."""
    empty = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/empty.db"}
    done = call_process("state", "show", environment=empty)
    assert done.exit_code == 1
    assert "`airflow db migrate`" in done.err
    assert done.err.count("\n") == 1


def test_a_closed_pipe_is_no_error(config: Path) -> None:
    """A closed pipe, as after `| head`, ends the command silently."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "airflow_provider_flashpoint.cli", "config", "validate"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 141
    assert done.stderr == ""
