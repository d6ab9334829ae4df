"""Lookups over the tables `my.lookup`: devo-sdk's bytes where they are right, whole uploads after every break."""

from __future__ import annotations

import csv
import io
import json
import re
import socket
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from devo.sender import Lookup, Sender, SenderConfigTCP
from devo_peers import FakeClock, sandbox_connector
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.devo.connection.syslog_channel import SyslogChannel
from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
from airflow_provider_flashpoint.core.devo.lookups.syslog import SyslogLookups, control_header, row_lines
from airflow_provider_flashpoint.errors import ConfigurationError, DeliveryError
from sandbox.devo.server import DevoServer
from sandbox.devo.syslog_faults import SyslogFault
from tests.csv_file import write_csv

NAME = "Threat_Intel"
STARTED_S = 1700000000.125
COLUMNS = ("COLOR", "HEX")
HOST = socket.gethostname()

both_transports = pytest.mark.parametrize("transport", ["tls", "tcp"])


class Stream:
    """Keeps the bytes, and counts the confirmations."""

    def __init__(self) -> None:
        self.sent = b""
        self.confirms = 0

    def send(self, data: bytes) -> None:
        self.sent += data

    def confirm(self) -> None:
        self.confirms += 1

    def abandon(self) -> None:
        return

    def check(self) -> None:
        return


class SdkConnection:
    """Replaces devo-sdk's connection and keeps the bytes."""

    def __init__(self) -> None:
        self.tag = ""
        self.sent = b""

    def send(self, tag: str, msg: str) -> None:
        self.sent += (Sender.compose_mem(tag) + msg + "\n").encode()


def csv_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> io.BytesIO:
    file = io.BytesIO()
    write_csv(rows, columns, "KEY", file)
    return file


def sent_by_us(rows: Sequence[Mapping[str, Any]], operation: Operation, **options: Any) -> bytes:
    stream = Stream()
    lookups = SyslogLookups(stream, clock=lambda: STARTED_S, sleep=lambda _: None)
    lookups.deploy(NAME, columns=COLUMNS, key="KEY", csv_file=csv_of(rows), operation=operation, **options)
    assert stream.confirms == 1
    return stream.sent


def sent_by_sdk(rows: Sequence[Mapping[str, Any]], **options: Any) -> bytes:
    """Return the bytes that devo-sdk sends for the same CSV, with all of its escaping."""
    connection = SdkConnection()
    lookup = Lookup(NAME, con=connection, delay=0, escape_quotes=True, escape_newline=True)
    lookup.lookup_id = str(STARTED_S)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        file.write(csv_of(rows).getvalue())
        file.flush()
        lookup.send_csv(file.name, key="KEY", **options)
    return connection.sent


ROWS = [
    {"KEY": "1", "COLOR": "Red", "HEX": "d62d20"},
    {"KEY": "two", "COLOR": 'Gr,een "x"', "HEX": "007"},
    {"KEY": "-3.5", "COLOR": "multi\nline", "HEX": ""},
    {"KEY": "1.2.3.4", "COLOR": "|ñ€😀\\n<b>", "HEX": "1e5", "MORE": {"a": 1}},
]


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        (Operation.CREATE, "FULL"),
        (Operation.REPLACE, "FULL"),
        (Operation.APPEND, "INC"),
    ],
)
def test_upload_is_devo_sdk_s_byte_for_byte(operation: Operation, action: str) -> None:
    """START, rows and END of values that devo-sdk keeps intact have the bytes of its `send_csv`."""
    assert sent_by_us(ROWS, operation) == sent_by_sdk(ROWS, action=action)


def test_deletion_is_devo_sdk_s_byte_for_byte() -> None:
    """Rows to delete are sent with devo-sdk's tag for them, within an INC."""
    connection = SdkConnection()
    lookup = Lookup(NAME, con=connection, delay=0)
    lookup.lookup_id = str(STARTED_S)
    header = Lookup.list_to_headers(["KEY", "COLOR", "HEX", "_extra"], key="KEY")
    with pytest.warns(DeprecationWarning, match="discontinued on 1st January 2026"):
        lookup.send_control("START", header, "INC")
    lookup.send_data_line(["1", "Red", "d62d20", ""], delete=True, key_index=0)
    lookup.send_control("END", header, "INC")
    assert sent_by_us(ROWS[:1], Operation.DELETE) == connection.sent


