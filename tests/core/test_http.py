"""HTTP requests: judged by status, retried within a budget, and without secrets in messages."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from time import time, tzset
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from airflow_provider_flashpoint.core.http.client import BearerAuth, HttpClient, Request
from airflow_provider_flashpoint.core.http.retries import retry_after_s
from airflow_provider_flashpoint.errors import (
    AuthenticationError,
    ConfigurationError,
    FlashpointProviderError,
    ForbiddenError,
    NetworkError,
    PermanentError,
    RateLimitedError,
    RejectedError,
    ServerError,
    SupersededError,
    TransientError,
)
from sandbox.http_service.faults import Fault
from sandbox.http_service.message import Response
from sandbox.http_service.server import HttpServer, Route

BASE = "https://service.example"
TOKEN = "made-up-token"


class Waits(list[float]):
    """Records the waits between attempts instead of waiting."""

    def client(self, base_url: str = BASE, *, verify: Any = True, proxy: str = "", **settings: Any) -> HttpClient:
        session = requests.Session()
        session.auth = BearerAuth(TOKEN)
        session.verify = verify
        session.proxies = {"https": proxy} if proxy else {}
        return HttpClient(session, base_url=base_url, service="Service", sleep=self.append, **settings)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """A server whose one page is the list of the numbers to 99."""
    with HttpServer([Route("GET", "/page", lambda request: Response.json(list(range(100))))]) as running:
        yield running


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, RejectedError),
        (302, RejectedError),
        (307, RejectedError),
        (400, RejectedError),
        (401, AuthenticationError),
        (403, ForbiddenError),
        (404, RejectedError),
        (405, RejectedError),
        (409, RejectedError),
        (413, RejectedError),
        (422, RejectedError),
        (521, ForbiddenError),
        (204, RejectedError),
    ],
)
def test_refused_at_once(
    requests_mock: Mocker, waits: Waits, status: int, error: type[FlashpointProviderError]
) -> None:
    """A permanent failure is raised after one attempt."""
    requests_mock.get(f"{BASE}/x", status_code=status, headers={"Location": "https://elsewhere.example/"})
    with pytest.raises(PermanentError) as raised:
        waits.client().send(Request("GET", "/x"))
    assert (type(raised.value), requests_mock.call_count) == (error, 1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 520, 522, 523, 524, 599])
def test_retried(requests_mock: Mocker, waits: Waits, status: int) -> None:
    """A transient failure is retried, and the next answer is returned."""
    requests_mock.get(f"{BASE}/x", [{"status_code": status}, {"text": "fine"}])
    assert waits.client().send(Request("GET", "/x")).text == "fine"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 503, 524])
def test_budget_of_attempts(requests_mock: Mocker, waits: Waits, status: int) -> None:
    """After the last attempt the error of the status is raised."""
    requests_mock.get(f"{BASE}/x", status_code=status)
    with pytest.raises(TransientError) as raised:
        waits.client(max_attempts=3).send(Request("GET", "/x"))
    expected = RateLimitedError if status == 429 else ServerError
    assert (type(raised.value), requests_mock.call_count, len(waits)) == (expected, 3, 2)


def test_rejection_carries_its_status(requests_mock: Mocker, waits: Waits) -> None:
    """A caller can tell refusals apart by their status."""
    requests_mock.get(f"{BASE}/x", status_code=409)
    with pytest.raises(RejectedError) as raised:
        waits.client().send(Request("GET", "/x"))
    assert raised.value.status == 409


def test_accepted_status(requests_mock: Mocker, waits: Waits) -> None:
    """A status that the request accepts is returned."""
    requests_mock.delete(f"{BASE}/x", status_code=404)
    assert waits.client().send(Request("DELETE", "/x", accept=(204, 404))).status_code == 404


def test_sent_once(requests_mock: Mocker, waits: Waits) -> None:
    """A request that must not be repeated is sent once."""
    requests_mock.post(f"{BASE}/x", status_code=503)
    with pytest.raises(ServerError):
        waits.client().send(Request("POST", "/x", retry=False))
    assert (requests_mock.call_count, waits) == (1, [])


@pytest.mark.parametrize(("value", "wait_s"), [("17", 17.0), ("1.5", 1.5), ("007", 7.0)])
def test_retry_after_seconds(requests_mock: Mocker, waits: Waits, value: str, wait_s: float) -> None:
    """The seconds of a Retry-After are waited."""
    requests_mock.get(f"{BASE}/x", [{"status_code": 429, "headers": {"Retry-After": value}}, {}])
    waits.client().send(Request("GET", "/x"))
    assert waits == [wait_s]


def test_retry_after_date(requests_mock: Mocker, waits: Waits) -> None:
    """The time until the date of a Retry-After is waited."""
    later = formatdate(time() + 200, usegmt=True)
    requests_mock.get(f"{BASE}/x", [{"status_code": 503, "headers": {"Retry-After": later}}, {}])
    waits.client().send(Request("GET", "/x"))
    assert 100 < waits[0] <= 200


@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000", "UTC", "Z"])
@pytest.mark.parametrize("here", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_retry_after_date_is_in_utc(monkeypatch: pytest.MonkeyPatch, zone: str, here: str) -> None:
    """The date of a Retry-After is one of UTC, whatever the time zone of this machine."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", here)
        tzset()
        later = datetime.fromtimestamp(time() + 200, UTC)
        assert 100 < (retry_after_s(f"{later:%a, %d %b %Y %H:%M:%S} {zone}") or 0) <= 200
    tzset()


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "", "5, 6", "5;6", "0x10", "inf", "-inf", "1e999", "Infinity"),
        "Mon, 99 Foo 2024 00:00:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
    ],
)
def test_retry_after_nonsense(requests_mock: Mocker, waits: Waits, value: str) -> None:
    """An invalid Retry-After leaves the usual wait."""
    requests_mock.get(f"{BASE}/x", [{"status_code": 429, "headers": {"Retry-After": value}}, {}])
    waits.client().send(Request("GET", "/x"))
    assert 0.5 <= waits[0] <= 1.0


