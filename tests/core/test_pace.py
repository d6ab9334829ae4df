"""The pace of requests: one limit for all threads of a client, which slow down together where the service wants it."""

from __future__ import annotations

import heapq
import itertools
import logging
import random
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests_mock import Mocker

from airflow_provider_flashpoint.core.http.body import AnswerLimits
from airflow_provider_flashpoint.core.http.client import DEFAULT_MAX_ATTEMPTS, HttpClient, Request
from airflow_provider_flashpoint.core.http.pace import Pace, RequestCounts
from airflow_provider_flashpoint.errors import FlashpointProviderError, RateLimitedError, ServerError

URL = "https://service.example"
PAGE, OTHER = Request("GET", "/page"), Request("GET", "/other")
BUSY = {"status_code": 429, "headers": {"Retry-After": "40"}}


@dataclass
class FakeTime:
    """A clock that only waits move. A wait may do something meanwhile: ``during`` is done once."""

    now: float = 1000.0
    waits: list[float] = field(default_factory=list)
    during: Any = None

    def sleep(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        if self.during:
            during, self.during = self.during, None
            during()
        self.now += seconds

    def client(self, **settings: Any) -> HttpClient:
        limits = AnswerLimits(clock=lambda: self.now)
        return HttpClient(
            requests.Session(), base_url=URL, service="Service", limits=limits, sleep=self.sleep, **settings
        )


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_holds_the_other_requests(requests_mock: Mocker, time: FakeTime, status: int) -> None:
    """While one request waits for the end of a Retry-After, another one that would begin waits as long."""
    requests_mock.get(f"{URL}/page", [{"status_code": status, "headers": {"Retry-After": "40"}}, {}])
    requests_mock.get(f"{URL}/other")
    client = time.client()
    begin = time.now

    def meanwhile() -> None:
        time.now += 15
        client.send(OTHER)
        assert time.now == begin + 40
        time.now = begin

    time.during = meanwhile
    client.send(PAGE)
    assert time.waits[:2] == [40.0, 25.0]


def test_a_429_without_a_time_holds_the_other_requests(requests_mock: Mocker, time: FakeTime) -> None:
    """A 429 without a Retry-After holds all requests for the wait of its own."""
    requests_mock.get(f"{URL}/page", [{"status_code": 429}, {}])
    requests_mock.get(f"{URL}/other")
    client = time.client()
    time.during = lambda: client.send(OTHER)
    client.send(PAGE)
    assert time.waits[0] == time.waits[1]


@pytest.mark.parametrize("answer", [{"status_code": 503}, {"exc": requests.ConnectionError}])
def test_another_failure_holds_nobody(requests_mock: Mocker, time: FakeTime, answer: dict[str, Any]) -> None:
    """A failure that asks for no pause delays its own request alone."""
    requests_mock.get(f"{URL}/page", [answer, {}])
    requests_mock.get(f"{URL}/other")
    client = time.client()
    time.during = lambda: client.send(OTHER)
    client.send(PAGE)
    assert len(time.waits) == 1


def test_a_longer_hold_begins_while_a_request_waits(requests_mock: Mocker, time: FakeTime) -> None:
    """A request that waits for its turn goes on waiting if another answer prolongs the hold."""
    requests_mock.get(f"{URL}/page")
    client = time.client()
    client.pace.hold(time.now + 10, now=time.now, began=time.now)
    time.during = lambda: client.pace.hold(time.now + 30, now=time.now, began=time.now)
    client.send(PAGE)
    assert time.waits[:2] == [10.0, 20.0]


@pytest.mark.parametrize("retry", [True, False])
def test_a_hold_beyond_the_budget_ends_all_requests(requests_mock: Mocker, time: FakeTime, retry: bool) -> None:
    """A Retry-After beyond the budget of waits fails the others too, at once and unsent, instead of asking again."""
    requests_mock.get(f"{URL}/page", status_code=429, headers={"Retry-After": "3600"})
    other = requests_mock.get(f"{URL}/other")
    client = time.client()
    for request in (PAGE, Request("GET", "/other", retry=retry)):
        with pytest.raises(RateLimitedError) as raised:
            client.send(request)
    assert (other.called, time.waits, raised.value.retry_after_s) == (False, [], 3600.0)
    assert "no request for 3600 s; the budget of waits is 300 s" in str(raised.value)


def test_one_attempt_waits_for_nobody(requests_mock: Mocker, time: FakeTime) -> None:
    """A client with one attempt, for which a person waits, fails where another request was told to wait."""
    requests_mock.get(f"{URL}/page", **BUSY)
    other = requests_mock.get(f"{URL}/other")
    client = time.client(max_attempts=1)
    for request in (PAGE, OTHER):
        with pytest.raises(RateLimitedError):
            client.send(request)
    assert (other.called, time.waits) == (False, [])


def test_waits_for_others_count_in_the_budget(requests_mock: Mocker, time: FakeTime) -> None:
    """The budget of a request covers what it waited before its first attempt, because of others."""
    requests_mock.get(f"{URL}/page", **BUSY)
    client = time.client(retry_budget_s=100, max_attempts=99)
    client.pace.hold(time.now + 30, now=time.now, began=time.now)
    with pytest.raises(RateLimitedError):
        client.send(PAGE)
    assert time.waits == [30.0, 40.0]


def test_a_refused_scroll_is_not_started_again_at_once(requests_mock: Mocker, time: FakeTime) -> None:
    """A 429 to a request that is sent once holds the requests after it."""
    requests_mock.post(f"{URL}/scroll", **BUSY)
    requests_mock.get(f"{URL}/page")
    client = time.client()
    with pytest.raises(RateLimitedError):
        client.send(Request("POST", "/scroll", retry=False))
    client.send(PAGE)
    assert time.waits == [40.0]


def test_long_waits_are_in_the_log(requests_mock: Mocker, time: FakeTime, caplog: pytest.LogCaptureFixture) -> None:
    """The log says once why all requests wait and how long, if it is for more than some seconds."""
    requests_mock.get(f"{URL}/page", [BUSY, BUSY, {"status_code": 429, "headers": {"Retry-After": "2"}}, {}])
    time.client().send(PAGE)
    long = [each.getMessage() for each in caplog.records if "No request begins" in each.getMessage()]
    assert long == [f"Service GET {URL}/page: status 429. No request begins within the next 40.0 s."] * 2
    assert all(each.levelno == logging.WARNING for each in caplog.records)


def test_counts(requests_mock: Mocker, time: FakeTime) -> None:
    """A client counts its attempts, its retries, and its waits with their seconds."""
    requests_mock.get(f"{URL}/page", [BUSY, BUSY, {}])
    requests_mock.get(f"{URL}/other")
    client = time.client()
    client.send(OTHER)
    client.send(PAGE)
    assert client.pace.counts == RequestCounts(sent=4, retries=2, waits=2, waited_s=80.0)


def test_the_time_of_all_attempts_is_counted(requests_mock: Mocker, time: FakeTime) -> None:
    """Attempts that fail count too, up to the moment at which their answer was read."""

    def answer(_: Any, context: Any) -> str:
        time.now += 1.5
        context.status_code = next(statuses)
        return ""

    statuses = iter([503, 200])
    requests_mock.get(f"{URL}/page", text=answer)
    client = time.client()
    client.send(PAGE)
    assert client.pace.counts.busy_s == pytest.approx(3.0)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=30).map(sorted),
    st.floats(0.01, 100),
)
def test_no_more_requests_in_a_second_than_allowed(ready: list[float], per_second: float) -> None:
    """Requests begin in order, at least the interval apart, and as soon as that allows."""
    pace = Pace(per_second)
    begins = [pace.turn(now) for now in ready]
    assert all(begin >= now for begin, now in zip(begins, ready, strict=True))
    assert all(later - begin >= 1 / per_second - 1e-9 for begin, later in itertools.pairwise(begins))
    expected = ready[0]
    for now, begin in zip(ready, begins, strict=True):
        expected = max(now, expected)
        assert begin == pytest.approx(expected)
        expected += 1 / per_second


