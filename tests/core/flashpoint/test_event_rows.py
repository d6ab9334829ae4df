"""The rows of credentials, vulnerabilities and reports: how their requests differ from those of the others."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.flashpoint.paging import offsets
from airflow_provider_flashpoint.errors import ConfigurationError, DataError, RejectedError, ServerError
from sandbox.dataset.events.credentials import MARKER, credentials
from sandbox.dataset.events.vulnerabilities import vulnerabilities
from sandbox.flashpoint.query import check_result_window
from tests.core.flashpoint.reading import COUNT, FROM, TO, WINDOW, ServerOf, client_of, read
from tests.core.flashpoint.sandbox_in_process import InProcess
from tests.core.flashpoint.test_contract_properties import ROWS

CREDENTIALS, VULNERABILITIES, REPORTS = ROWS[-3:]
V2 = {"api": Api.IGNITE_V2}


@pytest.mark.parametrize("data_set", [DataSet.CREDENTIALS, DataSet.VULNERABILITIES, DataSet.REPORTS])
def test_legacy_does_not_have_them(data_set: DataSet) -> None:
    """On legacy they are an error that names the generations that have them."""
    with pytest.raises(ConfigurationError, match="it can be with: ignite_v1, ignite_v2"):
        endpoint_of(Api.LEGACY, data_set)


def test_a_search_has_its_kind_and_both_ends_of_the_window() -> None:
    """Each request for credentials has the kind and the window in whole seconds, and the check has the kind."""
    sandbox = InProcess()
    CREDENTIALS.publish_to(sandbox, [1_000_000, 2_000_000])
    client = sandbox.client(Api.IGNITE_V2)
    client.check(DataSet.CREDENTIALS)
    read(client, WINDOW, DataSet.CREDENTIALS)
    kind, window = "+basetypes:(credential-sighting)", "+header_.indexed_at:[1704067199 TO 1704070800]"
    assert [query["query"] for query in sandbox.queries] == [kind, *[f"{kind} {window}"] * (len(sandbox.queries) - 1)]


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"is_fresh": "true"}, lambda source: source["is_fresh"]),
        ({"domain": ["corp1.example", "corp3.example"]}, lambda source: source["domain"][4] in "13"),
        (
            {"is_fresh": "false", "affected_domain": "login3.example"},
            lambda source: not source["is_fresh"] and source.get("affected_domain") == "login3.example",
        ),
    ],
)
def test_filters_of_credentials(server_of: ServerOf, filters: dict[str, Any], wanted: Any) -> None:
    """Filters of credentials choose what is read."""
    server = server_of()
    hits = list(credentials(1, COUNT, FROM, TO))
    server.store.publish_credentials(hits)
    found = read(client_of(server, **V2), WINDOW, DataSet.CREDENTIALS, filters=filters)
    assert {hit["_id"] for hit in found} == {hit["_id"] for hit in hits if wanted(hit["_source"])} != set()


@pytest.mark.parametrize(
    ("filters", "said"), [({"is_fresh": "yes"}, "one of true, false"), ({"email": "a"}, "affected_domain, domain")]
)
def test_wrong_filters_of_credentials(server_of: ServerOf, filters: dict[str, str], said: str) -> None:
    """A filter of credentials that does not exist, or a wrong value, is an error before anything is requested."""
    with pytest.raises(ConfigurationError, match=said):
        client_of(server_of(), **V2).source(DataSet.CREDENTIALS, filters=filters)


def test_a_value_of_a_filter_cannot_end_its_clause() -> None:
    """Quotes and backslashes of a value stay within the value."""
    endpoint = endpoint_of(Api.IGNITE_V2, DataSet.CREDENTIALS)
    selection = endpoint.selection(None, {"domain": ['a") OR (b', "c\\"]})
    assert selection == {"domain.keyword": r'("a\") OR (b" OR "c\\")'}


def test_records_have_no_secrets_unless_they_are_wanted(server_of: ServerOf) -> None:
    """A source of credentials removes their secrets, except where it is told to include them."""
    server = server_of()
    hits = list(credentials(1, COUNT, FROM, TO))
    server.store.publish_credentials(hits)
    client = client_of(server, page_size=7, **V2)
    found = read(client, WINDOW, DataSet.CREDENTIALS)
    assert {hit["_id"] for hit in found} == {hit["_id"] for hit in hits}
    assert MARKER not in json.dumps(found)
    assert json.dumps(read(client, WINDOW, DataSet.CREDENTIALS, include_secrets=True)).count(MARKER) > COUNT


def test_more_credentials_in_a_second_than_can_be_skipped(server_of: ServerOf) -> None:
    """A second with more credentials than can be paged through is read by a scroll."""
    server = server_of()
    server.store.publish_credentials(CREDENTIALS.document(number, 1_704_067_205_000_000) for number in range(10_400))
    assert len({each["_id"] for each in read(client_of(server, **V2), WINDOW, DataSet.CREDENTIALS)}) == 10_400


@pytest.mark.parametrize("total", [{"value": 2, "relation": "gte"}, {"value": 3, "relation": "eq"}, 3, "3", None])
def test_the_total_of_a_search(total: Any) -> None:
    """A total is a number or an object; a lower bound does not end a walk."""
    sandbox = InProcess()
    sandbox.after = lambda body: {**body, "hits": {**body["hits"], "total": total}}
    published = CREDENTIALS.publish_to(sandbox, [1_000_000, 2_000_000, 3_000_000])
    assert set(CREDENTIALS.ids(sandbox, page_size=2)) == set(published)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"timed_out": True}, "out of time"),
        ({"_shards": {"total": 5, "successful": 4, "failed": 1}}, "shards of the search failed"),
    ],
)
def test_a_search_with_a_part_of_its_hits(part: dict[str, Any], said: str) -> None:
    """A part of the hits is not taken for all of them: its total counts only those that were found."""
    sandbox = InProcess()
    sandbox.after = lambda body: {**body, **part}
    with pytest.raises(ServerError, match=said):
        CREDENTIALS.ids(sandbox)


def test_a_search_with_all_of_its_hits() -> None:
    """A search that says that nothing is missing is read."""
    sandbox = InProcess()
    whole = {"timed_out": False, "_shards": {"total": 5, "successful": 5, "skipped": 0, "failed": 0}}
    sandbox.after = lambda body: {**body, **whole}
    published = CREDENTIALS.publish_to(sandbox, [1_000_000, 2_000_000])
    assert CREDENTIALS.ids(sandbox) == published


@pytest.mark.parametrize("style", ["get", "get_slash", "post"])
def test_each_way_to_request_vulnerabilities(server_of: ServerOf, style: str) -> None:
    """Vulnerabilities are read, filtered and checked by the request that the setting chooses."""
    server = server_of(vulnerability_request=style)
    flaws = list(vulnerabilities(1, COUNT, FROM, TO))
    server.store.publish_vulnerabilities(flaws)
    client = client_of(server, page_size=7, calls={DataSet.VULNERABILITIES: style}, **V2)
    client.check(DataSet.VULNERABILITIES)
    found = read(client, WINDOW, DataSet.VULNERABILITIES, filters={"severity": ["High", "Low"]})
    assert {flaw["id"] for flaw in found} == {
        flaw["id"] for flaw in flaws if flaw["scores"]["severity"] in ("High", "Low")
    }


@pytest.mark.parametrize(("served", "style"), [("get", "get_slash"), ("get_slash", "get"), ("post", "get")])
def test_another_way_to_request_vulnerabilities(server_of: ServerOf, served: str, style: str) -> None:
    """A request that the server does not know is an error that names the setting; no redirect is followed."""
    server = server_of(vulnerability_request=served)
    client = client_of(server, calls={DataSet.VULNERABILITIES: style}, **V2)
    with pytest.raises(RejectedError, match="vulnerability_request"):
        client.check(DataSet.VULNERABILITIES)
    assert server.log.to_json()["count"] == 1


@pytest.mark.parametrize("count", [30, 60])
def test_more_vulnerabilities_than_can_be_skipped(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A window with more vulnerabilities than can be paged through is read in parts; one such second is an error."""
    row = endpoint_of(Api.IGNITE_V2, DataSet.VULNERABILITIES)
    monkeypatch.setattr(type(row.paginator), "ceiling", 20, raising=False)
    sandbox = InProcess()
    published = VULNERABILITIES.publish_to(sandbox, [number * 150_000 for number in range(count)])
    assert set(VULNERABILITIES.ids(sandbox, page_size=5)) == set(published)


