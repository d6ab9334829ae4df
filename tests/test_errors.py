"""The errors: each keeps its group when it is translated into the collector's codes and texts."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint import errors
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    DataError,
    DeliveryError,
    FlashpointProviderError,
    ForbiddenError,
    InvalidTokenError,
    MalformedPageError,
    MissingTokenError,
    NetworkError,
    PagingLoopError,
    PermanentError,
    PullError,
    RateLimitedError,
    RejectedError,
    ServerError,
    SetupError,
    StageError,
    SupersededError,
    TooManyRejectsError,
    TransientError,
    as_pull_error,
    as_setup_error,
)

GROUPS = (ConfigurationError, PermanentError, TransientError, DataError)
PLAIN = (
    (ConfigurationError, ConfigurationError),
    (AuthenticationError, PermanentError),
    (ForbiddenError, PermanentError),
    (RejectedError, PermanentError),
    (RateLimitedError, TransientError),
    (ServerError, TransientError),
    (NetworkError, TransientError),
    (DeliveryError, TransientError),
    (SupersededError, TransientError),
    (PagingLoopError, DataError),
    (StageError, DataError),
    (TooManyRejectsError, DataError),
)


def of_flashpoint(error: FlashpointProviderError) -> FlashpointProviderError:
    """Return an error of a request to Flashpoint."""
    error.service = "Flashpoint"
    return error


def groups_of(error: BaseException) -> list[type]:
    return [group for group in GROUPS if isinstance(error, group)]


def test_every_error_has_one_root() -> None:
    """One `except` catches all errors of the provider."""
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(found) > 20
    assert all(issubclass(kind, FlashpointProviderError) for kind in found)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MissingTokenError(), "SetupError 1: Please provide the bearer_token_base64 in the inputs."),
        (InvalidTokenError(), "SetupError 2: Please ensure the bearer token is prepared."),
        (as_setup_error(of_flashpoint(ServerError("it answered 500"))), "SetupError 102: Api it answered 500."),
        (
            as_pull_error(of_flashpoint(MalformedPageError("a text.")), "fetch_indicators"),
            "PullError 101: Error in fetch_indicators a text.",
        ),
        (
            as_pull_error(of_flashpoint(PagingLoopError("it loops")), "fetch_alerts"),
            "PullError 101: Error in fetch_alerts it loops.",
        ),
        (
            as_pull_error(of_flashpoint(ServerError("it answered 500")), "fetch_alerts"),
            "PullError 102: Api it answered 500.",
        ),
    ],
)
def test_texts_are_those_of_the_collector(error: FlashpointProviderError, text: str) -> None:
    """Code and text are the same as in the collector where Flashpoint or its token caused the error."""
    assert str(error) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (as_setup_error(AuthenticationError("Devo refused it.")), "Devo refused it. (SetupError 102: Api)"),
        (as_setup_error(NetworkError("Devo is gone")), "Devo is gone. (SetupError 102: Api)"),
        (as_pull_error(NetworkError("Devo is gone."), "fetch_alerts"), "Devo is gone. (PullError 102: Api)"),
        (
            as_pull_error(ConfigurationError("c: 1 problem found.\n  lag_s: wrong."), "fetch_alerts"),
            "c: 1 problem found.\n  lag_s: wrong. (PullError 101: Error in fetch_alerts)",
        ),
        (
            as_pull_error(StageError("The stage is gone."), "fetch_indicators"),
            "The stage is gone. (PullError 101: Error in fetch_indicators)",
        ),
    ],
)
def test_cause_is_first_where_the_text_of_the_collector_does_not_apply(
    error: FlashpointProviderError, text: str
) -> None:
    """An error that Flashpoint did not cause begins with its cause, and ends with the collector's code and text."""
    assert str(error) == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["It failed.", "."], "It failed."),
        (["It failed.", ". Try again."], "It failed. Try again."),
        (["Wait ... or look in /a/.. first", "."], "Wait ... or look in /a/.. first."),
        (["It failed.", "..\n  a: b..\n  c"], "It failed...\n  a: b.\n  c"),
    ],
)
def test_no_message_has_a_double_full_stop(parts: list[str], text: str) -> None:
    """A text that ends with a full stop, as many of services do, may stand before another full stop."""
    assert str(RejectedError("".join(parts))) == text