def test_retry_after_beyond_budget(requests_mock: Mocker, waits: Waits) -> None:
    """A wait beyond the budget is not started, and the error carries the requested seconds."""
    requests_mock.get(f"{BASE}/x", status_code=429, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimitedError) as raised:
        waits.client(retry_budget_s=300).send(Request("GET", "/x"))
    assert (raised.value.retry_after_s, waits) == (3600.0, [])


@pytest.mark.parametrize("sent", range(5))
def test_each_attempt_asks_first_with_the_failure_before(requests_mock: Mocker, waits: Waits, sent: int) -> None:
    """The caller is asked before each attempt, and its refusal ends the request at once, however transient."""
    answers = [
        {"status_code": 503},
        {"exc": requests.ReadTimeout},
        {"status_code": 429},
        {"text": "cut", "status_code": 502},
    ]
    requests_mock.get(f"{BASE}/x", [*answers, {}])
    failures: list[BaseException | None] = []

    def before(failure: BaseException | None) -> None:
        failures.append(failure)
        if len(failures) > sent:
            raise SupersededError("Another attempt has started.")

    with pytest.raises(SupersededError):
        waits.client().send(Request("GET", "/x", before=before))
    kinds = [type(None), ServerError, NetworkError, RateLimitedError, ServerError]
    assert [type(failure) for failure in failures] == kinds[: sent + 1]
    assert requests_mock.call_count == sent


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "-3",
        "0.0",
        "-0",
        "0.001",
        "1e-9",
        "nan",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 -0000",
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_of_now_asks_for_no_storm(requests_mock: Mocker, waits: Waits, status: int, value: str) -> None:
    """A Retry-After of 0, or in the past, leaves the usual waits between the attempts."""
    requests_mock.get(f"{BASE}/x", status_code=status, headers={"Retry-After": value})
    with pytest.raises(TransientError):
        waits.client().send(Request("GET", "/x"))
    assert all(top / 2 <= wait <= top for wait, top in zip(waits, [1, 2, 4, 8, 16], strict=True))


def test_storm(requests_mock: Mocker, waits: Waits) -> None:
    """A storm of 429 ends, and the waits together stay within the budget."""
    requests_mock.get(f"{BASE}/x", status_code=429, headers={"Retry-After": "40"})
    with pytest.raises(RateLimitedError):
        waits.client(retry_budget_s=100, max_attempts=99).send(Request("GET", "/x"))
    assert waits == [40.0, 40.0]


def test_waits_grow(requests_mock: Mocker, waits: Waits) -> None:
    """Without a Retry-After the waits double, with a spread of one half, up to a minute."""
    requests_mock.get(f"{BASE}/x", status_code=503)
    with pytest.raises(ServerError):
        waits.client(retry_budget_s=1e6, max_attempts=9).send(Request("GET", "/x"))
    ceilings = [1, 2, 4, 8, 16, 32, 60, 60]
    assert all(top / 2 <= wait <= top for wait, top in zip(waits, ceilings, strict=True))