def test_the_limit_is_one_for_all_threads(requests_mock: Mocker) -> None:
    """Threads that send at once get turns one after the other."""
    requests_mock.get(f"{URL}/page")
    waits: list[float] = []
    client = HttpClient(
        requests.Session(),
        base_url=URL,
        service="Service",
        sleep=waits.append,
        pace=Pace(2),
        limits=AnswerLimits(clock=lambda: 0.0),
    )
    threads = [threading.Thread(target=client.send, args=(PAGE,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [0.5 * number for number in range(1, 8)]


def test_without_a_limit_nothing_waits(requests_mock: Mocker, time: FakeTime) -> None:
    """By default requests begin at once."""
    requests_mock.get(f"{URL}/page")
    client = time.client()
    for _ in range(100):
        client.send(PAGE)
    assert time.waits == []


@pytest.mark.parametrize("error", [ServerError, RateLimitedError])
def test_the_failure_of_the_attempt_before_is_given(
    requests_mock: Mocker, time: FakeTime, error: type[FlashpointProviderError]
) -> None:
    """A request that is asked before each attempt gets the failure before, after all waits."""
    requests_mock.get(f"{URL}/page", [{"status_code": 429 if error is RateLimitedError else 503}, {}])
    seen: list[tuple[Any, int]] = []
    time.client().send(Request("GET", "/page", before=lambda failure: seen.append((type(failure), len(time.waits)))))
    assert seen == [(type(None), 0), (error, 1)]


@dataclass
class BusyService:
    """A service that accepts some requests per second, and workers that read pages from it at one pace.

    Time is simulated: the events of all workers are taken in the order of their time.
    """

    workers: int
    per_second: float
    retry_after_s: float
    seed: int
    pages: int = 300
    latency_s: float = 0.3

    def run(self) -> tuple[int, float]:
        """Return the most attempts of a page, and the share of the service's rate that was used."""
        dice, pace, number = random.Random(self.seed), Pace(), itertools.count()
        burst = max(1.0, self.per_second)
        tokens, refilled, begun, most, end = burst, 0.0, self.workers, 0, 0.0
        events: list[Any] = [(0.0, next(number), "ready", 1, 0.0) for _ in range(self.workers)]
        while events:
            now, _, kind, attempt, began = heapq.heappop(events)
            most = max(most, attempt)
            then: tuple[float, str, int] | None
            if kind == "ready" or (kind == "begin" and pace.held_s(now)):
                then = (pace.turn(now), "begin", attempt)
            elif kind == "begin":
                tokens, refilled = min(burst, tokens + (now - refilled) * self.per_second), now
                answer = "accepted" if tokens >= 1 else "refused"
                tokens -= answer == "accepted"
                then = (now + self.latency_s, answer, attempt)
            elif kind == "accepted":
                pace.speed_up()
                end, begun = now, begun + 1
                then = (now, "ready", 1) if begun <= self.pages else None
            else:
                doubling = 0.5 * 2 ** (attempt - 1)
                wait_s = max(doubling + dice.uniform(0, doubling), self.retry_after_s)
                pace.hold(now + wait_s, now=now, began=began)
                then = (now + wait_s, "ready", attempt + 1)
            if then:
                at, what, attempts = then
                heapq.heappush(events, (at, next(number), what, attempts, now))
        return most, self.pages / end / self.per_second


@pytest.mark.parametrize("workers", [4, 8])
@pytest.mark.parametrize("per_second", [0.5, 1, 2, 5])
@pytest.mark.parametrize("retry_after_s", [0, 1, 10])
def test_no_page_is_refused_too_often(workers: int, per_second: float, retry_after_s: float) -> None:
    """Where a service takes fewer requests than the threads send, each page comes within the budget of attempts."""
    outcomes = [BusyService(workers, per_second, retry_after_s, seed).run() for seed in range(10)]
    assert max(most for most, _ in outcomes) <= DEFAULT_MAX_ATTEMPTS
    assert min(share for _, share in outcomes) > 0.25