def is_right_in_devo_sdk(text: str) -> bool:
    return text == text.strip() and not re.search(r"[\r\0]|(?![0-9])\d", text)


@given(st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from('",\n|\\ 0123456789.-')), min_size=1))
def test_cells_are_devo_sdk_s_where_it_keeps_them_whole(cells: list[str]) -> None:
    """Any row of texts that devo-sdk keeps intact is encoded as devo-sdk does."""
    cells = [text for text in cells if is_right_in_devo_sdk(text)] or ["x"]
    columns = [f"c{number}" for number in range(len(cells))]
    file = io.BytesIO()
    write_csv([dict(zip(columns, cells, strict=True))], columns, "c0", file)
    expected = Lookup.process_fields([*cells, ""], key_index=0, escape_quotes=True, escape_newline=True)
    assert b"".join(lines for _, lines in row_lines(file, b"id|")) == f"id|{expected}\n".encode()


@given(st.lists(st.lists(st.text(), min_size=2, max_size=4), min_size=1, max_size=4))
def test_any_text_is_one_line_and_reads_back(rows: list[list[str]]) -> None:
    """Any row of texts is one line, which CSV reads back, except for characters that a line cannot hold."""
    columns = [f"c{number}" for number in range(4)]
    file = io.BytesIO()
    write_csv([dict(zip(columns, cells, strict=False)) for cells in rows], columns, "c0", file)
    lines = b"".join(lines for _, lines in row_lines(file, b"id|")).decode().split("\n")
    assert lines.pop() == ""
    visible = str.maketrans({"\n": "\\n", "\r": "\\r", "\0": "\\0"})
    for line, cells in zip(lines, rows, strict=True):
        assert line.startswith("id|")
        [found] = csv.reader([line[3:]], strict=True)
        assert found[: len(cells)] == [cell.translate(visible) for cell in cells]


@pytest.mark.parametrize(
    ("text", "sdk", "ours"),
    [
        # It strips texts, so that two keys can become one.
        (" edge ", '"edge"', '" edge "'),
        (" 7", "7", '" 7"'),
        # A carriage return stays in the event, for every reader of lines on the way to see.
        ("a\rb", '"a\rb"', '"a\\rb"'),
        # So does NUL, which ends a text in many a program.
        ("a\0b", '"a\0b"', '"a\\0b"'),
        # It leaves digits of other scripts unquoted, which no reader of numbers knows.
        ("٣", "٣", '"٣"'),
    ],
)
def test_cells_in_which_we_differ(text: str, sdk: str, ours: str) -> None:
    """Where devo-sdk, with all of its escaping, changes or endangers a value, only this differs."""
    assert Lookup.clean_field(text, escape_quotes=True, escape_newline=True) == sdk
    lines = b"".join(lines for _, lines in row_lines(csv_of([{"KEY": text}], []), b"|"))
    assert lines == f'|{ours},""\n'.encode()


@pytest.mark.parametrize(
    ("text", "sdk", "ours"),
    [
        ('a"b', '"a"b"', '"a""b"'),
        ("a\nb", '"a\nb"', '"a\\nb"'),
    ],
)
def test_escaping_is_not_a_choice(text: str, sdk: str, ours: str) -> None:
    """Devo-sdk escapes quotes and newlines only on request, and otherwise breaks the row; this provider always does."""
    assert Lookup.clean_field(text) == sdk
    assert b"".join(lines for _, lines in row_lines(csv_of([{"KEY": text}], []), b"")) == f'{ours},""\n'.encode()


def test_key_column_is_found_by_its_name() -> None:
    """Devo-sdk deletes by the next column where a column stands left of the key; this provider does not."""
    headers = ["ACTION", "KEY", "COLOR"]
    key_index = headers.index("KEY")
    del headers[0]
    assert Lookup.list_to_headers(headers, key_index=key_index).startswith('[{"COLOR":{"type":"str","key":true}}')
    assert control_header(("KEY", "COLOR"), {}) == '[{"KEY":{"type":"str","key":true}},{"COLOR":{"type":"str"}}]'


def test_types_reach_every_column() -> None:
    """Devo-sdk gives a detected type to the key only, and none to a key given by name; ours are by column."""
    sdk = Lookup.list_to_headers(["KEY", "N"], key="KEY", types=["int4", "float"])
    assert '{"KEY":{"type":"str"' in sdk
    ours = control_header(("KEY", "N"), {"KEY": "int4", "N": "float"})
    assert ours == '[{"KEY":{"type":"int4","key":true}},{"N":{"type":"float"}}]'
    with pytest.raises(ConfigurationError, match="column 'N' has the type 'text'; use str, int4"):
        control_header(("KEY", "N"), {"N": "text"})


