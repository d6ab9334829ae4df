"""What the Lookups API refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from devo_clients import APPEND, COLUMNS, CONFIG, CSV, DELETE, LookupsClient

from sandbox.devo.server import DevoServer


@pytest.mark.parametrize("token", ["", "wrong"])
def test_an_unknown_token_is_refused(devo: DevoServer, token: str) -> None:
    """Nothing is told to a client whose token is missing or unknown."""
    client = LookupsClient(devo, token)
    codes = {client.get(path).status_code for path in ("", "/Colors", "/Colors/job", "/Colors/job/1")}
    codes |= {client.deploy("POST", "Colors", CSV).status_code, client.drop("Colors").status_code}
    assert codes == {401}
    assert "Colors" not in devo.lookups


def test_another_scheme_is_refused(devo: DevoServer, client: LookupsClient) -> None:
    """The token counts as a Bearer token only."""
    client.headers = {"Authorization": "Basic secret"}
    assert client.get().status_code == 401


def test_a_reader_s_token_changes_nothing(colors: DevoServer) -> None:
    """A token without the right to write sees lookups and gets 403 elsewhere."""
    client = LookupsClient(colors, "reader")
    assert client.get("/Colors").status_code == 200
    assert client.deploy("PUT", "Colors", CSV).status_code == 403
    assert client.drop("Colors").status_code == 403


def test_another_domain_is_refused(devo: DevoServer) -> None:
    """A token opens its own domain only."""
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
    """What the configuration does not allow, or the header contradicts, is a 400 and makes no job."""
    assert client.deploy("POST", "Colors", CSV, CONFIG | change).status_code == 400
    assert devo.lookups.get("Colors") is None


@pytest.mark.parametrize("missing", ["columns", "key"])
def test_columns_and_key_are_needed(client: LookupsClient, missing: str) -> None:
    """Neither is guessed from the CSV."""
    config = {name: value for name, value in CONFIG.items() if name != missing}
    assert client.deploy("POST", "Colors", CSV, config).status_code == 400


def test_an_empty_csv_has_no_header(client: LookupsClient) -> None:
    """Where a header is announced there must be one."""
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
    """Each part has its name and its media type, and there are no others."""
    assert client.deploy("POST", "Colors", CSV, parts=parts).status_code == 400


def test_a_form_needs_both_parts(client: LookupsClient) -> None:
    """A CSV without a configuration deploys nothing."""
    files = {"csv": ("x.csv", CSV, "text/csv")}
    url = f"{client.base}/Colors/deploy-csv"
    assert requests.post(url, headers=client.headers, files=files, timeout=20).status_code == 400


def test_creating_twice_is_refused(colors: DevoServer, client: LookupsClient) -> None:
    """POST never writes over a lookup."""
    assert client.deploy("POST", "Colors", CSV).status_code == 409


@pytest.mark.parametrize("config", [CONFIG, APPEND, DELETE])
def test_changing_nothing_is_refused(client: LookupsClient, config: dict[str, Any]) -> None:
    """PUT needs a lookup, and so does DELETE."""
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
    """Rows cannot be added under other columns, another order or another key."""
    assert client.deploy("PUT", "Colors", csv, APPEND | change).status_code == 400


def test_what_was_never_there_is_not_found(client: LookupsClient) -> None:
    """An unknown lookup has no metadata and no jobs, and a known one no unknown job."""
    assert [client.get(path).status_code for path in ("/Colors", "/Colors/job")] == [404, 404]


def test_an_unknown_job_is_not_found(colors: DevoServer, client: LookupsClient) -> None:
    """A job is known by its id only."""
    assert client.get("/Colors/job/none").status_code == 404
