"""Delivery with obfuscation: values are hidden in every output, and events keep their identity."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.obfuscate import MASK, ObfuscationAction, ObfuscationRule, Obfuscator
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