def test_web_page(requests_mock: Mocker, waits: Waits) -> None:
    """A web page with status 200 is not an answer of the service, and is retried."""
    page = {"text": "<html>sign in</html>", "headers": {"Content-Type": "text/html; charset=utf-8"}}
    requests_mock.get(f"{BASE}/x", [page, {"json": [1]}])
    assert waits.client().read_json(Request("GET", "/x")) == [1]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("cut"),
        Fault("reset"),
        Fault("reset", after_bytes=20),
        Fault("malformed"),
        Fault("html"),
        Fault("html", status=200),
        Fault("status"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.when}-{fault.status}",
)
def test_fault_is_retried(server: HttpServer, waits: Waits, fault: Fault) -> None:
    """A broken answer is retried, and comes whole."""
    server.faults.add(fault)
    body = waits.client(server.url).read_json(Request("GET", "/page"))
    assert (body, len(waits), server.faults.fired()) == (list(range(100)), 1, 1)


def test_refusal_whose_body_breaks_off(waits: Waits) -> None:
    """A status is judged even where the rest of a streamed answer is lost."""
    route = Route("GET", "/page", lambda request: Response.json({"message": "busy"}, status=503))
    with HttpServer([route]) as server:
        server.faults.add(Fault("cut", times=None))
        with pytest.raises(ServerError, match="status 503"):
            waits.client(server.url, max_attempts=1).send(Request("GET", "/page", stream=True))


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [("cut", NetworkError, "cut short"), ("reset", NetworkError, "broke"), ("malformed", ServerError, "no JSON")],
)
def test_fault_that_stays(
    server: HttpServer, waits: Waits, kind: Any, error: type[FlashpointProviderError], said: str
) -> None:
    """A permanent fault ends in an error with its cause."""
    server.faults.add(Fault(kind, times=None))
    with pytest.raises(error, match=said):
        waits.client(server.url, max_attempts=2).read_json(Request("GET", "/page"))


def test_refused_connection(waits: Waits) -> None:
    """The error of a closed port says so."""
    with HttpServer() as stopped:
        url = stopped.url
    with pytest.raises(NetworkError, match="the connection was refused"):
        waits.client(url, max_attempts=1).send(Request("GET", "/page"))


@pytest.mark.parametrize(
    "address", ["https://exa mple", "https://*.example", f"https://{'a' * 64}.example", "nonsense://service.example"]
)
def test_address_that_cannot_be(waits: Waits, address: str) -> None:
    """An impossible address is an error of the connection, raised at once."""
    with pytest.raises(ConfigurationError, match=r"cannot be used.*check `host`"):
        waits.client(address).send(Request("GET", "/x"))
    assert waits == []


def test_missing_certificates(waits: Waits) -> None:
    """A missing file of certificates is an error of the connection that names the file."""
    client = waits.client("https://127.0.0.1:1", verify="/absent/authorities.pem")
    with pytest.raises(ConfigurationError, match=r"/absent/authorities\.pem.*Check `verify`"):
        client.send(Request("GET", "/x"))


