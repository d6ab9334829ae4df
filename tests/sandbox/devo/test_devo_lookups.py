"""The Lookups API, used by a plain client as in the vendor's guide."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from devo_clients import APPEND, COLUMNS, CONFIG, CSV, DELETE, LookupsClient, wait_for

from sandbox.devo.lookups.jobs import JobPlan
from sandbox.devo.server import DevoServer
from sandbox.http_service.faults import Fault


def test_a_lookup_is_created(colors: DevoServer) -> None:
    """POST with columns, key and CSV creates a lookup."""
    lookup = colors.lookups["Colors"]
    assert (lookup.columns, lookup.types, lookup.key) == (["KEY", "COLOR"], ["INT8", "STRING"], "KEY")
    assert lookup.rows() == [["1", "Red"], ["2", "Blue"]]
    assert lookup.row("2") == {"KEY": "2", "COLOR": "Blue"}


def test_a_put_replaces_everything(colors: DevoServer, client: LookupsClient) -> None:
    """PUT without append removes all old content, columns included."""
    config = CONFIG | {"columns": [*COLUMNS, {"name": "HEX", "type": "STRING"}]}
    assert client.put("KEY,COLOR,HEX\n3,Green,00ff00\n", config)["status"] == "COMPLETED"
    assert colors.lookups["Colors"].columns == ["KEY", "COLOR", "HEX"]
    assert colors.lookups["Colors"].rows() == [["3", "Green", "00ff00"]]


def test_an_append_writes_over_equal_keys(colors: DevoServer, client: LookupsClient) -> None:
    """PUT with append adds rows and replaces rows with a known key; the last row in a file wins."""
    assert client.put("KEY,COLOR\n2,Navy\n3,Green\n3,Lime\n", APPEND)["status"] == "COMPLETED"
    assert colors.lookups["Colors"].rows() == [["1", "Red"], ["2", "Navy"], ["3", "Lime"]]


def test_rows_are_deleted_by_key(colors: DevoServer, client: LookupsClient) -> None:
    """A contribution of type del deletes the keys in the file, known or not; other cells are ignored."""
    assert client.put("KEY,COLOR\n2,any\n9,any\n", DELETE)["status"] == "COMPLETED"
    assert colors.lookups["Colors"].rows() == [["1", "Red"]]


def test_a_deletion_may_leave_columns_out(colors: DevoServer, client: LookupsClient) -> None:
    """The key is enough to delete a row."""
    assert client.put("KEY\n1\n", DELETE | {"columns": COLUMNS[:1]})["status"] == "COMPLETED"
    assert colors.lookups["Colors"].rows() == [["2", "Blue"]]


def test_a_lookup_is_dropped_by_a_job(colors: DevoServer, client: LookupsClient) -> None:
    """DELETE starts a job. When the job is done the lookup is gone and can be created again."""
    answer = client.drop("Colors")
    assert "Colors" in colors.lookups
    assert client.wait("Colors", answer)["status"] == "COMPLETED"
    assert "Colors" not in colors.lookups
    assert client.get("/Colors").status_code == 404
    assert client.wait("Colors", client.deploy("POST", "Colors", CSV))["status"] == "COMPLETED"


def test_hostile_values_arrive_unchanged(devo: DevoServer, client: LookupsClient) -> None:
    """Quotes, commas, line breaks, HTML, NUL, emoji and a megabyte survive CSV and inspection."""
    values = ['a"b', "a,b", "a\nb", "a\r\nb", "<b>&amp;</b>", "a\x00b", "😀", "x" * 1_000_000, ""]
    rows = "".join(f'{i},"{value.replace(chr(34), chr(34) * 2)}"\n' for i, value in enumerate(values))
    answer = client.deploy("POST", "Hostile", ("KEY,COLOR\n" + rows).encode())
    assert client.wait("Hostile", answer)["status"] == "COMPLETED"
    shown = requests.get(f"{devo.url}/__sandbox__/lookups/Hostile", timeout=120).json()
    assert [row[1] for row in shown["rows"]] == values


def test_bytes_that_are_no_utf8_survive_the_inspection(devo: DevoServer, client: LookupsClient) -> None:
    """The bytes of a lone surrogate are returned as the same bytes."""
    value = "a\ud800b".encode("utf-8", "surrogatepass")
    client.wait("Hostile", client.deploy("POST", "Hostile", b"KEY,COLOR\n1," + value + b"\n"))
    shown = requests.get(f"{devo.url}/__sandbox__/lookups/Hostile", timeout=120).json()
    assert shown["rows"][0][1].encode("utf-8", "surrogateescape") == value


def test_a_json_body_does_the_same(devo: DevoServer, client: LookupsClient) -> None:
    """The configuration may be sent as JSON with the CSV in it."""
    url = f"{client.base}/Colors/deploy-csv"
    answer = requests.post(url, headers=client.headers, json=CONFIG | {"csv": CSV}, timeout=120)
    assert client.wait("Colors", answer)["status"] == "COMPLETED"
    assert devo.lookups["Colors"].count == 2


def test_the_csv_may_come_before_its_configuration(devo: DevoServer, client: LookupsClient) -> None:
    """The order of the parts does not matter."""
    parts = {
        "csv": ("x.csv", CSV, "text/csv"),
        "deploy-config": (None, json.dumps(CONFIG), "application/json"),
    }
    url = f"{client.base}/Colors/deploy-csv"
    answer = requests.post(url, headers=client.headers, files=parts, timeout=120)
    assert client.wait("Colors", answer)["status"] == "COMPLETED"


def test_empty_lines_are_skipped_on_request_only(devo: DevoServer, client: LookupsClient) -> None:
    """Without skipEmptyLines an empty line is a row without cells and fails the job."""
    csv = "KEY,COLOR\n1,Red\n\n2,Blue\n"
    assert client.wait("Colors", client.deploy("POST", "Colors", csv))["status"] == "FAILED"
    answer = client.deploy("POST", "Colors", csv, CONFIG | {"skipEmptyLines": True})
    assert client.wait("Colors", answer)["status"] == "COMPLETED"


def test_the_first_column_can_be_the_key(devo: DevoServer, client: LookupsClient) -> None:
    """A key of type first-column needs no name, and a CSV needs no header."""
    config = {"columns": COLUMNS, "key": {"type": "first-column"}}
    client.wait("Colors", client.deploy("POST", "Colors", "1,Red\n", config))
    assert devo.lookups["Colors"].key == "KEY"
    assert devo.lookups["Colors"].rows() == [["1", "Red"]]


def test_integer_keys_are_compared_as_numbers(colors: DevoServer, client: LookupsClient) -> None:
    """``007`` and ``7`` are one key of an INT column."""
    client.put("KEY,COLOR\n7,Grey\n", APPEND)
    client.put("KEY,COLOR\n007,Pink\n", APPEND)
    assert [row[1] for row in colors.lookups["Colors"].rows()] == ["Red", "Blue", "Pink"]


def test_lookups_are_listed_in_pages(devo: DevoServer, client: LookupsClient) -> None:
    """Each page but the last one names the next; the oldest lookups come first."""
    for number in range(5):
        client.deploy("POST", f"Lookup{number}", CSV)
        devo.lookups.finish_jobs()
    seen, query = [], {"max_length": 2}
    while query:
        page = client.get(**query).json()
        seen.append([each["name"] for each in page["lookups"]])
        query = {"max_length": 2, "pageToken": page["pageToken"]} if "pageToken" in page else {}
    assert seen == [["Lookup0", "Lookup1"], ["Lookup2", "Lookup3"], ["Lookup4"]]


def test_a_replaced_lookup_keeps_its_age(devo: DevoServer, client: LookupsClient) -> None:
    """The list keeps the order of creation when the content of a lookup is replaced."""
    devo.lookups.plan_jobs(*[JobPlan(polls=0)] * 3)
    client.deploy("POST", "Older", CSV)
    created = devo.lookups["Older"].created_ms
    wait_for(lambda: time.time() * 1000 > created + 1)
    client.deploy("POST", "Newer", CSV)
    client.deploy("PUT", "Older", CSV)
    assert [each["name"] for each in client.get().json()["lookups"]] == ["Older", "Newer"]


@pytest.mark.parametrize(
    "query",
    [
        {"max_length": 0},
        {"max_length": 1001},
        {"max_length": "many"},
        {"pageToken": -1},
        {"owner": "ME"},
        {"limit": 5},
    ],
)
def test_a_list_has_known_parameters(client: LookupsClient, query: dict[str, Any]) -> None:
    """Lengths outside 1 to 1000 and unknown parameters are refused."""
    assert client.get(**query).status_code == 400


def test_other_domains_own_nothing(colors: DevoServer, client: LookupsClient) -> None:
    """The sandbox has one domain."""
    assert client.get(owner="OTHER_DOMAINS").json() == {"lookups": []}


def test_metadata_describe_a_lookup(colors: DevoServer, client: LookupsClient) -> None:
    """The metadata has columns, key and status of a lookup."""
    shown = client.get("/Colors").json()
    assert (shown["name"], shown["status"], shown["rows"]) == ("Colors", "Available", 2)
    assert shown["columns"] == COLUMNS
    assert shown["key"] == {"type": "column", "column": "KEY"}


def test_metadata_describe_the_running_job(devo: DevoServer, client: LookupsClient) -> None:
    """The status names the running operation."""
    devo.lookups.plan_jobs(JobPlan(polls=9), JobPlan(polls=0), JobPlan(polls=9))
    client.deploy("POST", "Colors", CSV)
    assert client.get("/Colors").json()["status"] == "Creating"
    devo.lookups.finish_jobs()
    client.deploy("PUT", "Colors", CSV)
    client.drop("Colors")
    assert client.get("/Colors").json()["status"] == "Deleting"


def test_an_upload_that_breaks_off_has_no_effect(colors: DevoServer, client: LookupsClient) -> None:
    """A reset within an upload makes no job and changes nothing."""
    colors.faults.add(Fault("reset", match="^PUT", after_received_bytes=100_000))
    with pytest.raises(requests.ConnectionError):
        client.deploy("PUT", "Colors", b"KEY,COLOR\n" + b"3,Green\n" * 1_000_000)
    assert len(colors.lookups["Colors"].jobs) == 1
    assert client.put("KEY,COLOR\n3,Green\n")["status"] == "COMPLETED"


def test_an_answer_that_is_lost_leaves_its_job(colors: DevoServer, client: LookupsClient) -> None:
    """A reset after the upload took effect is an error for the client, but the job runs."""
    colors.faults.add(Fault("reset", match="^PUT", when="after"))
    with pytest.raises(requests.ConnectionError):
        client.deploy("PUT", "Colors", "KEY,COLOR\n3,Green\n")
    colors.lookups.finish_jobs()
    assert colors.lookups["Colors"].rows() == [["3", "Green"]]


def test_statuses_and_their_headers_can_be_scripted(colors: DevoServer, client: LookupsClient) -> None:
    """A scripted 429 has its Retry-After, and the next request succeeds."""
    colors.faults.add(Fault("status", match="^GET .*/Colors$", status=429, headers={"Retry-After": "7"}))
    refused = client.get("/Colors")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert client.get("/Colors").status_code == 200


def test_a_stalled_upload_goes_on_when_released(colors: DevoServer, client: LookupsClient) -> None:
    """A stall delays an answer and changes nothing else."""
    colors.faults.add(Fault("stall", match="^PUT", stall_s=0.01))
    assert client.put("KEY,COLOR\n3,Green\n")["status"] == "COMPLETED"


def test_a_large_upload_is_read_as_a_stream(devo: DevoServer, client: LookupsClient) -> None:
    """Two hundred thousand rows sent in chunks of unknown length all arrive."""

    def body() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="deploy-config"\r\n'
        yield b"Content-Type: application/json\r\n\r\n"
        yield json.dumps(CONFIG).encode()
        yield b'\r\n--b\r\nContent-Disposition: form-data; name="csv"\r\nContent-Type: text/csv\r\n\r\n'
        yield b"KEY,COLOR\n"
        for start in range(0, 200_000, 1000):
            yield "".join(f"{number},Color {number}\n" for number in range(start, start + 1000)).encode()
        yield b"\r\n--b--\r\n"

    headers = client.headers | {"Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.post(f"{client.base}/Large/deploy-csv", data=body(), headers=headers, timeout=120)
    devo.lookups.finish_jobs()  # a poll waits only some seconds for the rows
    assert client.wait("Large", answer)["status"] == "COMPLETED"
    assert devo.lookups["Large"].count == 200_000
    assert devo.lookups["Large"].row("199999") == {"KEY": "199999", "COLOR": "Color 199999"}
