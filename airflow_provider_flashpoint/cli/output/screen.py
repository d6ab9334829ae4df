"""Lines and tables on a terminal: with colours, and wrapped at words to its width."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, TextIO

from rich.console import Console
from rich.highlighter import RegexHighlighter
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text
from rich.theme import Theme

from airflow_provider_flashpoint.cli.output.report import Block, Table, table
from airflow_provider_flashpoint.core.secrets.foreign_text import clean

_LEAST_WIDTH = 36  # of a text beside the other cells of its row; with less, it stands below them
_THEME = Theme({"bad": "bold red", "good": "green", "note": "yellow", "command": "cyan", "heading": "bold"})
_LONG_COMMAND = re.compile(r"((?:^|(?<=: ))airflow.*|`airflow[^`]{40,}`[.,;]?)")


class _Words(RegexHighlighter):
    """Colours a line, or a cell of a table, by the words that begin it, and commands in backquotes."""

    highlights: ClassVar[list[str]] = [
        r"^(?P<bad>FAIL\b|error:|problem:|unreadable$|unknown$|rejected record \d+:|A run would fail.*)",
        r"^(?P<bad>\d+ of \d+ checks failed\.)$",
        r": (?P<bad>(not valid$|error:))",
        r"^(?P<good>ok(?= *$|  )|All is good\.|Created$|goes on$)",
        r": (?P<good>valid), ",
        r"^(?P<note>note:|New\b|no state$|rebuilt$|ends$)",
        r"(?P<command>`[^`]+`)",
    ]


def screen(stream: TextIO) -> Console:
    """Return the console of a terminal."""
    return Console(file=stream, theme=_THEME, highlight=False)


def print_blocks(blocks: Iterable[Block], stream: TextIO) -> None:
    """Print lines and tables on a terminal, without secrets and control characters."""
    console = screen(stream)
    for block in blocks:
        lines = _table(block, console) if isinstance(block, Table) else _paragraphs(block, console)
        for line in lines:
            console.print(line, soft_wrap=True)


def _paragraphs(text: str, console: Console) -> Iterator[Text]:
    for line in text.split("\n"):
        stripped = line.lstrip(" ")
        yield from _hanging(Text(" " * (len(line) - len(stripped))), stripped, console)


def _table(block: Table, console: Console) -> Iterator[Text]:
    """Yield the lines of a table.

    The last cell of a row is wrapped at words, or stands below the others where it has no room. A table with a heading
    is shown as one card for each row where one has no room.
    """
    rows = [[clean(cell) for cell in row] for row in block.rows]
    if not rows:
        return
    aligned = table([[*row[:-1], ""] for row in rows], indent=block.indent, is_padded=True)
    left = console.width - len(aligned[0])
    if block.has_heading and not all(_fits(row[-1], left) for row in rows):
        yield from _cards(rows, block.indent, console)
        return
    for row, start in zip(rows, aligned, strict=True):
        style = "heading" if block.has_heading and row is rows[0] else ""
        if _fits(row[-1], left):
            cells = _coloured_cells(row[:-1], start)
            cells.stylize(style)
            yield from _hanging(cells, row[-1], console, style=style)
        else:
            if first_cells := start.strip():
                yield from _hanging(Text(block.indent), first_cells, console)
            yield from _hanging(Text(f"{block.indent}    "), row[-1], console)


def _fits(cell: str, width: int) -> bool:
    """Return whether a cell can be shown in this width without breaking a word or a command."""
    if len(cell) <= width:
        return True
    is_whole = all(len(word) <= width for word in cell.split()) and not _LONG_COMMAND.search(cell)
    return is_whole and width >= _LEAST_WIDTH


def _cards(rows: Sequence[Sequence[str]], indent: str, console: Console) -> Iterator[Text]:
    """Yield each row below its first cell, one line for each other cell, behind the heading of its column."""
    (_, *headings), *others = rows
    width = max(map(len, headings))
    for first, *cells in others:
        yield from _hanging(Text(indent), first, console, style="heading")
        for heading, cell in zip(headings, cells, strict=True):
            yield from _hanging(Text(f"{indent}  {heading:{width}}  "), cell, console)


def _coloured_cells(cells: Sequence[str], aligned: str) -> Text:
    """Return the aligned text of cells with the colour of each cell."""
    text, start = Text(aligned), 0
    for cell in cells:
        start = aligned.index(cell, start)
        for span in _coloured(cell).spans:
            text.stylize(span.style, start + span.start, start + span.end)
        start += len(cell)
    return text


def _coloured(text: str) -> Text:
    coloured = Text(text)
    _Words().highlight(coloured)
    return coloured


def _hanging(prefix: Text, text: str, console: Console, *, style: str = "") -> Iterator[Text]:
    """Yield the lines of a text that is wrapped at words behind a prefix; a command stays on one line, to be copied."""
    for part in _LONG_COMMAND.split(clean(text)) if text else [""]:
        if not part.strip() and text:
            continue
        coloured = _coloured(part.strip())
        coloured.stylize(style)
        is_command = _LONG_COMMAND.fullmatch(part)
        width = max(1, console.width - len(prefix))
        for line in [coloured] if is_command else coloured.wrap(console, width, overflow="fold") or [coloured]:
            line.rstrip()
            yield Text.assemble(prefix, line)
            prefix = Text(" " * len(prefix))


class _Records(ProgressColumn):
    """The records that were read, how many there are, and how many come in a second."""

    def render(self, task: Task) -> Text:
        if not task.completed:
            return Text()
        of_total = f" of {task.total:,.0f}" if task.total else ""
        rate = f", {task.speed:,.0f}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f}{of_total}{rate}")


class _Remaining(TimeRemainingColumn):
    """The percentage and the time that remains, where the total is known."""

    def render(self, task: Task) -> Text:
        return Text.assemble(f"{task.percentage:.0f} %, ", super().render(task), " left") if task.total else Text()


def progress_bar(stream: TextIO) -> Progress:
    """Return a bar for steps with or without a known number of records."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(10),
        _Records(table_column=Column(no_wrap=True)),
        _Remaining(compact=True, table_column=Column(no_wrap=True)),
        console=screen(stream),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
