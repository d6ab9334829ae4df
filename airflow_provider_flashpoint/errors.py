"""Errors of this provider, grouped by their consequence for the run.

::

    FlashpointProviderError
    ├── ConfigurationError (ValueError)   correct the connection, argument or file; never retried
    │   ├── MissingTokenError             SetupError 1
    │   └── InvalidTokenError             SetupError 2
    ├── PermanentError                    the service refuses, and will refuse again; never retried
    │   ├── AuthenticationError           401
    │   ├── ForbiddenError                403
    │   └── RejectedError                 any other refusal, or a failed lookup job
    ├── TransientError                    may pass; retried in place, then by the task
    │   ├── RateLimitedError              429
    │   ├── ServerError                   5xx, or an answer of another server
    │   │   └── MissingRecordsError       fewer records than the server counts
    │   ├── NetworkError                  no answer: name resolution, connection, TLS, timeout
    │   ├── SupersededError               a newer attempt of the same task runs
    │   └── DeliveryError                 sent, but not confirmed
    ├── OutdatedWindowError               the window is too old for its lookup; the task is skipped
    └── DataError                         the data breaks the contract
        ├── MalformedPageError            a page has the wrong shape
        ├── PagingLoopError               a walk through pages does not advance
        ├── StageError                    a stage is missing, truncated or changed
        └── TooManyRejectsError           more rejected records than allowed

The collector that this provider replaces numbers its errors. `SetupError` and `PullError` carry these numbers and
texts. `as_setup_error` and `as_pull_error` translate an error into them and keep its group, so ``except
TransientError`` still works. The collector's text stands first where it says what happened, that is for errors of
Flashpoint and its token; elsewhere the cause stands first, and number and text end the message.

Messages name the cause, the value and the remedy. They never contain a token, a body or a query string. Whatever a
message is made of, it is made safe to show, see `core.secrets.foreign_text.clean`. docs/errors.md lists them for users.
"""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_flashpoint.core.secrets.foreign_text import clean

FLASHPOINT = "Flashpoint"
_DOUBLE_STOP = re.compile(r"(?<=[^\s./])\.\.(?=\s|$)")  # texts of services and libraries end with a full stop too


class FlashpointProviderError(Exception):
    """Root of all errors of this provider. Its message is made safe to show.

    ``service`` is the service whose answers, or missing answers, caused the error; empty where it has another cause.
    """

    service: str = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(_DOUBLE_STOP.sub(".", clean(message)))


class SetupError(FlashpointProviderError):
    """An error with a code of the collector's setup.

    ``code`` and ``message`` are the collector's own; ``hint`` adds the remedy. With a ``cause``, that comes first.
    """

    code: int = 102
    message: str = ""

    def __init__(self, message: str = "", hint: str = "", cause: str = "") -> None:
        self.message = message or self.message
        self.hint = hint
        self.cause = cause
        super().__init__(_numbered(f"SetupError {self.code}: {self.message}{' ' if hint else ''}{hint}", cause))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.hint, self.cause), vars(self)


class PullError(FlashpointProviderError):
    """An error with a code of the collector's pull of alerts or indicators. With a ``cause``, that comes first."""

    def __init__(self, code: int, message: str, cause: str = "") -> None:
        self.code = code
        self.message = message
        self.cause = cause
        super().__init__(_numbered(f"PullError {code}: {message}", cause))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.cause), vars(self)


class ConfigurationError(FlashpointProviderError, ValueError):
    """A connection, an argument or the configuration file is wrong."""


class MissingTokenError(SetupError, ConfigurationError):
    """The Flashpoint connection has no token."""

    code = 1
    message = "Please provide the bearer_token_base64 in the inputs."


class InvalidTokenError(SetupError, ConfigurationError):
    """The token cannot be decoded, or Flashpoint refused it."""

    code = 2
    message = "Please ensure the bearer token is prepared."


class PermanentError(FlashpointProviderError):
    """A retry cannot help."""


class AuthenticationError(PermanentError):
    """The service does not accept the credentials (401)."""


class ForbiddenError(PermanentError):
    """The credentials are valid but lack the right (403)."""