@pytest.mark.parametrize(("sends_total", "requests"), [(True, 5), (False, 25)])
def test_a_second_with_more_vulnerabilities_than_can_be_skipped(
    monkeypatch: pytest.MonkeyPatch, sends_total: bool, requests: int
) -> None:
    """A bulk update within one second is an error at once that names the filters: another attempt would not help."""
    row = endpoint_of(Api.IGNITE_V2, DataSet.VULNERABILITIES)
    monkeypatch.setattr(type(row.paginator), "ceiling", 20, raising=False)
    sandbox = InProcess(sends_total=sends_total)
    VULNERABILITIES.publish_to(sandbox, [1_000_000] * 30)
    with pytest.raises(DataError, match=r"00:00:01.* more .*than .*`filters`.*accept_change"):
        VULNERABILITIES.ids(sandbox, page_size=5)
    assert len(sandbox.queries) <= requests


def test_a_second_of_vulnerabilities_that_never_comes_to_rest() -> None:
    """A second that changes at every request is an error after some attempts."""
    sandbox = InProcess()
    VULNERABILITIES.publish_to(sandbox, [1_000_000] * 9)
    numbers = iter(range(1000, 2000))

    def add(query: dict[str, str]) -> dict[str, str]:
        sandbox.server.store.publish_vulnerabilities([VULNERABILITIES.document(-next(numbers), 1_704_067_201_000_000)])
        return query

    sandbox.before = add
    with pytest.raises(ServerError, match="cannot be read in parts"):
        VULNERABILITIES.ids(sandbox, page_size=3)
    assert len(sandbox.queries) < 100 * offsets._MAX_READS