def test_names_of_columns_are_json() -> None:
    """Devo-sdk does not escape column names, so its header may be invalid JSON; this provider's is always valid."""
    name = 'say "hi" \\ ñ'
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(Lookup.list_to_headers(["KEY", name], key="KEY"))
    assert [list(field) for field in json.loads(control_header(("KEY", name), {}))] == [["KEY"], [name]]
    assert "ñ" in control_header((name,), {})


def test_only_operations_can_be_asked_for() -> None:
    """Devo-sdk treats any action but INC as FULL, which wipes the lookup; ours has an action for each operation."""
    assert b".FULL: " in sent_by_sdk(ROWS, action="inc")
    assert b".FULL: " not in sent_by_us(ROWS, Operation.DELETE) + sent_by_us(ROWS, Operation.APPEND)


def test_sdk_pauses_are_kept(clock: FakeClock) -> None:
    """After START and before END there is a pause, by default as long as devo-sdk's."""
    SyslogLookups(Stream(), sleep=clock.sleep).deploy(
        NAME, columns=COLUMNS, key="KEY", csv_file=csv_of(ROWS), operation=Operation.APPEND
    )
    assert clock.sleeps == [Lookup.delay] * 2


def test_deprecation_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """Each upload warns that Devo has deprecated this transport, and since when."""
    sent_by_us(ROWS, Operation.APPEND)
    assert [record.levelname for record in caplog.records if "deprecated as of 2026-01-01" in record.message] == [
        "WARNING"
    ]


@pytest.mark.parametrize("name", ["", "a b", "a.FULL: x", "x\n", "ä"])
def test_name_that_cannot_be_sends_nothing(name: str) -> None:
    """A name that could forge a line is refused before anything is sent."""
    stream = Stream()
    with pytest.raises(ConfigurationError, match="is not allowed"):
        SyslogLookups(stream).deploy(
            name, columns=COLUMNS, key="KEY", csv_file=csv_of(ROWS), operation=Operation.APPEND
        )
    assert not stream.sent


# To the sandbox -------------------------------------------------------------------------------------------------------


def lookups_of(devo: DevoServer, transport: str, clock: FakeClock, **options: Any) -> SyslogLookups:
    connector = sandbox_connector(devo, transport)
    channel = SyslogChannel(connector.connect, b"".join, confirm_timeout_s=20.0)
    return SyslogLookups(channel, sleep=clock.sleep, **options)


def deploy(lookups: SyslogLookups, operation: Operation, **colors: str) -> None:
    file = csv_of([{"KEY": key, "COLOR": color} for key, color in colors.items()])
    lookups.deploy(NAME, columns=COLUMNS, key="KEY", csv_file=file, operation=operation)


def content(devo: DevoServer) -> dict[str, str]:
    return {row[0]: row[1] for row in devo.lookups[NAME].rows()}


@both_transports
def test_operations(devo: DevoServer, transport: str, clock: FakeClock) -> None:
    """A lookup is built, appended to, updated, deleted from and replaced, each on one connection."""
    lookups = lookups_of(devo, transport, clock)
    deploy(lookups, Operation.CREATE, red="Red", blue='B,l"ue')
    deploy(lookups, Operation.APPEND, red="Crimson", green="Green")
    assert content(devo) == {"red": "Crimson", "blue": 'B,l"ue', "green": "Green"}
    deploy(lookups, Operation.DELETE, blue="")
    assert content(devo) == {"red": "Crimson", "green": "Green"}
    deploy(lookups, Operation.REPLACE, gold="Gold")
    assert content(devo) == {"gold": "Gold"}
    assert devo.lookups[NAME].columns == ["KEY", *COLUMNS, "_extra"]
    assert [each.transport for each in devo.tables.connections()] == [transport] * 4


BREAKS = [
    SyslogFault("reset", after_bytes=2_000_000),
    SyslogFault("close", after_bytes=2_000_000),
    SyslogFault("stall_then_close", after_bytes=2_000_000, stall_s=0.2),
    SyslogFault("half_close", after_bytes=2_000_000, stall_s=0.2),
    SyslogFault("reset", after_bytes=250),
    SyslogFault("refuse"),
]


