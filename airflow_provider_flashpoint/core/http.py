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
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
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
_MAX_REASON_CHARACTERS = 200
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

    :param session: carries authentication, proxies and TLS settings; its redirects are not followed,
        since a redirect of an API call leads to a login page or takes the token elsewhere.
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
        log: logging.Logger | Any = _log,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.service = service
        self._session = session
        self._timeout_s = timeout_s
        self._retry_budget_s = retry_budget_s
        self._max_attempts = max_attempts
        self._secrets = tuple(secret for secret in secrets if secret)
        self._sleep = sleep
        self._log = log

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
    ) -> requests.Response:
        """Return the response of ``method path`` once its status is in ``accept``; its body is read whole.

        :param data: makes a fresh body and its headers for each attempt, so that a streamed upload can be sent again.
        :param retry: False sends once, for calls that must not be repeated.
        :raises AuthenticationError, ForbiddenError, RejectedError: at once.
        :raises RateLimitedError, ServerError, NetworkError: when the budget is spent.
        """
        attempt = partial(self._send_once, method, path, params, json, data, headers, accept)
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
                raise ServerError(
                    f"{self.service} {method} {path}: the answer is no JSON, or was cut short."
                ) from error

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
    ) -> requests.Response:
        body, body_headers = data() if data else (None, {})
        what = f"{self.service} {method} {path}"
        try:
            response = self._session.request(
                method,
                self.base_url + path,
                params=params,
                json=json,
                data=body,
                headers={**(headers or {}), **body_headers},
                timeout=self._timeout_s,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NetworkError(f"{what}: {network_cause(error)}") from error
        if response.status_code in accept and not _is_html(response):
            return response
        raise self._refusal(what, response)

    def _refusal(self, what: str, response: requests.Response) -> FlashpointProviderError:
        status = response.status_code
        reason = self._redacted(_reason(response))[:_MAX_REASON_CHARACTERS]
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
        self._log.warning(
            "%s Trying again in %.1f s (attempt %d).", error, state.upcoming_sleep, state.attempt_number + 1
        )

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def network_cause(error: BaseException) -> str:
    """Return in plain words why no answer came, without the address or its query."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        inner = getattr(cause, "reason", None)
        cause = inner if isinstance(inner, BaseException) else cause.__cause__ or cause.__context__
    names = {type(each).__name__ for each in chain}
    if names & {"NameResolutionError", "gaierror"}:
        return "the host name cannot be resolved; check the host of the connection and the DNS."
    if names & {"SSLError", "SSLCertVerificationError", "SSLEOFError"}:
        ssl_text = next((str(each) for each in reversed(chain) if "SSL" in type(each).__name__), "")
        return f"the TLS connection failed; check `verify` and the certificates ({ssl_text[:_MAX_REASON_CHARACTERS]})."
    if names & {"ProxyError"}:
        return "the proxy refused or is not there; check `proxy`."
    if names & {"ConnectTimeout", "ConnectTimeoutError"}:
        return "no connection in time; check the host, the port and the firewall."
    if names & {"ReadTimeout", "ReadTimeoutError"}:
        return "no answer in time."
    if names & {"ConnectionRefusedError"}:
        return "the connection was refused; check the host and the port."
    if names & {"IncompleteRead", "ChunkedEncodingError", "ContentDecodingError"}:
        return "the answer was cut short."
    return f"the connection broke ({type(error).__name__})."


def error_reason(body: Any) -> str:
    """Return what an error body says, from the keys its senders are known to use, or an empty text."""
    if not isinstance(body, Mapping):
        return ""
    for listed in (body.get("errors"), body.get("detail")):
        if isinstance(listed, list) and listed:
            return "; ".join(_located(each) for each in listed)
    inner = body.get("error")
    candidates = (
        body.get("detail"),
        body.get("message"),
        inner.get("message") if isinstance(inner, Mapping) else inner,
        body.get("errorMessage"),
    )
    return next((text for text in candidates if isinstance(text, str) and text), "")


def _located(each: Any) -> str:
    if not isinstance(each, Mapping):
        return str(each)
    where = ".".join(str(part) for part in each.get("loc", ()))
    return f"{where}: {each.get('msg', '')}" if where else str(each.get("msg", ""))


def _reason(response: requests.Response) -> str:
    try:
        body = response.json()
    except ValueError:
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
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked: float | None = getattr(error, "retry_after_s", None)
    if asked is not None:
        return asked
    ceiling = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (state.attempt_number - 1))
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311  spreads clients out, guards nothing