class RejectedError(PermanentError):
    """The service understood the request and refused it.

    ``status`` is the HTTP status, or None where the refusal had none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class TransientError(FlashpointProviderError):
    """A retry may help. ``retry_after_s`` is the wait that the service asked for, or None."""

    retry_after_s: float | None = None


class RateLimitedError(TransientError):
    """The service asked for a longer wait (429) than the retry budget allows."""


class ServerError(TransientError):
    """The service failed (5xx), or another server answered in its place."""


class MissingRecordsError(ServerError):
    """The service sent fewer records than it counts."""


class NetworkError(TransientError):
    """No answer: name resolution, connection, TLS or timeout."""


class SupersededError(TransientError):
    """A newer attempt of the same task runs and takes over."""


class DeliveryError(TransientError):
    """Devo did not confirm what was sent. ``unconfirmed`` is the number of lines."""

    def __init__(self, message: str, *, unconfirmed: int = 0) -> None:
        self.unconfirmed = unconfirmed
        super().__init__(message)


class OutdatedWindowError(FlashpointProviderError):
    """All of the window is older than what its lookup keeps."""


class DataError(FlashpointProviderError):
    """The data breaks the contract."""


class MalformedPageError(DataError):
    """A page does not have the shape of its endpoint."""


class PagingLoopError(DataError):
    """The service returned the same next page twice."""


class StageError(DataError):
    """A stage is missing, truncated, or differs from its manifest."""


class TooManyRejectsError(DataError):
    """More records were rejected than ``max_rejects`` allows; the others were delivered."""


class PermanentSetupError(SetupError, PermanentError):
    """A permanent error during setup."""


class TransientSetupError(SetupError, TransientError):
    """A transient error during setup."""


class DataSetupError(SetupError, DataError):
    """A data error during setup."""


class ConfigurationPullError(PullError, ConfigurationError):
    """A configuration error during a pull."""


class PermanentPullError(PullError, PermanentError):
    """A permanent error during a pull."""


class TransientPullError(PullError, TransientError):
    """A transient error during a pull."""


class DataPullError(PullError, DataError):
    """A data error during a pull."""


_API_ERRORS = (AuthenticationError, ForbiddenError, RejectedError, RateLimitedError, ServerError, NetworkError)
_SETUP_ERRORS: dict[type[FlashpointProviderError], type[SetupError]] = {
    TransientError: TransientSetupError,
    DataError: DataSetupError,
}
_PULL_ERRORS: dict[type[FlashpointProviderError], type[PullError]] = {
    ConfigurationError: ConfigurationPullError,
    PermanentError: PermanentPullError,
    TransientError: TransientPullError,
}


def as_setup_error(error: FlashpointProviderError) -> FlashpointProviderError:
    """Return ``error`` with the collector's setup code and text, in the same group.

    A token that Flashpoint refuses becomes SetupError 2, any other error SetupError 102. Configuration errors and
    errors that already have a code are returned unchanged.
    """
    if isinstance(error, (SetupError, PullError, ConfigurationError)):
        return error
    is_of_api = error.service == FLASHPOINT
    if is_of_api and isinstance(error, AuthenticationError):
        return InvalidTokenError(hint=str(error))
    group = next((kind for base, kind in _SETUP_ERRORS.items() if isinstance(error, base)), PermanentSetupError)
    text, cause = _text_and_cause("Api", error, applies=is_of_api)
    return _with_details_of(error, group(text, cause=cause))


def as_pull_error(error: FlashpointProviderError, fetch: str) -> FlashpointProviderError:
    """Return ``error`` with the collector's pull code and text, in the same group.

    :param fetch: the collector's name of the step: ``fetch_indicators`` or ``fetch_alerts``.
    """
    if isinstance(error, (SetupError, PullError)):
        return error
    group = next((kind for base, kind in _PULL_ERRORS.items() if isinstance(error, base)), DataPullError)
    is_answer = isinstance(error, _API_ERRORS)
    beginning = "Api" if is_answer else f"Error in {fetch}"
    text, cause = _text_and_cause(beginning, error, applies=error.service == FLASHPOINT)
    return _with_details_of(error, group(102 if is_answer else 101, text, cause))


def _text_and_cause(beginning: str, error: FlashpointProviderError, *, applies: bool) -> tuple[str, str]:
    """Return the collector's text with the error in it; or, where that does not apply, without it, and the error."""
    sentence = str(error).rstrip(".") + "."
    return (f"{beginning} {sentence}", "") if applies else (beginning, sentence)


def _numbered(text: str, cause: str) -> str:
    return f"{cause} ({text})" if cause else text


def _with_details_of(error: FlashpointProviderError, translated: FlashpointProviderError) -> FlashpointProviderError:
    """Copy the details of ``error`` (service, wait, status, number of lines) into ``translated`` and return it."""
    vars(translated).update(vars(error) | vars(translated))
    return translated