def test_devo_sdk_leaves_the_same_lookup(devo: DevoServer, clock: FakeClock) -> None:
    """An upload by devo-sdk itself makes the same lookup."""
    sender = Sender(SenderConfigTCP(address=("localhost", devo.plain_port)), timeout=20)
    lookup = Lookup(NAME, con=sender, delay=0, escape_quotes=True, escape_newline=True)
    with tempfile.NamedTemporaryFile(suffix=".csv") as file, pytest.warns(DeprecationWarning, match="January 2026"):
        file.write(csv_of(ROWS).getvalue())
        file.flush()
        assert lookup.send_csv(file.name, key="KEY") == len(ROWS)
    sender.close()
    theirs = devo.lookups[NAME].rows()
    lookups_of(devo, "tcp", clock).deploy(
        NAME, columns=COLUMNS, key="KEY", csv_file=csv_of(ROWS), operation=Operation.REPLACE
    )
    assert [job.operation for job in devo.lookups[NAME].jobs] == ["create", "replace"]
    assert devo.lookups[NAME].rows() == theirs


@both_transports
@pytest.mark.parametrize("fault", BREAKS, ids=lambda fault: f"{fault.action}-{fault.after_bytes}")
def test_break_sends_the_whole_again(devo: DevoServer, transport: str, clock: FakeClock, fault: SyslogFault) -> None:
    """After a break between START and END the whole upload is sent again on one connection, and the lookup is right."""
    lookups = lookups_of(devo, transport, clock)
    deploy(lookups, Operation.CREATE, old="1")
    rows = {f"key {number}": "x" * 1000 for number in range(20_000)}
    devo.syslog_faults.add(fault)
    deploy(lookups, Operation.REPLACE, **rows)
    assert content(devo) == rows
    assert [job.state for job in devo.lookups[NAME].jobs] == ["completed"] * 2
    last = devo.tables.connections()[-1]
    assert last.events == len(rows) + 2


def test_uploads_have_names_of_their_own(devo: DevoServer, clock: FakeClock) -> None:
    """A broken upload and the one sent in its place have different names."""
    devo.syslog_faults.add(SyslogFault("reset", after_bytes=400))
    deploy(lookups_of(devo, "tcp", clock), Operation.CREATE, red="x" * 2000, blue="Blue")
    controls = devo.tables.messages(f"my.lookup.control.{NAME}.FULL")
    names = [message.partition("|")[0] for message in controls]
    assert [message.split("|")[1] for message in controls] == ["START", "START", "END"]
    assert names[0] != names[1] == names[2]


def test_attempts_run_out(devo: DevoServer, clock: FakeClock) -> None:
    """An upload that breaks each time raises an error with the remedy, after growing waits."""
    devo.syslog_faults.add(*[SyslogFault("refuse")] * 3)
    lookups = lookups_of(devo, "tls", clock, max_attempts=3, pause_s=0.0)
    with pytest.raises(DeliveryError, match=rf"rows of lookup {NAME} in 3 attempts.*run the task again"):
        deploy(lookups, Operation.CREATE, red="Red")
    assert [wait_s for wait_s in clock.sleeps if wait_s] == [1.0, 2.0]
    assert NAME not in devo.lookups


def test_own_failure_leaves_no_open_upload(devo: DevoServer, clock: FakeClock, tmp_path: Path) -> None:
    """If reading the rows fails, the connection is dropped without an END, and nothing is loaded."""

    class Failing(io.BytesIO):
        def __next__(self) -> bytes:
            if self.tell() > 200_000:
                raise OSError("the disk is gone")
            return super().__next__()

    file = Failing(csv_of([{"KEY": str(number), "COLOR": "x" * 100} for number in range(5000)]).getvalue())
    lookups = lookups_of(devo, "tcp", clock)
    with pytest.raises(OSError, match="the disk is gone"):
        lookups.deploy(NAME, columns=COLUMNS, key="KEY", csv_file=file, operation=Operation.CREATE)
    assert devo.tables.wait_until_idle(60.0)
    assert NAME not in devo.lookups


def test_nothing_can_be_asked(devo: DevoServer, clock: FakeClock) -> None:
    """Whether a lookup exists is not known, and the check sends nothing."""
    lookups = lookups_of(devo, "tls", clock)
    assert lookups.exists(NAME) is None
    lookups.check()
    assert [each.events for each in devo.tables.connections()] == [0]
