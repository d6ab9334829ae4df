"""Requests that the Lookups API refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from devo_clients import APPEND, COLUMNS, CONFIG, CSV, DELETE, LookupsClient

from sandbox.devo.server import DevoServer


@pytest.mark.parametrize("token", ["", "wrong"])
def test_an_unknown_token_is_refused(devo: DevoServer, token: str) -> None:
    """A client without a known token gets no information."""
    client = LookupsClient(devo, token)
    codes = {client.get(path).status_code for path in ("", "/Colors", "/Colors/job", "/Colors/job/1")}
    codes |= {client.deploy("POST", "Colors", CSV).status_code, client.drop("Colors").status_code}
    assert codes == {401}
    assert "Colors" not in devo.lookups


def test_another_scheme_is_refused(devo: DevoServer, client: LookupsClient) -> None:
    """The token is accepted only as a Bearer token."""
    client.headers = {"Authorization": "Basic secret"}
    assert client.get().status_code == 401


def test_a_reader_s_token_changes_nothing(colors: DevoServer) -> None:
    """A token without the right to write can read lookups and gets 403 elsewhere."""
    client = LookupsClient(colors, "reader")
    assert client.get("/Colors").status_code == 200
    assert client.deploy("PUT", "Colors", CSV).status_code == 403
    assert client.drop("Colors").status_code == 403


def test_another_domain_is_refused(devo: DevoServer) -> None:
    """A token is valid only for its own domain."""
    assert LookupsClient(devo, domain="other").get().status_code == 403


@pytest.mark.parametrize("name", ["a-b", "a.b", "a%20b", "é", "a%0A", "a|b"])
def test_a_name_has_letters_digits_and_underscores(client: LookupsClient, name: str) -> None:
    """Any other name is refused, for reading too."""
    assert client.deploy("POST", name, CSV).status_code == 400
    assert client.get(f"/{name}").status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"columns": []},
        {"columns": None},
        {"columns": [{"name": "KEY"}, COLUMNS[1]]},
        {"columns": [COLUMNS[0], COLUMNS[0]]},
        {"columns": [COLUMNS[0], {"name": "COLOR", "type": "TEXT"}]},
        {"columns": [COLUMNS[1], COLUMNS[0]]},
        {"columns": [COLUMNS[0], {"name": "Color", "type": "STRING"}]},
        {"key": {"type": "column", "column": "HEX"}},
        {"key": {"type": "column"}},
        {"key": "KEY"},
        {"key": {"type": "last-column"}},
        {"hasHeader": "yes"},
        {"append": 1},
        {"contribution": {"type": "del"}},
        {"append": True, "contribution": {"type": "merge"}},
    ],
)
def test_a_wrong_configuration_is_refused(devo: DevoServer, client: LookupsClient, change: dict[str, Any]) -> None:
    """An invalid configuration, or one that contradicts the header, is a 400 and makes no job."""
    assert client.deploy("POST", "Colors", CSV, CONFIG | change).status_code == 400
    assert devo.lookups.get("Colors") is None


@pytest.mark.parametrize("missing", ["columns", "key"])
def test_columns_and_key_are_needed(client: LookupsClient, missing: str) -> None:
    """Columns and key are not derived from the CSV."""
    config = {name: value for name, value in CONFIG.items() if name != missing}
    assert client.deploy("POST", "Colors", CSV, config).status_code == 400


def test_an_empty_csv_has_no_header(client: LookupsClient) -> None:
    """An announced header must be present."""
    assert client.deploy("POST", "Colors", b"").status_code == 400


@pytest.mark.parametrize(
    "parts",
    [
        {"csv": ("x.csv", CSV, "text/plain")},
        {"deploy-config": (None, json.dumps(CONFIG), "text/plain")},
        {"deploy-config": (None, "{", "application/json")},
        {"more": (None, "x", "text/plain")},
    ],
)
def test_a_wrong_form_is_refused(client: LookupsClient, parts: dict[str, Any]) -> None:
    """Each part needs its name and media type, and other parts are refused."""
    assert client.deploy("POST", "Colors", CSV, parts=parts).status_code == 400


def test_a_form_needs_both_parts(client: LookupsClient) -> None:
    """A CSV without a configuration deploys nothing."""
    files = {"csv": ("x.csv", CSV, "text/csv")}
    url = f"{client.base}/Colors/deploy-csv"
    assert requests.post(url, headers=client.headers, files=files, timeout=120).status_code == 400


def test_creating_twice_is_refused(colors: DevoServer, client: LookupsClient) -> None:
    """POST never overwrites a lookup."""
    assert client.deploy("POST", "Colors", CSV).status_code == 409


@pytest.mark.parametrize("config", [CONFIG, APPEND, DELETE])
def test_changing_nothing_is_refused(client: LookupsClient, config: dict[str, Any]) -> None:
    """PUT and DELETE need an existing lookup."""
    assert client.deploy("PUT", "Colors", CSV, config).status_code == 404
    assert client.drop("Colors").status_code == 404


@pytest.mark.parametrize(
    ("csv", "change"),
    [
        ("KEY\n1\n", {"columns": COLUMNS[:1]}),
        ("KEY,COLOR,HEX\n", {"columns": [*COLUMNS, {"name": "HEX", "type": "STRING"}]}),
        ("COLOR,KEY\n", {"columns": COLUMNS[::-1]}),
        (CSV, {"key": {"type": "column", "column": "COLOR"}}),
    ],
)
def test_an_append_has_the_columns_of_its_lookup(
    colors: DevoServer, client: LookupsClient, csv: str, change: dict[str, Any]
) -> None:
    """Rows cannot be added with other columns, another order or another key."""
    assert client.deploy("PUT", "Colors", csv, APPEND | change).status_code == 400


def test_unknown_lookups_are_not_found(client: LookupsClient) -> None:
    """An unknown lookup has no metadata and no jobs; a known lookup has no unknown job."""
    assert [client.get(path).status_code for path in ("/Colors", "/Colors/job")] == [404, 404]


def test_an_unknown_job_is_not_found(colors: DevoServer, client: LookupsClient) -> None:
    """A job is found only by its id."""
    assert client.get("/Colors/job/none").status_code == 404
