"""Every error of this provider, grouped by what it means for the run.

::

    FlashpointProviderError
    ├── ConfigurationError (ValueError)   mend the connection, an argument or the file; never retried
    │   ├── MissingTokenError             SetupError 1
    │   └── InvalidTokenError             SetupError 2
    ├── PermanentError                    the service refused, and will again; never retried
    │   ├── AuthenticationError           401
    │   ├── ForbiddenError                403
    │   └── RejectedError                 any other refusal, or a lookup job that failed
    ├── TransientError                    it may pass; retried in place, then by the task
    │   ├── RateLimitedError              429
    │   ├── ServerError                   5xx, or an answer that is not the service's
    │   ├── NetworkError                  no answer: name, connection, TLS, time
    │   └── DeliveryError                 sent, but not confirmed
    └── DataError                         the data is not what the contract says
        ├── MalformedPageError            a page without the shape it must have
        ├── PagingLoopError               a walk through pages that does not move
        ├── StageError                    a stage that is missing, cut or changed
        └── TooManyRejectsError           more records set aside than allowed

The collector that this provider replaces numbers its errors. `SetupError` and `PullError` carry those
numbers and texts; `as_setup_error` and `as_pull_error` give an error of the tree that face without
moving it to another group, so that ``except TransientError`` still means what it says.

Messages say what was tried, what came back and what to do. They never hold a token, a body, or the
query of an address.
"""

from __future__ import annotations

from typing import Any


class FlashpointProviderError(Exception):
    """Root of all errors raised by this provider."""


class SetupError(FlashpointProviderError):
    """The face an error has when the setup of a collector service fails.

    ``code`` and ``message`` are the collector's own; the text adds a hint on what to do.
    """

    kind = "SetupError"
    code: int = 102
    message: str = ""

    def __init__(self, message: str = "", hint: str = "") -> None:
        self.message = message or self.message
        self.hint = hint
        super().__init__(f"{self.kind} {self.code}: {self.message}{' ' if hint else ''}{hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.hint), vars(self)


class PullError(FlashpointProviderError):
    """The face an error has when fetching alerts or indicators fails."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(f"PullError {code}: {message}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message), vars(self)


class ConfigurationError(FlashpointProviderError, ValueError):
    """A connection, an argument or the configuration file must be mended first."""


class MissingTokenError(SetupError, ConfigurationError):
    """The Flashpoint connection holds no token."""

    code = 1
    message = "Please provide the bearer_token_base64 in the inputs."


class InvalidTokenError(SetupError, ConfigurationError):
    """The token cannot be read, or Flashpoint refused it."""

    code = 2
    message = "Please ensure the bearer token is prepared."


class PermanentError(FlashpointProviderError):
    """Trying again cannot help."""


class AuthenticationError(PermanentError):
    """The service does not know the credentials (401)."""


class ForbiddenError(PermanentError):
    """The credentials are known and lack the right (403)."""


class RejectedError(PermanentError):
    """The service understood the request and refused it.

    ``status`` is the HTTP status, or None where the refusal did not come as one.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class TransientError(FlashpointProviderError):
    """Trying again later may help. ``retry_after_s`` is what the service asked for, or None."""

    retry_after_s: float | None = None


class RateLimitedError(TransientError):
    """The service asked to slow down (429) for longer than the retry budget allows."""


class ServerError(TransientError):
    """The service failed (5xx), or something else answered in its place."""


class NetworkError(TransientError):
    """No answer came: name resolution, connection, TLS, or time ran out."""


class SupersededError(TransientError):
    """Another try of the run has begun, and goes on in the place of this one."""


class DeliveryError(TransientError):
    """Devo did not confirm what was sent. ``unconfirmed`` counts the lines concerned."""

    def __init__(self, message: str, *, unconfirmed: int = 0) -> None:
        self.unconfirmed = unconfirmed
        super().__init__(message)


class DataError(FlashpointProviderError):
    """What was read is not what the contract says."""


class MalformedPageError(DataError):
    """A page lacks the shape that its endpoint promises."""


class PagingLoopError(DataError):
    """The service named the same next page twice."""


class StageError(DataError):
    """A stage is missing, cut short, or not what its manifest says."""


class TooManyRejectsError(DataError):
    """More records were set aside than ``max_rejects`` allows; the good ones were delivered."""


class _PermanentSetupError(SetupError, PermanentError):
    pass


class _TransientSetupError(SetupError, TransientError):
    pass


class _DataSetupError(SetupError, DataError):
    pass


class _ConfigurationPullError(PullError, ConfigurationError):
    pass


class _PermanentPullError(PullError, PermanentError):
    pass


class _TransientPullError(PullError, TransientError):
    pass


class _DataPullError(PullError, DataError):
    pass


_API_ERRORS = (AuthenticationError, ForbiddenError, RejectedError, RateLimitedError, ServerError, NetworkError)


def as_setup_error(error: FlashpointProviderError) -> FlashpointProviderError:
    """Return ``error`` with the collector's setup number and text, in the same group of the tree.

    A refused token becomes SetupError 2, any other answer of the API SetupError 102. Errors that
    already have a number, and configuration errors, are returned as they are.
    """
    if isinstance(error, (SetupError, PullError, ConfigurationError)):
        return error
    if isinstance(error, AuthenticationError):
        return InvalidTokenError(hint=str(error))
    face: type[SetupError] = _PermanentSetupError
    if isinstance(error, TransientError):
        face = _TransientSetupError
    elif isinstance(error, DataError):
        face = _DataSetupError
    return _with_details_of(error, face(f"Api {_sentence(error)}"))


def as_pull_error(error: FlashpointProviderError, fetch: str) -> FlashpointProviderError:
    """Return ``error`` with the collector's pull number and text, in the same group of the tree.

    :param fetch: ``fetch_indicators`` or ``fetch_alerts``: the collector's name of what failed.
    """
    if isinstance(error, (SetupError, PullError)):
        return error
    face: type[PullError] = _DataPullError
    if isinstance(error, ConfigurationError):
        face = _ConfigurationPullError
    elif isinstance(error, PermanentError):
        face = _PermanentPullError
    elif isinstance(error, TransientError):
        face = _TransientPullError
    if isinstance(error, _API_ERRORS):
        return _with_details_of(error, face(102, f"Api {_sentence(error)}"))
    return _with_details_of(error, face(101, f"Error in {fetch} {_sentence(error)}"))


def _with_details_of(error: FlashpointProviderError, faced: FlashpointProviderError) -> FlashpointProviderError:
    """Return ``faced`` with what else ``error`` tells: how long to wait, the status, the count of lines."""
    vars(faced).update(vars(error) | vars(faced))
    return faced


def _sentence(error: FlashpointProviderError) -> str:
    return str(error).rstrip(".") + "."
