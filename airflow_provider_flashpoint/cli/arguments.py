"""The arguments of the command: help after a mistake, and completion in the shell."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NoReturn

from airflow_provider_flashpoint.cli.files import read_configs
from airflow_provider_flashpoint.cli.output.report import show
from airflow_provider_flashpoint.config import CollectorConfig
from airflow_provider_flashpoint.config.problems.collected import close_match

_INVALID_CHOICE = re.compile(r"invalid choice: '(?P<given>.+)' \(choose from (?P<choices>.+)\)$")
_UNKNOWN_OPTION = re.compile(r"unrecognized arguments: (?P<given>--[\w-]+)")
_NO_COMMAND = re.compile(r"the following arguments are required: (command|kind|action)$")


class Parser(argparse.ArgumentParser):
    """A parser that says what was probably meant. Without a command, it prints the whole help."""

    options: ClassVar[set[str]] = set()
    """The options of all commands."""

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Add an argument, as the parent does."""
        self.options.update(name for name in names if name.startswith("--"))
        return super().add_argument(*names, **settings)

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong, and exit with 2."""
        if found := _INVALID_CHOICE.search(message):
            choices = re.findall(r"[\w-]+", found["choices"])
            message += f".{did_you_mean(found['given'], choices)}"
        if found := _UNKNOWN_OPTION.search(message):
            message += f".{did_you_mean(found['given'], self.options)}"
        if _NO_COMMAND.search(message):
            self.print_help(sys.stderr)
        else:
            self.print_usage(sys.stderr)
        show([f"{self.prog}: error: {message}"], sys.stderr)
        self.exit(2)


def did_you_mean(given: str, known: Iterable[str | None]) -> str:
    """Return a question after the name that is most like the given one, behind a blank; empty where none is."""
    match = close_match(given, [each for each in known if each])
    return f" Did you mean {match}?" if match else ""


def complete(parser: argparse.ArgumentParser) -> None:
    """Print the completions that a shell asks for, and end the process; return where no shell asks."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete  # only a shell needs it

        argcomplete.autocomplete(parser)


def types_completer(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Return the indicator types of the configurations, for a shell."""
    return [
        each.indicator_type for config in _configs(parsed_args) for each in getattr(config.indicators, "lookups", ())
    ]


def streams_completer(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Return the lookups and tables of the configurations, for a shell."""
    return [name for config in _configs(parsed_args) for name in _stream_names(config)]


def _configs(parsed_args: argparse.Namespace) -> list[CollectorConfig]:
    return read_configs(getattr(parsed_args, "config", None))[0]


def _stream_names(config: CollectorConfig) -> Iterator[str]:
    for _, found in config.inputs():
        yield from (each.lookup_name for each in getattr(found, "lookups", ()))
        if tag := getattr(found, "tag", None):
            yield tag
