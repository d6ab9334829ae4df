"""Credentials, vulnerabilities and reports of the sandbox, read by a plain client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox.dataset.events.credentials import MARKER, credentials
from sandbox.dataset.events.reports import reports
from sandbox.dataset.events.vulnerabilities import vulnerabilities
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from tests.sandbox.flashpoint.ignite_requests import FROM, TIMEOUT_S, TO, asker

SEARCH, SCROLL = "/sources/v1/noncommunities/search", "/sources/v1/noncommunities/scroll"
VULNERABILITIES = "/vulnerability-intelligence/v1/vulnerabilities"
REPORTS = "/finished-intelligence/v1/reports"
BASE = "+basetypes:(credential-sighting)"
BOUNDS = f"[{int(FROM.timestamp())} TO {int(TO.timestamp())}]"
HITS = list(credentials(5, 60, FROM, TO))
FLAWS = list(vulnerabilities(5, 60, FROM, TO))
REPORTED = list(reports(5, 60, FROM, TO))


@pytest.fixture(scope="module")
def server() -> Iterator[FlashpointServer]:
    with FlashpointServer() as server:
        server.store.publish_credentials(HITS)
        server.store.publish_vulnerabilities(FLAWS)
        server.store.publish_reports(REPORTED)
        yield server


def test_the_search_returns_what_was_published(server: FlashpointServer) -> None:
    """A page that holds all returns the hits as they were published, the oldest first, and their number."""
    query = {"query": f"{BASE} +header_.indexed_at:{BOUNDS}", "sort": "header_.indexed_at:asc", "limit": "1000"}
    answer = asker(server, SEARCH)(query).json()
    assert answer["hits"]["hits"] == HITS
    assert answer["hits"]["total"] == len(HITS)
    assert json.dumps(answer).count(MARKER) > len(HITS)


@pytest.mark.parametrize(
    ("clause", "wanted"),
    [
        ("+is_fresh:true", lambda source: source["is_fresh"]),
        ('+domain.keyword:("corp1.example" OR "corp2.example")', lambda source: source["domain"][4] in "12"),
        ('+affected_domain.keyword:("login3.example")', lambda s: s.get("affected_domain") == "login3.example"),
    ],
)
def test_clauses_of_the_search(server: FlashpointServer, clause: str, wanted: Any) -> None:
    """The search knows the clauses of a fresh sighting and of domains."""
    answer = asker(server, SEARCH)({"query": f"{BASE} {clause}", "limit": "1000"}).json()
    assert answer["hits"]["hits"] == [hit for hit in HITS if wanted(hit["_source"])] != []


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (SEARCH, {"query": "+basetypes:(chat)"}, 422),
        (SEARCH, {"query": f"{BASE} +domain:acme"}, 422),
        (SEARCH, {"query": BASE, "size": "5"}, 422),
        (SEARCH, {"query": BASE, "limit": "1001"}, 422),
        (SEARCH, {"query": BASE, "limit": "1000", "skip": "9001"}, 400),
        (VULNERABILITIES, {"sort": "last_modified_at"}, 422),
        (VULNERABILITIES, {"updated_after": "2024-01-01T00:00:00+00:00"}, 400),
        (VULNERABILITIES, {"updated_after": "-30d"}, 400),
        (REPORTS, {"until": "2024-01-01T00:00:00Z"}, 422),
        (REPORTS, {"limit": "501"}, 422),
        (f"{VULNERABILITIES}/", {}, 307),
    ],
)
def test_refusals(server: FlashpointServer, path: str, query: dict[str, str], status: int) -> None:
    """A parameter, a clause, a format or a path that clients do not send is refused."""
    headers = {"Authorization": f"Bearer {server.settings.token}"}
    url = f"{server.url}{path}"
    answer = requests.get(url, params=query, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
    assert answer.status_code == status


def test_a_scroll(server: FlashpointServer) -> None:
    """A scroll returns all hits, with a new id for each page, and its total is an object."""
    headers = {"Authorization": f"Bearer {server.settings.token}"}
    answer = asker(server, SEARCH)({"query": BASE, "scroll": "2m", "limit": "25"}).json()
    assert answer["hits"]["total"] == {"value": 60, "relation": "eq"}
    found = []
    while hits := answer["hits"]["hits"]:
        found += hits
        body = {"scroll_id": answer["_scroll_id"]}
        url = f"{server.url}{SCROLL}?scroll=2m"
        answer = requests.post(url, json=body, headers=headers, timeout=TIMEOUT_S).json()
    assert found == HITS


def test_vulnerabilities_by_post() -> None:
    """A server of POST reads the page from the query and the window from the body."""
    with FlashpointServer(FlashpointSettings(vulnerability_request="post")) as server:
        server.store.publish_vulnerabilities(FLAWS)
        headers = {"Authorization": f"Bearer {server.settings.token}"}
        window = {"updated_after": "2024-01-01T00:00:00Z", "updated_before": "2024-01-01T03:00:00Z", "severity": "High"}
        url = f"{server.url}{VULNERABILITIES}?size=100&from=0&sort=id"
        found = requests.post(url, json=window, headers=headers, timeout=TIMEOUT_S).json()["results"]
        assert asker(server, VULNERABILITIES)().status_code == 405
    half = [flaw for flaw in FLAWS if flaw["timelines"]["last_modified_at"] <= "2024-01-01T03:00:00Z"]
    wanted = [flaw for flaw in half if flaw["scores"]["severity"] == "High"]
    assert found == sorted(wanted, key=lambda flaw: flaw["id"]) != []


def test_reports_have_no_upper_bound(server: FlashpointServer) -> None:
    """Reports come from a start on, in the order of their times."""
    found = asker(server, REPORTS)({"since": "2024-01-01T03:00:00Z", "sort": "updated_at:asc", "limit": "500"}).json()
    assert found["data"] == [report for report in REPORTED if report["updated_at"] >= "2024-01-01T03:00:00"]
    assert found["total"] == len(found["data"]) > 0
