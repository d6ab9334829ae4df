"""HTTP requests: sent, judged by status, and sent again where that may help.

An accepted response is returned. A transient failure is retried within a budget of attempts and waiting time. Every
other failure becomes an error of `airflow_provider_flashpoint.errors`.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, TypeVar

import requests
import urllib3

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.http.body import AnswerLimits, is_without_body
from airflow_provider_flashpoint.core.http.pace import Pace
from airflow_provider_flashpoint.core.http.proxies import environment_proxies
from airflow_provider_flashpoint.core.http.reason import (
    ANY_CONNECTION,
    ConnectionFields,
    error_reason,
    network_cause,
    shown_address,
    unanswered,
)
from airflow_provider_flashpoint.core.http.retries import Attempts, retry_after_s
from airflow_provider_flashpoint.core.secrets.foreign_text import harmless, safe_to_show
from airflow_provider_flashpoint.core.secrets.known import remember
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    DataError,
    FlashpointProviderError,
    ForbiddenError,
    NetworkError,
    RateLimitedError,
    RejectedError,
    ServerError,
    TransientError,
)

DEFAULT_TIMEOUT_S = (10.0, 120.0)  # connect, read: slow answers of Flashpoint took up to 39 s
DEFAULT_RETRY_BUDGET_S = 300.0
DEFAULT_MAX_ATTEMPTS = 6
_ERROR_LIMITS = AnswerLimits(max_bytes=1 << 20, max_s=30.0)  # an error body is read for its reason only
_PATH = re.compile(r"/(?!/)")
_RETRIED_BELOW_500 = frozenset({408, 425, 429})

Parsed = TypeVar("Parsed")


class BearerAuth(requests.auth.AuthBase):
    """Sends one ``Authorization: Bearer`` header, also where a ``.netrc`` of the machine names another one."""

    def __init__(self, token: str) -> None:
        remember(token)
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(***)"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a service, relative to its base address.

    :param data: makes a new body and its headers for each attempt, so that a streamed upload can be sent again.
    :param accept: the statuses of a response that is returned.
    :param retry: False for requests that must not be repeated.
    :param permanent: finds, in the reason of a 5xx, faults of the request itself, which a retry cannot change.
    :param stream: the caller reads the body and closes the response.
    :param before: called before each attempt with the error of the one before, None for the first; raises if the
        request must not be sent any more.
    """

    method: str
    path: str
    _: KW_ONLY
    params: Mapping[str, Any] | None = None
    json: Any = None
    data: Callable[[], tuple[Any, Mapping[str, str]]] | None = None
    accept: Collection[int] = (200,)
    retry: bool = True
    permanent: re.Pattern[str] | None = None
    stream: bool = False
    before: Callable[[BaseException | None], None] = lambda failure: None


