"""Questions to the person at the terminal. No answer, such as at the end of the input, means the default."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

from airflow_provider_flashpoint.cli.output.report import WrongUsage
from airflow_provider_flashpoint.core.secrets.foreign_text import clean
from airflow_provider_flashpoint.core.secrets.known import remember


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks on a terminal.

    :param are_asked: otherwise all have their default.
    """

    terminal: TextIO
    are_asked: bool = True

    def text(self, question: str, *, default: str = "") -> str:
        """Return the answer to a question."""
        if not self.are_asked:
            return default
        self.terminal.write(clean(f"{question}{f' [{default}]' if default else ''}: "))
        self.terminal.flush()
        try:
            return input().strip() or default
        except EOFError:
            self.terminal.write("\n")
            return default

    def choice(self, question: str, choices: Sequence[str], *, default: str) -> str:
        """Return one of ``choices``.

        :raises WrongUsage: the answer is another one.
        """
        answer = self.text(question, default=default)
        if answer not in choices:
            raise WrongUsage(f"{answer!r} is not one of {', '.join(choices)}. Nothing was written.")
        return answer

    def yes(self, question: str, *, default: bool) -> bool:
        """Return whether the answer is yes."""
        return self.text(f"{question}?", default="yes" if default else "no").lower() in ("y", "yes")

    def secret(self, question: str) -> str:
        """Return a secret, which the terminal does not show and no output of this process contains; empty for none."""
        question = f"{question} (not shown; leave it empty to add it later)"
        if self.are_asked and sys.stdin.isatty():
            try:
                answer = getpass.getpass(f"{question}: ", stream=self.terminal)
            except EOFError:
                self.terminal.write("\n")
                answer = ""
        else:
            answer = self.text(question)
        remember(answer)
        return answer
