"""Rejected records are kept with their reasons."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_flashpoint.core.staging.rejected_records import RejectedRecords
from airflow_provider_flashpoint.errors import DeliveryError, TransientError


def test_records_are_kept_with_their_reasons(tmp_path: Path) -> None:
    """Each record is one line of JSON, in the order of rejection."""
    path = tmp_path / "stage" / "dead_letters.jsonl"
    records = [{"a": "line\nbreak"}, {"b": "\ud800"}, {"c": 1 << 80}]
    with RejectedRecords(path) as rejected_records:
        for number, record in enumerate(records):
            rejected_records.add(record, f"reason {number}")
    assert [json.loads(line) for line in path.read_bytes().splitlines()] == [
        {"reason": f"reason {number}", "record": record} for number, record in enumerate(records)
    ]
    assert rejected_records.count == 3


def test_record_nested_too_deeply(tmp_path: Path) -> None:
    """Of a record that cannot be encoded, the names of its fields are kept."""
    record: dict[str, Any] = {}
    for _ in range(10_000):
        record = {"a": record, "b": 1}
    path = tmp_path / "dead_letters.jsonl"
    with RejectedRecords(path) as rejected_records:
        rejected_records.add(record, "too deep")
    assert json.loads(path.read_bytes()) == {"reason": "too deep", "fields": ["a", "b"]}


def test_many_records_are_kept(tmp_path: Path) -> None:
    """A file larger than one copied block is complete."""
    path = tmp_path / "dead_letters.jsonl"
    with RejectedRecords(path) as rejected_records:
        for number in range(300):
            rejected_records.add({"number": number, "text": "x" * 10_000}, "it is too long")
    kept = [json.loads(line)["record"]["number"] for line in path.read_bytes().splitlines()]
    assert kept == list(range(300))


def test_no_record_no_file(tmp_path: Path) -> None:
    """Without a rejected record there is no file."""
    with RejectedRecords(tmp_path / "dead_letters.jsonl") as rejected_records:
        pass
    assert rejected_records.count == 0
    assert list(tmp_path.iterdir()) == []


def test_file_appears_at_the_end(tmp_path: Path) -> None:
    """A reader never sees a partial file."""
    with RejectedRecords(tmp_path / "dead_letters.jsonl") as rejected_records:
        rejected_records.add({"a": 1}, "bad")
        assert list(tmp_path.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["dead_letters.jsonl"]


def test_records_are_kept_when_the_delivery_fails(tmp_path: Path) -> None:
    """An error of the delivery is raised, and the records rejected before it are kept."""
    path = tmp_path / "dead_letters.jsonl"
    with pytest.raises(DeliveryError), RejectedRecords(path) as rejected_records:
        rejected_records.add({"a": 1}, "bad")
        raise DeliveryError("the connection broke")
    assert json.loads(path.read_bytes())["record"] == {"a": 1}


def test_address_is_known_before_the_file_exists(tmp_path: Path) -> None:
    """The address is that of the later file."""
    path = tmp_path / "dead_letters.jsonl"
    with RejectedRecords(path) as rejected_records:
        assert rejected_records.uri == path.as_uri()


def directory(path: Path) -> None:
    path.mkdir(parents=True)


def full_directory(path: Path) -> None:
    (path / "below").mkdir(parents=True)


def file_above(path: Path) -> None:
    path.parent.write_text("")


def file_at_the_top(path: Path) -> None:
    path.parent.parent.write_text("")


def link_to_itself(path: Path) -> None:
    path.parent.symlink_to(path.parent)


@pytest.mark.parametrize("block", [directory, full_directory, file_above, file_at_the_top, link_to_itself])
def test_what_is_in_the_place_of_the_file_is_named(block: Callable[[Path], None], tmp_path: Path) -> None:
    """Where the file cannot be written, the error names it and the remedy, and can be retried."""
    path = tmp_path / "top" / "stage" / "dead_letters.jsonl"
    if block in (file_above, link_to_itself):
        path.parent.parent.mkdir()
    block(path)
    message = r"1 rejected records cannot be kept.*stage/dead_letters.*Remove what"
    with pytest.raises(TransientError, match=message), RejectedRecords(path) as rejected_records:
        rejected_records.add({"a": 1}, "bad")


def test_an_earlier_error_is_not_hidden(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error of the delivery is shown, and the records that cannot be kept are logged."""
    (tmp_path / "dead_letters.jsonl").mkdir()
    path = tmp_path / "dead_letters.jsonl"
    with pytest.raises(DeliveryError, match="the cause"), RejectedRecords(path) as rejected_records:
        rejected_records.add({"a": 1}, "bad")
        raise DeliveryError("the cause")
    assert "1 rejected records cannot be kept" in caplog.text
