"""Foreign text in messages, causes and logs: one line, bounded, without secrets."""

from __future__ import annotations

import io
import logging
import re
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import airflow_provider_flashpoint
from airflow_provider_flashpoint.core.secrets.foreign_text import clean, escaped, harmless, logger, safe_to_show
from airflow_provider_flashpoint.core.secrets.known import remember
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError, RejectedError, as_pull_error
from tests.secret_forms import forms_of, shows

SECRET = "tok/en+42=&"
FORGED = "x\n2026-01-01 INFO - all is good"
ODD = [
    FORGED,
    FORGED.replace("\n", "\r"),
    FORGED.replace("\n", "\r\n"),
    FORGED.replace("\n", "\u2028"),
    FORGED.replace("\n", "\x85"),
    FORGED.replace("\n", "\v"),
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "a\x00b",
    "\b\b\b\bgood",
    "user\u202egnp.exe",
    "\u2066\u2069\u200b\ufeff",
    "\ud800 lone",
    "tag\U000e0041",
]


@pytest.mark.parametrize("text", ODD, ids=ascii)
@pytest.mark.parametrize("show", [safe_to_show, clean, lambda text: str(FlashpointProviderError(text))])
def test_no_foreign_text_forges_a_line(show: object, text: str) -> None:
    """What is shown stands on one line, without characters that move the cursor, hide or reverse text."""
    assert callable(show)
    assert show(text).isprintable()


@given(st.text(st.characters()))
def test_any_text_is_safe_to_show(text: str) -> None:
    """Any text becomes one printable line that UTF-8 can hold, and a second pass changes nothing."""
    shown = safe_to_show(text, 50)
    assert shown.isprintable()
    assert len(shown.encode()) <= 200
    assert clean(clean(text)) == clean(text)


def test_text_is_made_harmless_for_a_terminal() -> None:
    """Escapes, control characters and direction marks are shown, and have no effect."""
    assert escaped("a\x1b[31m\x9b\u202e\ud83dé") == "a\\x1b[31m\\x9b\\u202e\\ud83dé"


def test_a_list_of_problems_keeps_its_lines() -> None:
    """Our own lists have indented lines, and foreign text cannot begin a line of its own among them."""
    error = ConfigurationError("2 problems found.\n  one: 'x\nforged'\n  two: y")
    assert str(as_pull_error(error, "fetch_alerts")).split("\n") == [
        "2 problems found.",
        r"  one: 'x\nforged'",
        "  two: y. (PullError 101: Error in fetch_alerts)",
    ]


@pytest.mark.parametrize("length", [280, 290, 295, 299, 300, 305, 310])
def test_a_secret_is_masked_before_the_text_is_cut(length: int) -> None:
    """No part of a secret is left where a text ends at its limit."""
    remember(SECRET)
    shown = safe_to_show("a" * length + SECRET + "z" * 100)
    assert len(shown) <= 300
    assert shown.strip("a*…z") == ""


@pytest.mark.parametrize("left", [1, 12, 24, 31, 40, 80, 300])
def test_no_part_of_a_secret_is_left_behind_many_blanks(left: int) -> None:
    """A long text is searched for secrets beyond the place where it is cut, in every form."""
    secret = "0f3a9c71/e2d4856=0b1c2d3+4f50617"
    remember(secret)
    for form in forms_of(secret).values():
        shown = safe_to_show(" " * (16 * 300 - left) + form + " end" * 1000)
        assert shows(shown, secret) == []
        assert not [at for at in range(len(form) - 12) if form[at : at + 12] in shown]


@pytest.mark.parametrize("form", list(forms_of(SECRET)))
def test_no_error_of_the_provider_shows_a_secret(form: str) -> None:
    """The message, the representation and the arguments of an error hold no form of a secret."""
    remember(SECRET)
    error = RejectedError(f"Devo said {forms_of(SECRET)[form]}.", status=400)
    assert shows(f"{error} {error!r} {error.args}", SECRET) == []
    assert shows(str(as_pull_error(error, "fetch_alerts")), SECRET) == []


def _chain() -> FlashpointProviderError:
    try:
        try:
            try:
                raise KeyError("deep " + SECRET)
            except KeyError:
                raise ValueError("middle " + forms_of(SECRET)["percent"])  # noqa: B904  a context, not a cause
        except ValueError as error:
            raise ConfigurationError("ours") from error
    except ConfigurationError as error:
        return error


def test_no_cause_shows_a_secret() -> None:
    """Foreign causes whose text holds a secret are replaced, at any depth, and name what they stand for."""
    remember(SECRET)
    error = harmless(_chain())
    assert type(error) is ConfigurationError
    shown = "".join(traceback.format_exception(error))
    assert shows(shown.replace("SECRET", ""), SECRET) == []
    assert "ValueError: middle ***" in shown
    assert "KeyError: 'deep ***'" in shown
    assert error.__context__ is error.__cause__


def test_a_harmless_cause_stays() -> None:
    """A cause without secrets and control characters is kept with its type."""
    error = _chain()
    cause = error.__cause__
    assert harmless(error).__cause__ is cause


def test_a_chain_that_is_a_circle_ends() -> None:
    """Causes of each other are no endless walk."""
    first, second = ValueError("a\nb"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert str(harmless(first)) == r"ValueError: a\nb"


@pytest.fixture
def log_text() -> io.StringIO:
    text = io.StringIO()
    log = logging.getLogger("flashpoint-test")
    log.handlers, log.propagate = [logging.StreamHandler(text)], False
    log.setLevel(logging.DEBUG)
    return text


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_no_argument_of_a_log_record_forges_a_line(log_text: io.StringIO, odd: str) -> None:
    """A record is one line, whatever its arguments are."""
    logger("flashpoint-test").warning("Lookup %s has %d keys.", odd, 3)
    (line,) = log_text.getvalue().split("\n")[:-1]
    assert line.isprintable()


def test_a_log_record_shows_no_secret(caplog: pytest.LogCaptureFixture, log_text: io.StringIO) -> None:
    """Neither the arguments nor the exception of a record show a secret; numbers are formatted as ever."""
    remember(SECRET)
    log = logger("flashpoint-test")
    log.info("%d of %.1f, %s", 3, 4.0, {"a": SECRET})
    log.info("%d%% of %.1f", 3, 4.0)
    log.info("100% of nothing")
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("failed")
    shown = log_text.getvalue()
    assert shown.startswith("3 of 4.0, {'a': '***'}\n3% of 4.0\n100% of nothing\nfailed\n")
    assert "ForeignError: ValueError: ***" in shown
    assert SECRET not in shown


def test_every_logger_of_the_package_is_clean() -> None:
    """No module makes its logger by itself, except the examples, which are DAGs of users."""
    package = Path(airflow_provider_flashpoint.__file__).parent
    own = {
        path.name
        for path in package.rglob("*.py")
        if path.parent.name != "example_dags"
        and re.search(r"^\w+ = logging\.getLogger", path.read_text("utf-8"), re.MULTILINE)
    }
    assert own == set()
