"""Addresses of pages of Devo's web application."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from airflow_provider_flashpoint.core.devo.queries import table_query
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.devo.web import query_page
from airflow_provider_flashpoint.errors import ConfigurationError

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 5, tzinfo=UTC)


def test_the_page_runs_the_query_over_the_window() -> None:
    """The address holds the query and its dates in milliseconds, as base64 of JSON behind the fragment."""
    address = query_page("https://eu.devo.com/welcome/", "from a.b", START, END)
    page, _, target = address.partition("&targetQuery=")
    assert page == "https://eu.devo.com/welcome/#/vapps/app.custom.queryApp_dev?"
    assert json.loads(base64.b64decode(target)) == {
        "query": "from a.b",
        "mode": "queryApp",
        "dates": {"from": 1767225600000, "to": 1767225900000},
    }


@pytest.mark.parametrize(
    ("tag", "query"),
    [("my.app.a", "from my.app.a"), ("(usd)my.app.a", "from my.app.a"), ("my.app.a-b", "from `my.app.a-b`")],
)
def test_the_query_of_a_table_names_it(tag: str, query: str) -> None:
    """The prefix of the date is no part of the name, and a name with a hyphen is quoted."""
    assert table_query(tag) == query


def test_a_tag_that_could_change_the_query_is_refused() -> None:
    """A name with other characters makes no query."""
    with pytest.raises(ConfigurationError):
        table_query("a.b where true")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("collector-us.devo.io", "https://us.devo.com/welcome"),
        ("collector-eu.devo.io", "https://eu.devo.com/welcome"),
        ("collector-us3.devo.io", ""),
        ("relay.example", ""),
    ],
)
def test_the_web_application_follows_from_the_host_where_it_is_known(host: str, address: str) -> None:
    """Only the two clouds whose web application is known have a default."""
    assert DevoSettings(conn_id="a", host=host).web_base_url == address