def test_reports_end_with_the_window() -> None:
    """Reports are requested from the start of the window on, and no page that begins after its end."""
    sandbox = InProcess()
    REPORTS.publish_to(sandbox, [second * 1_000_000 for second in range(200)])
    found = REPORTS.ids(sandbox, page_size=5)
    assert {f"r{number}" for number in range(12)} <= set(found)
    assert len(found) < 20
    assert {*sandbox.queries[0]} == {"since", "limit", "skip", "sort"}


def test_more_reports_of_one_time_than_can_be_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second with more reports than can be skipped is an error, since it cannot be read from its end."""
    window_of_ten = partial(check_result_window, window=10)
    monkeypatch.setattr("sandbox.flashpoint.data_sets.reports.check_result_window", window_of_ten)
    sandbox = InProcess()
    REPORTS.publish_to(sandbox, [1_000_000] * 20)
    with pytest.raises(RejectedError, match="Result window"):
        REPORTS.ids(sandbox, page_size=4)


@pytest.mark.parametrize("data_set", [DataSet.CREDENTIALS, DataSet.VULNERABILITIES, DataSet.REPORTS])
def test_each_version_is_an_event(data_set: DataSet) -> None:
    """A newer version of a record is another event; the same version is the same one, in any form of its time."""
    row = next(row for row in ROWS if row.data_set is data_set)
    endpoint = endpoint_of(Api.IGNITE_V2, data_set)
    old, new = row.document(1, 1_704_067_200_000_000), row.document(1, 1_704_067_201_000_000)
    assert endpoint.event_id(old) != endpoint.event_id(new)
    assert endpoint.event_id(old) == endpoint.event_id(row.document(1, 1_704_067_200_000_000))
    assert endpoint.time_of(old) == 1_704_067_200_000_000


def test_an_alert_is_one_event() -> None:
    """The id of an alert alone identifies it, as in the ledgers of earlier versions."""
    for api in Api:
        endpoint = endpoint_of(api, DataSet.ALERTS)
        assert endpoint.event_id({endpoint.id_field: "a", "created_at": "2024-01-01", "ts": 5}) == "a"
