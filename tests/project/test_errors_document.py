"""docs/errors.md describes each error of errors.py, with the outcome that it has in Airflow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_flashpoint import errors
from airflow_provider_flashpoint.errors import (
    FlashpointProviderError,
    InvalidTokenError,
    MissingTokenError,
    OutdatedWindowError,
    PullError,
    SetupError,
    TransientError,
)

TEXT = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
KINDS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, FlashpointProviderError) and kind is not FlashpointProviderError
}
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TEXT, re.MULTILINE))


def outcome(kind: type[FlashpointProviderError]) -> str:
    """Return the outcome of a task that ends with an error of this class."""
    if kind in (SetupError, PullError):
        return "as its cause"
    if issubclass(kind, OutdatedWindowError):
        return "skipped"
    return "retried" if issubclass(kind, TransientError) else "fails at once"


def test_each_error_is_described() -> None:
    """The table has a row for each class, and for no other."""
    assert sorted(ROWS) == sorted(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_the_outcome_is_that_of_the_class(name: str) -> None:
    """The table says whether Airflow tries the task again."""
    assert ROWS[name] == outcome(KINDS[name])


def test_each_row_has_cause_and_remedy() -> None:
    """No cell of the tables of errors is empty."""
    rows = [row for row in TEXT.splitlines() if re.match(r"\| (`\w+Error`|\w+Error \d+) \|", row)]
    assert len(rows) == len(KINDS) + 5
    assert all(len([cell for cell in row.strip("|").split("|") if len(cell.strip()) > 4]) == 4 for row in rows)


def test_each_number_of_the_collector_is_described_with_its_text() -> None:
    """The numbers and texts of the collector are those of the errors."""
    texts = {
        "SetupError 1": MissingTokenError().message,
        "SetupError 2": InvalidTokenError().message,
        "SetupError 102": "Api",
        "PullError 101": "Error in fetch_indicators",
        "PullError 102": "Api",
    }
    described = dict(re.findall(r"^\| (\w+Error \d+) \| `([^`]+)`", TEXT, re.MULTILINE))
    assert {number: text.removesuffix(" ...") for number, text in described.items()} == texts
