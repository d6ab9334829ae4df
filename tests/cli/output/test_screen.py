"""The output on a terminal: colours, and lines that fit its width. In a pipe it is plain text."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_flashpoint.cli.output.report import Report, Table, show
from airflow_provider_flashpoint.core.secrets.known import remember
from tests.cli.conftest import Terminal, call

TABLE = Table(
    [
        ("NAME", "STATUS", "LAST RUN"),
        ("Threatintel_Flashpoint_Intelligence_Domain", "Created", "manual__2026-11-24T11:54:37.016049+00:00"),
    ],
    has_heading=True,
)
FINDINGS = Table([
    ("ok  ", "configuration", "dags/flashpoint_collector.yaml: 2 lookups."),
    ("FAIL", "devo_default: fields", "Airflow has no connection devo_default. Add it in the UI, or with a command."),
    ("FAIL", "devo_default: lookups", f"Devo GET https://{'x' * 60}/lookup: status 401."),
])
Show = Callable[..., str]
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Show:
    """A function that shows blocks on a terminal of a width, and returns what it wrote."""

    def shown(*blocks: str | Table, columns: int = 80) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm-256color")
        terminal = Terminal()
        show(blocks, terminal)
        return terminal.getvalue()

    return shown


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_lines_fit_and_words_stay_whole(shown: Show, columns: int) -> None:
    """No line is wider than the terminal, and no word is broken that has room on a line."""
    text = _COLOUR.sub("", shown(TABLE, FINDINGS, "  note: one more word " * 9, columns=columns))
    assert max(map(len, text.splitlines())) <= columns
    rows = [*TABLE.rows[1:], *FINDINGS.rows]  # cards have no heading of their first column
    words = {word for row in rows for cell in row for word in cell.split()}
    assert {word for word in words if len(word) < columns - 12} <= {*text.split()}


def test_a_table_without_room_becomes_cards(shown: Show) -> None:
    """Each row of a table that does not fit is a card: its name, and one line for each column."""
    assert _COLOUR.sub("", shown(TABLE)).splitlines() == [
        "Threatintel_Flashpoint_Intelligence_Domain",
        "  STATUS    Created",
        "  LAST RUN  manual__2026-11-24T11:54:37.016049+00:00",
    ]
    assert _COLOUR.sub("", shown(TABLE, columns=200)).startswith("NAME   ")


def test_long_text_is_wrapped_beside_its_row(shown: Show) -> None:
    """The last cell of a row is wrapped at words; one that cannot be stands below the row."""
    lines = _COLOUR.sub("", shown(FINDINGS)).splitlines()
    assert lines[1:3] == [
        "FAIL  devo_default: fields   Airflow has no connection devo_default. Add it in",
        "                             the UI, or with a command.",
    ]
    assert lines[3:] == [
        "FAIL  devo_default: lookups",
        "    Devo GET",
        f"    https://{'x' * 60}/lookup:",
        "    status 401.",
    ]


def test_a_command_stays_on_one_line(shown: Show) -> None:
    """A command is not wrapped, so that it can be copied; the text around it is."""
    command = "airflow connections add flashpoint_default --conn-type flashpoint --conn-host https://api.flashpoint.io"
    table = Table([
        ("FAIL", "flashpoint_default: fields", f"There is no such connection. Add it with `{command}`. Then")
    ])
    lines = _COLOUR.sub("", shown(table, command, f"1. Then: {command}")).splitlines()
    assert [line.strip() for line in lines] == [
        "FAIL  flashpoint_default: fields",
        "There is no such connection. Add it with",
        f"`{command}`.",
        "Then",
        command,
        "1. Then:",
        command,
    ]


def test_results_have_colours(shown: Show) -> None:
    """FAIL and errors are red, ok is green, notes are yellow."""
    text = shown(FINDINGS, "error: it is wrong", "note: it is so", "All is good.")
    for words in ("\x1b[1;31mFAIL\x1b[0m", "\x1b[32mok", "\x1b[1;31merror:", "\x1b[33mnote:", "\x1b[32mAll is good."):
        assert words in text


def test_no_colours_where_they_are_not_wanted(shown: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR in the environment, the lines have no colours."""
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in shown(FINDINGS)
    assert "31m" not in shown(FINDINGS)


def test_a_terminal_gets_no_secret_and_no_controls(shown: Show) -> None:
    """Secrets are masked and control characters are escaped, in lines and in cells; data is no markup."""
    remember("the-secret-token")
    text = _COLOUR.sub("", shown("the-secret-token \x1b[2J [red]x[/red]", Table([("a", "the-secret-token\x9b")])))
    assert "the-secret-token" not in text
    assert r"\x1b[2J [red]x[/red]" in text
    assert r"\x9b" in text


def test_a_pipe_gets_plain_text(config: Path) -> None:
    """In a pipe, lines have no colours and are not wrapped, whatever the environment says of terminals."""
    environment = {**os.environ, "COLUMNS": "40", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_flashpoint.cli", "config", "validate", "--api", "legacy"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "\x1b" not in done.stdout
    assert f"{config}: valid, 2 lookups and alerts into threatintel.flashpoint.intelligence.alerts\n" in done.stdout


def test_a_document_is_not_wrapped(config: Path) -> None:
    """A file that is printed stays as it is on a terminal too; JSON as well."""
    assert json.loads(call("config", "schema", columns=40).out)
    assert json.loads(call("config", "validate", "--api", "legacy", "--json", columns=40).out)["problems"] == []
    report = Report(lines=["x" * 100], is_document=True)
    terminal = Terminal()
    report.show(terminal)
    assert terminal.getvalue() == "x" * 100 + "\n"