@pytest.mark.parametrize(("verify", "sent"), [("/own.pem", "/own.pem"), (False, False), (True, "/environment.pem")])
def test_verify_beats_the_environment(
    requests_mock: Mocker, waits: Waits, monkeypatch: pytest.MonkeyPatch, verify: Any, sent: Any
) -> None:
    """The certificates of the connection take precedence over the environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/environment.pem")
    requests_mock.get(f"{BASE}/x")
    waits.client(verify=verify).send(Request("GET", "/x"))
    assert requests_mock.last_request.verify == sent


@pytest.mark.parametrize("own", ["http://own.example:1", ""])
def test_proxy_beats_the_environment(
    requests_mock: Mocker, waits: Waits, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    """The proxy of the connection takes precedence over the environment."""
    monkeypatch.setenv("HTTPS_PROXY", "http://environment.example:2")
    requests_mock.get(f"{BASE}/x")
    waits.client(proxy=own).send(Request("GET", "/x"))
    assert requests_mock.last_request.proxies["https"] == (own or "http://environment.example:2")


def test_redirect_is_not_followed(requests_mock: Mocker, waits: Waits) -> None:
    """A redirect is not followed, so the token is not sent elsewhere."""
    requests_mock.get(f"{BASE}/x", status_code=302, headers={"Location": "https://elsewhere.example/login"})
    elsewhere = requests_mock.get("https://elsewhere.example/login")
    with pytest.raises(RejectedError, match="points elsewhere"):
        waits.client().send(Request("GET", "/x"))
    assert not elsewhere.called


@pytest.mark.parametrize("status", [400, 401, 403, 429, 503, 200])
def test_nothing_secret_in_messages(
    requests_mock: Mocker, waits: Waits, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """Neither messages nor the log hold the token, the query, or the body."""
    caplog.set_level(logging.DEBUG, logger="airflow_provider_flashpoint")
    requests_mock.post(
        f"{BASE}/x", status_code=status, json={"message": f"Bad {TOKEN}"}, headers={"Content-Type": "text/html"}
    )
    with pytest.raises(FlashpointProviderError) as raised:
        waits.client(max_attempts=2).send(Request("POST", "/x", params={"q": "asked-for"}, json={"k": "sent-body"}))
    told = str(raised.value) + caplog.text
    assert [text for text in (TOKEN, "asked-for", "sent-body") if text in told] == []


@pytest.mark.parametrize("answer", [{"status_code": 404}, {"text": "no JSON"}, {"exc": requests.ConnectionError}])
def test_secret_in_a_path_is_removed(requests_mock: Mocker, waits: Waits, answer: dict[str, Any]) -> None:
    """A token that is part of the address stays out of every message."""
    requests_mock.get(f"{BASE}/token/{TOKEN}", **answer)
    with pytest.raises(FlashpointProviderError, match=r"/token/\*\*\*") as raised:
        waits.client().read_json(Request("GET", f"/token/{TOKEN}"))
    assert TOKEN not in str(raised.value)


def test_no_query_of_a_broken_connection(server: HttpServer, waits: Waits, caplog: pytest.LogCaptureFixture) -> None:
    """The message of a broken connection holds no query."""
    server.faults.add(Fault("reset", times=None))
    with pytest.raises(NetworkError) as raised:
        waits.client(server.url, max_attempts=2).send(Request("GET", "/page", params={"q": "asked-for"}))
    own = [record.getMessage() for record in caplog.records if record.name.startswith("airflow_provider")]
    assert "asked-for" not in str(raised.value) + "".join(own)


@pytest.mark.parametrize("place", range(180, 201))
def test_token_at_the_cut_of_a_reason(requests_mock: Mocker, waits: Waits, place: int) -> None:
    """A long reason is cut after the token is taken out, so that no part of it stays."""
    requests_mock.get(f"{BASE}/x", status_code=400, json={"detail": "." * place + TOKEN})
    with pytest.raises(RejectedError) as raised:
        waits.client().send(Request("GET", "/x"))
    assert TOKEN[:4] not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"detail": "why"}, "why"),
        ({"message": "why"}, r"why\. The"),
        ({"message": "why. "}, r"why\. The"),
        ({"error": "why"}, "why"),
        ({"error": {"message": "why"}}, "why"),
        ({"errorMessage": "why"}, "why"),
        ({"detail": [{"loc": ["query", "size"], "msg": "too large"}]}, "query.size: too large"),
        ({"detail": [{"loc": "query", "msg": "too large"}]}, "query: too large"),
        ({"detail": [{"loc": None, "msg": "too large"}]}, "too large"),
        ({"errors": ["one", "two"]}, "one; two"),
    ],
)
def test_reason(requests_mock: Mocker, waits: Waits, body: Any, reason: str) -> None:
    """The reason under a known key of an error body is in the message."""
    requests_mock.get(f"{BASE}/x", status_code=400, json=body)
    with pytest.raises(RejectedError, match=f"status 400: {reason}"):
        waits.client().send(Request("GET", "/x"))


@pytest.mark.parametrize("charset", ["", "; charset=utf-8"])
def test_reason_after_a_byte_order_mark(requests_mock: Mocker, waits: Waits, charset: str) -> None:
    """A byte order mark before an error body does not hide its reason."""
    headers = {"Content-Type": f"application/json{charset}"}
    requests_mock.get(f"{BASE}/x", status_code=400, content=b'\xef\xbb\xbf{"detail": "why"}', headers=headers)
    with pytest.raises(RejectedError, match="status 400: why"):
        waits.client().send(Request("GET", "/x"))


def test_bearer_beats_netrc(
    requests_mock: Mocker, waits: Waits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ``.netrc`` of the machine does not replace the token."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine service.example login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    requests_mock.get(f"{BASE}/x")
    waits.client().send(Request("GET", "/x"))
    assert requests_mock.last_request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_bearer_hides_its_token() -> None:
    """The text form of the authentication does not show the token."""
    assert TOKEN not in repr(BearerAuth(TOKEN))


def test_body_made_anew(requests_mock: Mocker, waits: Waits) -> None:
    """A streamed body is made for each attempt, so that the second one is whole, too."""
    received: list[bytes] = []

    def take(request: Any, context: Any) -> str:
        received.append(request.body.read())
        context.status_code = 503 if len(received) == 1 else 200
        return ""

    requests_mock.post(f"{BASE}/x", text=take)
    waits.client().send(Request("POST", "/x", data=lambda: (io.BytesIO(b"rows"), {"Content-Type": "text/csv"})))
    assert received == [b"rows", b"rows"]
