"""Delivery under rules of obfuscation: hidden wherever a record goes, known by what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.flashpoint.page import Page, Record
from airflow_provider_flashpoint.core.obfuscate import MASK, ObfuscationAction, ObfuscationRule, Obfuscator
from tests.core.test_deliver import FIRST_TS, FakeWriter, Stream, alert


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return Stream(tmp_path)


def hiding(path: str, action: ObfuscationAction = ObfuscationAction.MASK) -> Obfuscator:
    return Obfuscator([ObfuscationRule((path,), action)], secret="s")


def test_a_record_is_set_aside_as_it_would_have_been_sent(stream: Stream) -> None:
    """A dead letter holds the hidden value."""
    bad = {**alert(1), "bad": True, "text": "tell nobody"}
    stream.deliver([Page([bad])], FakeWriter(), obfuscator=hiding("text"))
    assert stream.set_aside == [({**bad, "text": MASK}, "it cannot be a line")]


def test_of_a_record_that_cannot_be_hidden_only_the_names_are_kept(stream: Stream) -> None:
    """Where hiding itself fails, no value of the record is set aside."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    record = {**alert(1), "deep": deep, "text": "tell nobody"}
    stream.deliver([Page([record])], FakeWriter(), obfuscator=hiding("deep", ObfuscationAction.HASH))
    assert [kept for kept, _ in stream.set_aside] == [{"alert_id": None, "ts": None, "deep": None, "text": None}]


def test_records_without_id_that_differ_in_what_is_hidden_are_two(stream: Stream) -> None:
    """Hiding makes no alert a repetition of another, and none is sent twice."""
    records: list[Record] = [{"ts": FIRST_TS, "text": "x"}, {"ts": FIRST_TS, "text": "y"}]
    assert stream.deliver([Page(records)], FakeWriter(), obfuscator=hiding("text")).sent == 2
    assert stream.deliver([Page(records)], FakeWriter(), obfuscator=hiding("text")).repeated == 2


@pytest.mark.parametrize("record", [alert(1), {"ts": FIRST_TS, "text": "x"}], ids=["with an id", "without"])
def test_a_change_of_rules_sends_nothing_again(stream: Stream, record: Record) -> None:
    """The ledger knows alerts by what they were, so other rules make no other alerts of them."""
    stream.deliver([Page([record])], FakeWriter(), obfuscator=hiding("alert_id", ObfuscationAction.HASH))
    assert stream.deliver([Page([record])], FakeWriter(), obfuscator=hiding("text")).repeated == 1


def test_a_rule_that_met_nothing_is_told_after_the_delivery(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """A mistyped path is in the log of the run."""
    stream.deliver([Page([alert(1)])], FakeWriter(), obfuscator=hiding("typo"))
    assert "mask of 'typo' met no value in 1 records" in caplog.text
