"""The one place where HTTP requests are sent, judged and sent again.

A response is judged by one table: what is accepted is returned, what may pass is retried within a budget
of attempts and waiting time, everything else becomes an error of `airflow_provider_flashpoint.errors`.
"""

from __future__ import annotations

import email.utils
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import IO, Any

import requests
import tenacity

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.http.reason import MAX_REASON_CHARACTERS, error_reason, network_cause
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    FlashpointProviderError,
    ForbiddenError,
    NetworkError,
    RateLimitedError,
    RejectedError,
    ServerError,
    TransientError,
)

DEFAULT_TIMEOUT_S = (10.0, 120.0)  # connect, read: the vendor's slow answers were seen to take up to 39 s
DEFAULT_RETRY_BUDGET_S = 300.0
DEFAULT_MAX_ATTEMPTS = 6
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 523, 524})

Body = bytes | IO[bytes] | Any
BodyFactory = Callable[[], tuple[Body, Mapping[str, str]]]

_log = logging.getLogger(__name__)


class BearerAuth(requests.auth.AuthBase):
    """Send one ``Authorization: Bearer`` header, and win over any ``.netrc`` of the machine."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(***)"


class HttpClient:
    """Sends requests to one service and returns accepted responses, or raises.

    :param session: carries authentication, proxies and TLS settings, which win over the machine's environment; its
        redirects are not followed, since a redirect of an API call leads to a login page or takes the token elsewhere.
    :param base_url: scheme, host and base path, without a trailing slash.
    :param service: how messages name the other side.
    :param timeout_s: seconds to connect, and seconds between two bytes of the answer.
    :param retry_budget_s: the longest time that one call spends waiting between attempts.
    :param max_attempts: the most attempts of one call, the first included.
    :param secrets: texts that are cut out of every message.
    :param sleep: waits; given by tests.
    """

    def __init__(
        self,
        session: requests.Session,
        *,
        base_url: str,
        service: str,
        timeout_s: tuple[float, float] = DEFAULT_TIMEOUT_S,
        retry_budget_s: float = DEFAULT_RETRY_BUDGET_S,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        secrets: Collection[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.service = service
        self._session = session
        self._timeout_s = timeout_s
        self._retry_budget_s = retry_budget_s
        self._max_attempts = max_attempts
        self._secrets = tuple(secret for secret in secrets if secret)
        self._sleep = sleep

    def close(self) -> None:
        """Close the idle connections; another request makes new ones."""
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: BodyFactory | None = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = True,
        accept: Collection[int] = (200,),
        stream: bool = False,
    ) -> requests.Response:
        """Return the response of ``method path`` once its status is in ``accept``; its body is read whole.

        :param data: makes a fresh body and its headers for each attempt, so that a streamed upload can be sent again.
        :param retry: False sends once, for calls that must not be repeated.
        :param stream: leave the body to be read, and the response to be closed, by the caller.
        :raises AuthenticationError, ForbiddenError, RejectedError, ConfigurationError: at once.
        :raises RateLimitedError, ServerError, NetworkError: when the budget is spent.
        """
        attempt = partial(self._send_once, method, path, params, json, data, headers, accept, stream)
        return self._retrying(retry)(attempt)

    def read_json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        retry: bool = True,
    ) -> tuple[Any, Mapping[str, str]]:
        """Return the JSON value and the headers of the answer; an answer that is no JSON is asked for again.

        :param retry: False sends once, for calls that must not be repeated.
        :raises: what `send` raises; ServerError when no attempt brought JSON.
        """

        def attempt() -> tuple[Any, Mapping[str, str]]:
            response = self._send_once(method, path, params, json, None, None, (200,))
            try:
                return codec.decode(response.content), response.headers
            except ValueError as error:
                what = self._named(method, path)
                raise ServerError(f"{what}: the answer is no JSON, or was cut short.") from error

        return self._retrying(retry)(attempt)

    def _retrying(self, retry: bool) -> tenacity.Retrying:
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            wait=_wait_s,
            stop=self._is_spent if retry else tenacity.stop_after_attempt(1),
            sleep=self._sleep,
            before_sleep=self._say_retry,
            reraise=True,
        )

    def _send_once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        json: Any,
        data: BodyFactory | None,
        headers: Mapping[str, str] | None,
        accept: Collection[int],
        stream: bool = False,
    ) -> requests.Response:
        body, body_headers = data() if data else (None, {})
        what = self._named(method, path)
        own = self._session
        try:
            response = own.request(
                method,
                self.base_url + path,
                params=params,
                json=json,
                data=body,
                headers={**(headers or {}), **body_headers},
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=stream,
                # A session's own settings would lose against REQUESTS_CA_BUNDLE and HTTPS_PROXY; a request's win.
                verify=None if own.verify is True else own.verify,
                proxies=dict(own.proxies),
            )
        except ValueError as error:  # requests and urllib3 tell so of addresses and headers that cannot be
            name = type(error).__name__
            raise ConfigurationError(f"{what}: check the host and the proxy of the connection ({name}).") from error
        except requests.RequestException as error:
            raise NetworkError(f"{what}: {network_cause(error)}") from error
        except OSError as error:  # a file of certificates that is not there
            raise ConfigurationError(f"{what}: {error}. Check `verify` and the certificates.") from error
        if response.status_code in accept and not _is_html(response):
            return response
        raise self._refusal(what, response)

    def _refusal(self, what: str, response: requests.Response) -> FlashpointProviderError:
        status = response.status_code
        reason = self._redacted(_reason(response))[:MAX_REASON_CHARACTERS]
        said = f"{what}: status {status}{': ' if reason else ''}{reason}"
        if status == 401:
            return AuthenticationError(f"{said}. The token is unknown, expired or revoked: make a new one.")
        if status in (403, 521):
            return ForbiddenError(f"{said}. The token lacks the right, or the host is not the right one.")
        if status in _RETRIED_STATUSES or status >= 500:
            error: TransientError = (RateLimitedError if status == 429 else ServerError)(f"{said}.")
            error.retry_after_s = _retry_after_s(response.headers.get("Retry-After"))
            return error
        if _is_html(response) and status < 300:
            return ServerError(f"{what}: a web page came in place of JSON: is there a proxy, or is the host wrong?")
        if 300 <= status < 400:
            return RejectedError(f"{said}. It points elsewhere: check the host of the connection.", status=status)
        return RejectedError(f"{said}.", status=status)

    def _is_spent(self, state: tenacity.RetryCallState) -> bool:
        return (
            state.attempt_number >= self._max_attempts or state.idle_for + state.upcoming_sleep > self._retry_budget_s
        )

    def _say_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _log.warning("%s Trying again in %.1f s (attempt %d).", error, state.upcoming_sleep, state.attempt_number + 1)

    def _named(self, method: str, path: str) -> str:
        return self._redacted(f"{self.service} {method} {path}")

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _reason(response: requests.Response) -> str:
    try:
        body = response.json()
    except (ValueError, RecursionError, requests.RequestException):  # the last where a streamed body breaks off
        return ""
    return " ".join(error_reason(body).split())


def _is_html(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").lower().startswith("text/html")


def _retry_after_s(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header: a number or an HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, at.timestamp() - time.time())


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked: float | None = getattr(error, "retry_after_s", None)
    if asked is not None:
        return asked
    ceiling = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311  spreads clients out, guards nothing
