"""The progress of a command, shown on a terminal while it works."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class ProgressLine:
    """One line with the current step, which is removed at the end.

    The line appears with the first step, so a command without one can ask questions.

    :param stream: shows the line if it is a terminal; None for no line.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream if stream and stream.isatty() else None
        self._bar: Progress | None = None
        self._step: TaskID | None = None
        self._name = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        """Show a step.

        :param step: its name. A new one begins a new bar.
        :param done: the number of records that are read.
        :param total: how many there will be at most; None where that is not known.
        """
        if not self._stream:
            return
        bar = self._bar = self._bar or _begun(self._stream)
        if self._step is None or step != self._name:
            if self._step is not None:
                bar.refresh()
                bar.remove_task(self._step)
            self._step, self._name = bar.add_task(step, total=total), step
        bar.update(self._step, completed=done, total=total)


def _begun(stream: TextIO) -> Progress:
    from airflow_provider_flashpoint.cli.output.screen import progress_bar

    bar = progress_bar(stream)
    bar.start()
    return bar
