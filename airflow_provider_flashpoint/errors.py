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
TransientError`` still works.

Messages name the cause, the value and the remedy. They never contain a token, a body or a query string. Whatever a
message is made of, it is made safe to show, see `core.foreign_text.clean`.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_flashpoint.core.foreign_text import clean


class FlashpointProviderError(Exception):
    """Root of all errors of this provider. Its message is made safe to show."""

    def __init__(self, message: str = "") -> None:
        super().__init__(clean(message))


class SetupError(FlashpointProviderError):
    """An error with a code of the collector's setup.

    ``code`` and ``message`` are the collector's own; ``hint`` adds the remedy.
    """

    code: int = 102
    message: str = ""

    def __init__(self, message: str = "", hint: str = "") -> None:
        self.message = message or self.message
        self.hint = hint
        super().__init__(f"SetupError {self.code}: {self.message}{' ' if hint else ''}{hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.hint), vars(self)


class PullError(FlashpointProviderError):
    """An error with a code of the collector's pull of alerts or indicators."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"PullError {code}: {message}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message), vars(self)


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

    A refused token becomes SetupError 2, any other answer of the API becomes SetupError 102. Configuration errors and
    errors that already have a code are returned unchanged.
    """
    if isinstance(error, (SetupError, PullError, ConfigurationError)):
        return error
    if isinstance(error, AuthenticationError):
        return InvalidTokenError(hint=str(error))
    group = next((kind for base, kind in _SETUP_ERRORS.items() if isinstance(error, base)), PermanentSetupError)
    return _with_details_of(error, group(f"Api {_sentence(error)}"))


def as_pull_error(error: FlashpointProviderError, fetch: str) -> FlashpointProviderError:
    """Return ``error`` with the collector's pull code and text, in the same group.

    :param fetch: the collector's name of the step: ``fetch_indicators`` or ``fetch_alerts``.
    """
    if isinstance(error, (SetupError, PullError)):
        return error
    group = next((kind for base, kind in _PULL_ERRORS.items() if isinstance(error, base)), DataPullError)
    if isinstance(error, _API_ERRORS):
        return _with_details_of(error, group(102, f"Api {_sentence(error)}"))
    return _with_details_of(error, group(101, f"Error in {fetch} {_sentence(error)}"))


def _with_details_of(error: FlashpointProviderError, translated: FlashpointProviderError) -> FlashpointProviderError:
    """Copy the details of ``error`` (wait, status, number of lines) into ``translated`` and return it."""
    vars(translated).update(vars(error) | vars(translated))
    return translated


def _sentence(error: FlashpointProviderError) -> str:
    return str(error).rstrip(".") + "."