def test_names_of_errors_are_public() -> None:
    """People read the name of a class in a traceback, so none begins with an underscore."""
    package = Path(errors.__file__).parent
    defined = {
        node.name: [ast.unparse(base) for base in node.bases]
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    raised = {name for name, bases in defined.items() if any(base.endswith(("Error", "Exception")) for base in bases)}
    assert {"TransientSetupError", "ForeignError"} <= raised
    assert not [name for name in raised if name.startswith("_")]


def test_hint_follows_the_text() -> None:
    """The remedy follows the collector's text."""
    error = MissingTokenError(hint="Fill in the password.")
    assert str(error) == "SetupError 1: Please provide the bearer_token_base64 in the inputs. Fill in the password."


@pytest.mark.parametrize("error", [MissingTokenError(), InvalidTokenError()])
def test_token_errors_are_configuration_errors(error: FlashpointProviderError) -> None:
    """A missing or unreadable token is a configuration error, so the task is not retried."""
    assert groups_of(error) == [ConfigurationError]


@pytest.mark.parametrize(("kind", "group"), PLAIN)
def test_pull_error_keeps_its_group(kind: type[FlashpointProviderError], group: type) -> None:
    """An error with a pull code belongs to exactly one group."""
    translated = as_pull_error(kind("it failed"), "fetch_alerts")
    assert isinstance(translated, PullError)
    assert groups_of(translated) == [group]


@pytest.mark.parametrize(
    ("kind", "group"),
    [
        (AuthenticationError, ConfigurationError),
        (ForbiddenError, PermanentError),
        (RejectedError, PermanentError),
        (RateLimitedError, TransientError),
        (ServerError, TransientError),
        (NetworkError, TransientError),
        (MalformedPageError, DataError),
    ],
)
def test_setup_error_keeps_its_group(kind: type[FlashpointProviderError], group: type) -> None:
    """An API error with a setup code keeps its group; a refused token is a configuration error."""
    translated = as_setup_error(of_flashpoint(kind("it failed")))
    assert isinstance(translated, SetupError)
    assert groups_of(translated) == [group]


def test_a_refused_certificate_is_no_wrong_token() -> None:
    """What Devo refuses has nothing to do with Flashpoint's token, and is a permanent error."""
    translated = as_setup_error(AuthenticationError("Devo refused the client certificate."))
    assert not isinstance(translated, InvalidTokenError)
    assert groups_of(translated) == [PermanentError]


@pytest.mark.parametrize(
    "kind", [AuthenticationError, ForbiddenError, RejectedError, RateLimitedError, ServerError, NetworkError]
)
def test_api_errors_have_pull_number_102(kind: type[FlashpointProviderError]) -> None:
    """Every answer of the API becomes PullError 102."""
    translated = as_pull_error(kind("it failed"), "fetch_alerts")
    assert isinstance(translated, PullError)
    assert translated.code == 102


@pytest.mark.parametrize("kind", [ConfigurationError, DeliveryError, StageError, TooManyRejectsError])
def test_other_errors_have_pull_number_101(kind: type[FlashpointProviderError]) -> None:
    """A failure outside the API becomes PullError 101."""
    translated = as_pull_error(kind("it failed"), "fetch_alerts")
    assert isinstance(translated, PullError)
    assert translated.code == 101


def test_refused_token_is_setup_error_2_with_the_answer() -> None:
    """A refused token has the collector's code and the answer as a hint."""
    translated = as_setup_error(of_flashpoint(AuthenticationError("The service answered 401.")))
    assert isinstance(translated, InvalidTokenError)
    assert str(translated).endswith("prepared. The service answered 401.")


@pytest.mark.parametrize("error", [MissingTokenError(), PullError(101, "x"), ConfigurationError("x")])
def test_setup_errors_are_translated_once(error: FlashpointProviderError) -> None:
    """A configuration error, or an error with a code, is not translated again."""
    assert as_setup_error(error) is error


@pytest.mark.parametrize("error", [MissingTokenError(), PullError(101, "x")])
def test_pull_errors_are_translated_once(error: FlashpointProviderError) -> None:
    """An error with a code keeps it."""
    assert as_pull_error(error, "fetch_alerts") is error


@pytest.mark.parametrize("translate", [as_setup_error, lambda error: as_pull_error(error, "fetch_alerts")])
def test_translation_keeps_the_details(translate: Callable[[Any], Any]) -> None:
    """A translated error keeps the details of the original."""
    limited = RateLimitedError("x")
    limited.retry_after_s = 7
    assert translate(limited).retry_after_s == 7
    assert translate(DeliveryError("x", unconfirmed=3)).unconfirmed == 3


@pytest.mark.parametrize(
    "error",
    [
        MissingTokenError(hint="set it"),
        as_setup_error(ServerError("x")),
        as_setup_error(of_flashpoint(ServerError("x"))),
        as_pull_error(RateLimitedError("x"), "fetch_alerts"),
        as_pull_error(StageError("x"), "fetch_alerts"),
        RejectedError("x", status=409),
        DeliveryError("x", unconfirmed=3),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_processes(error: FlashpointProviderError) -> None:
    """A pickled error keeps its type, text and details."""
    arrived = copy.copy(error)  # a copy is made in the same way as an unpickled object
    assert (type(arrived), str(arrived), vars(arrived)) == (type(error), str(error), vars(error))


def test_details_of_errors() -> None:
    """An error has its details as attributes: status, wait or count."""
    assert RejectedError("x", status=409).status == 409
    assert DeliveryError("x", unconfirmed=3).unconfirmed == 3
    assert RateLimitedError("x").retry_after_s is None