@dataclass(frozen=True, repr=False)
class HttpClient:
    """Sends requests to one service.

    :param session: carries authentication, proxies and TLS settings, which take precedence over the environment. Its
        redirects are not followed: a redirect of an API call leads to a login page, or sends the token elsewhere.
    :param base_url: scheme, host and base path.
    :param service: the name of the service in messages.
    :param fields: the fields of the connection in messages.
    :param timeout_s: seconds to connect, and seconds between two bytes of the answer.
    :param retry_budget_s: the longest time that one request waits between its attempts, and while all requests are
        held.
    :param max_attempts: the most attempts of one request, the first included. With 1, a request fails at once while
        all requests are held.
    :param limits: how large an answer may be, and how long it may take.
    :param pace: when the requests of all threads may begin; it also counts them.
    :param sleep: waits; replaced in tests.
    """

    session: requests.Session
    _: KW_ONLY
    base_url: str
    service: str
    fields: ConnectionFields = ANY_CONNECTION
    timeout_s: tuple[float, float] = DEFAULT_TIMEOUT_S
    retry_budget_s: float = DEFAULT_RETRY_BUDGET_S
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    limits: AnswerLimits = field(default_factory=AnswerLimits)
    pace: Pace = field(default_factory=Pace)
    sleep: Callable[[float], None] = time.sleep

    def close(self) -> None:
        """Close the idle connections; the next request opens new ones."""
        self.session.close()

    def send(self, request: Request) -> requests.Response:
        """Return the accepted response.

        :raises AuthenticationError, ForbiddenError, RejectedError, ConfigurationError: at once.
        :raises RateLimitedError, ServerError, NetworkError: when the budget is spent.
        """
        return self.read(request, lambda response: response)

    def read_json(self, request: Request) -> Any:
        """Return the JSON value of the accepted response, None where it has no body; errors as in `read`."""

        def parse(response: requests.Response) -> Any:
            return codec.decode(response.content) if response.content or not is_without_body(response) else None

        return self.read(replace(request, accept=(*request.accept, 204)), parse)

    def read(self, request: Request, parse: Callable[[requests.Response], Parsed]) -> Parsed:
        """Return what ``parse`` makes of the accepted response; its ValueError is retried as a cut answer.

        :raises: the errors of `send`; ServerError when no attempt brought JSON.
        """

        def send(failure: BaseException | None) -> Parsed:
            request.before(failure)
            response = self._send_once(request)
            try:
                if not request.stream:
                    response.raw = io.BytesIO(self.body(request, response))
                return parse(response)
            except urllib3.exceptions.HTTPError as error:  # while the body of a stream was read
                cause = network_cause(error, self.fields)
                raise NetworkError(f"{self.named(request)}: {cause}") from harmless(error)
            except ValueError as error:
                raise ServerError(f"{self.named(request)}: the answer is no JSON, or was cut short.") from error

        attempts = Attempts(
            name=self.named(request),
            pace=self.pace,
            max_attempts=self.max_attempts if request.retry else 1,
            budget_s=self.retry_budget_s if self.max_attempts > 1 else 0.0,
            max_s=self.limits.max_s,
            sleep=self.sleep,
            clock=self.limits.clock,
        )
        try:
            return attempts.run(send)
        except FlashpointProviderError as error:
            error.service = self.service
            raise

    def body(self, request: Request, response: requests.Response) -> bytes:
        """Return the decompressed body of a streamed response; errors as in `AnswerLimits.read`."""
        return self.limits.read(response, name=self.named(request))

    def named(self, request: Request) -> str:
        """Return how messages name a request: service, method and address."""
        return f"{self.service} {request.method} {shown_address(self.base_url)}{request.path}"

    def _send_once(self, request: Request) -> requests.Response:
        if not _PATH.match(request.path):  # "@elsewhere" would turn the host into a user, and send the token there
            raise ConfigurationError(f"{self.named(request)}: the path must begin with one /.")
        body, headers = request.data() if request.data else (None, {})
        session, url = self.session, self.base_url.rstrip("/") + request.path
        proxies = session.proxies or environment_proxies(url)
        try:
            response = session.request(
                request.method,
                url,
                params=request.params,
                json=request.json,
                data=body,
                headers=headers,
                timeout=self.timeout_s,
                allow_redirects=False,
                stream=True,  # the body is read within limits
                # REQUESTS_CA_BUNDLE and HTTPS_PROXY outrank the settings of a session, but not those of a request.
                verify=None if session.verify is True else session.verify,
                proxies=dict(proxies),
            )
        except (ValueError, OSError) as error:
            failure = unanswered(self.named(request), error, self.fields)
            # A part of a password in an impossible address cannot be told from other text.
            cause = None if isinstance(error, ValueError) else harmless(error)
        else:
            if response.status_code in request.accept and not _is_html(response):
                return response
            raise self._refusal(request, response)
        raise failure from cause  # outside of the handler, so that the original is no context of it

    def _refusal(self, request: Request, response: requests.Response) -> FlashpointProviderError:
        what, status = self.named(request), response.status_code
        reason = _reason(response)
        said = f"{what}: status {status}{': ' if reason else ''}{reason}"
        address, token = self.fields.named(self.fields.address), self.fields.named(self.fields.credential)
        if status == 401:
            return AuthenticationError(f"{said}. The token is unknown, expired or revoked: put a new one into {token}.")
        if status in (403, 521):
            return ForbiddenError(f"{said}. The token lacks the right, or belongs to another host: check {token}.")
        if status >= 500 and request.permanent and request.permanent.search(reason):
            return RejectedError(f"{said}.", status=status)
        if status in _RETRIED_BELOW_500 or status >= 500:
            error: TransientError = (RateLimitedError if status == 429 else ServerError)(f"{said}.")
            error.retry_after_s = retry_after_s(response.headers.get("Retry-After"))
            return error
        if _is_html(response) and status < 300:
            return ServerError(f"{what}: a web page came in place of JSON. Check the proxy, and {address}.")
        if 300 <= status < 400:
            return RejectedError(f"{said}. It points elsewhere: check {address}.", status=status)
        remedy = "The request itself is refused: check its settings."
        if status in (404, 405, 410):
            remedy = f"Nothing is there: check {address}, and the path."
        return RejectedError(f"{said}. {remedy if status >= 400 else 'This status is not expected.'}", status=status)


def _reason(response: requests.Response) -> str:
    try:
        body = codec.decode(_ERROR_LIMITS.read(response))
    except (ValueError, DataError, NetworkError, urllib3.exceptions.HTTPError):  # also where the body breaks off
        return ""
    return safe_to_show(error_reason(body)).rstrip(" .")  # the message goes on after it


def _is_html(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").lower().startswith("text/html")
