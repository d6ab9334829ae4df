"""Delivery with obfuscation: values are hidden in every output, and events keep their identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.secrets.obfuscate import MASK, ObfuscationAction, ObfuscationRule, Obfuscator
from airflow_provider_flashpoint.core.staging.events.kept_lines import KeptLines
from airflow_provider_flashpoint.errors import DataError, DeliveryError
from tests.core.pipelines.test_deliver import FIRST_TS, FakeWriter, Stream, alert


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


def hiding(path: str, action: ObfuscationAction = ObfuscationAction.MASK) -> Obfuscator:
    return Obfuscator([ObfuscationRule((path,), action)], secret="s")


def test_a_rejected_record_is_obfuscated(stream: Stream) -> None:
    """A rejected record is kept as it would have been sent."""
    bad = {**alert(1), "bad": True, "text": "tell nobody"}
    stream.deliver([Page([bad])], FakeWriter(), obfuscator=hiding("text"))
    assert stream.rejected == [({**bad, "text": MASK}, "it cannot be a line")]


def test_only_field_names_are_kept_of_a_record_that_cannot_be_obfuscated(stream: Stream) -> None:
    """Where obfuscation itself fails, no value of the rejected record is kept."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    record = {**alert(1), "deep": deep, "text": "tell nobody"}
    stream.deliver([Page([record])], FakeWriter(), obfuscator=hiding("deep", ObfuscationAction.HASH))
    assert [kept for kept, _ in stream.rejected] == [{"alert_id": None, "ts": None, "deep": None, "text": None}]


def test_records_without_id_that_differ_in_a_hidden_value_are_two(stream: Stream) -> None:
    """Obfuscation does not make one event a repetition of another, and none is sent twice."""
    records: list[Record] = [{"ts": FIRST_TS, "text": "x"}, {"ts": FIRST_TS, "text": "y"}]
    assert stream.deliver([Page(records)], FakeWriter(), obfuscator=hiding("text")).sent == 2
    assert stream.deliver([Page(records)], FakeWriter(), obfuscator=hiding("text")).repeated == 2


@pytest.mark.parametrize("record", [alert(1), {"ts": FIRST_TS, "text": "x"}], ids=["with an id", "without"])
def test_a_change_of_rules_sends_nothing_again(stream: Stream, record: Record) -> None:
    """The ledger identifies events by their original content, so other rules do not make them new events."""
    stream.deliver([Page([record])], FakeWriter(), obfuscator=hiding("alert_id", ObfuscationAction.HASH))
    assert stream.deliver([Page([record])], FakeWriter(), obfuscator=hiding("text")).repeated == 1


def test_a_rule_without_a_match_is_logged_after_the_delivery(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """A mistyped path is in the log of the run."""
    stream.deliver([Page([alert(1)])], FakeWriter(), obfuscator=hiding("typo"))
    assert "mask of 'typo' matched no value in 1 records" in caplog.text


class JsonWriter(FakeWriter):
    """A writer whose lines are the records in JSON."""

    def encode(self, record: Record) -> bytes:
        if record.get("text") == MASK and record.get("too_long"):
            raise DataError("it cannot be a line")
        return codec.encode(record) + b"\n"


@pytest.mark.parametrize("before", [None, *ObfuscationAction])
@pytest.mark.parametrize("now", ObfuscationAction)
def test_kept_lines_are_hidden_by_the_rules_of_the_run_that_sends_them(
    stream: Stream, tmp_path: Path, before: ObfuscationAction | None, now: ObfuscationAction
) -> None:
    """A value that a rule hides now is not sent because an earlier run kept its line; a digest is not hashed again."""
    unsent = KeptLines(tmp_path / "unsent")
    records = [{**alert(number), "text": "tell nobody"} for number in range(3)]
    first, second = (hiding("text", action) if action else Obfuscator() for action in (before, now))
    with pytest.raises(DeliveryError):
        stream.deliver([Page(records)], JsonWriter(frozenset({1})), obfuscator=first, unsent=unsent)
    writer = JsonWriter()
    summary = stream.deliver([Page(records)], writer, obfuscator=second, unsent=unsent)
    assert (summary.unsent, summary.sent, summary.repeated, list(unsent.batches())) == (3, 0, 3, [])
    shown = [codec.decode(line) for line in writer.sink]
    if before in (None, now):
        assert shown == [hiding("text", now).hide(record) for record in records]
    assert "tell nobody" not in str(shown)
    assert [each["alert_id"] for each in shown] == [each["alert_id"] for each in records]


def test_a_kept_line_that_cannot_be_hidden_is_rejected(stream: Stream, tmp_path: Path) -> None:
    """A line that is no line any more, once its value is hidden, is kept as a rejected record; the others are sent."""
    unsent = KeptLines(tmp_path / "unsent")
    records = [{**alert(1), "text": "x", "too_long": True}, {**alert(2), "text": "x"}]
    with pytest.raises(DeliveryError):
        stream.deliver([Page(records)], JsonWriter(frozenset({1})), unsent=unsent)
    summary = stream.deliver([], JsonWriter(), obfuscator=hiding("text"), unsent=unsent)
    assert (summary.unsent, summary.rejected, list(unsent.batches())) == (1, 1, [])
    assert stream.rejected == [({**records[0], "text": MASK}, "it cannot be a line")]
