"""`--watch` shows a report again and again."""

from __future__ import annotations

import argparse

import pytest

from airflow_provider_flashpoint.cli.output.watch import add_watch_option, watch


def test_a_report_is_shown_until_a_person_interrupts() -> None:
    """The report is shown, and again after each pause; Ctrl-C ends with the last exit code."""
    codes = iter([0, 1, 1])
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    assert watch(lambda: next(codes), 5.0, wait=wait) == 1
    assert pauses == [5.0] * 3


def test_a_wrong_use_is_shown_once() -> None:
    """A command that was used wrongly ends at once, since its report would stay the same."""
    assert watch(lambda: 2, 5.0, wait=lambda _: pytest.fail("it waits")) == 2


@pytest.mark.parametrize(
    ("arguments", "seconds"), [([], None), (["--watch"], 10.0), (["--watch", "60"], 60.0), (["--watch", "1"], 1.0)]
)
def test_the_pause_can_be_set(arguments: list[str], seconds: float | None) -> None:
    """`--watch` alone waits ten seconds; it takes another number."""
    parser = argparse.ArgumentParser()
    add_watch_option(parser)
    assert parser.parse_args(arguments).watch == seconds


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_pause_of_no_length_is_refused(text: str) -> None:
    """A pause below one second, or that is no number, is a wrong use."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_watch_option(parser)
    with pytest.raises(argparse.ArgumentError):
        parser.parse_args([f"--watch={text}"])
