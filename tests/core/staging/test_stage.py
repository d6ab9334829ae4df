"""Stages: rows are read as they were written, or an error is raised."""

from __future__ import annotations

import gzip
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.staging.folders import list_names, remove_tree
from airflow_provider_flashpoint.core.staging.indicators import stage_part
from airflow_provider_flashpoint.core.staging.indicators.newest import RowKey, digest_of
from airflow_provider_flashpoint.core.staging.indicators.stage import MANIFEST, Stage, StageSummary
from airflow_provider_flashpoint.core.staging.indicators.stage_writer import StageWriter
from airflow_provider_flashpoint.core.staging.prune import prune_stages
from airflow_provider_flashpoint.core.staging.storage import whole_file
from airflow_provider_flashpoint.core.window import Window
from airflow_provider_flashpoint.errors import NetworkError, StageError

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(hours=1))
ROWS = [{"fpid": str(number), "value": f"é {number}\n"} for number in range(10)]
VALUES = st.none() | st.booleans() | st.integers(-(1 << 80), 1 << 80) | st.text()


def writer_in(
    directory: Path, *, pulled_at: datetime = WINDOW.end, rows_per_part: int = 100, **more: Any
) -> StageWriter:
    return StageWriter(directory, window=WINDOW, pulled_at=pulled_at, rows_per_part=rows_per_part, **more)


KEY = RowKey("fpid", ("timestamp",))


def staged(directory: Path, rows: Sequence[dict[str, Any]], page_size: int = 2, **options: Any) -> Stage:
    with writer_in(directory, **options) as writer:
        for at in range(0, len(rows), page_size):
            writer.add(rows[at : at + page_size])
        return Stage(writer.directory, writer.finish())


@given(st.lists(st.dictionaries(st.text(), VALUES)), st.integers(1, 5), st.integers(1, 5))
@settings(deadline=None, max_examples=50)
def test_round_trip(rows: list[dict[str, Any]], page_size: int, rows_per_part: int) -> None:
    """Rows come back unchanged and in order, as often as they are asked for, however they were split."""
    with tempfile.TemporaryDirectory() as directory:
        stage = staged(Path(directory), rows, page_size, rows_per_part=rows_per_part)
        assert list(stage.rows()) == rows
        assert list(stage.rows()) == rows
        assert sorted(stage.summary.columns) == sorted({name for row in rows for name in row if name.strip()})
        assert stage.summary.records == len(rows)


def test_rows_beyond_one_block_come_back(tmp_path: Path) -> None:
    """Rows that are larger than a block are read whole."""
    rows = [{"value": "x" * 700_000, "number": number} for number in range(5)]
    assert list(staged(tmp_path, rows).rows()) == rows


NAMED_ROWS = [{"a": 1, "b": "x"}, {"b": "y", "a": None}, {"c": True}, {}, {"a": 2, "b": "z"}, {"c": "[0]", "d": "{}"}]


@pytest.mark.parametrize("most_names", [0, 1, 3, 100])
def test_rows_share_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_names: int) -> None:
    """Each set of names is written once in a part; beyond a limit each row has its names, and reads the same."""
    monkeypatch.setattr(stage_part, "_MOST_NAMES", most_names)
    stage = staged(tmp_path, NAMED_ROWS * 3)
    assert list(stage.rows()) == NAMED_ROWS * 3
    lines = gzip.decompress((stage.directory / "part-00000.jsonl.gz").read_bytes()).splitlines()
    shared = [line for line in lines if line.startswith(b"[[")]
    assert len(shared) == len(set(shared)) == {0: 1, 1: 2, 3: 3, 100: 5}[most_names]
    assert sum(len(names) for line in shared for names in codec.decode(line)) <= most_names


def test_a_summary_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """A summary that does not name the manifest is that of a stage with the usual one."""
    stage = staged(tmp_path, ROWS)
    value = stage.summary.to_dict()
    del value["manifest"]
    assert list(Stage(stage.directory, StageSummary.from_dict(value)).rows()) == ROWS


def test_rows_with_their_own_names_are_read(tmp_path: Path) -> None:
    """A part of manifest version 2, whose rows all have their names, is read as it was."""
    (tmp_path / "part-00000.jsonl.gz").write_bytes(content := gzip.compress(codec.encode_lines(NAMED_ROWS)))
    part = stage_part.Part("part-00000.jsonl.gz", len(NAMED_ROWS), len(content), hashlib.sha256(content).hexdigest())
    assert [dict(zip(names, values, strict=True)) for names, values in part.rows(tmp_path)] == NAMED_ROWS


@pytest.mark.parametrize("line", [b"7", b"[]", b"[[]]\n[0]\n[1]", b'[["a"]]\n[1,2,0]', b'[["a"]]\n[0]', b'["a",null]'])
def test_lines_of_another_shape_are_damage(tmp_path: Path, line: bytes) -> None:
    """A changed part whose lines are still JSON is refused as a damaged one."""
    stage = staged(tmp_path, ROWS)
    (stage.directory / "part-00000.jsonl.gz").write_bytes(gzip.compress(line + b"\n"))
    with pytest.raises(StageError, match=r"part-00000\.jsonl\.gz"):
        list(stage.rows())


def test_parts_are_closed_at_their_size(tmp_path: Path) -> None:
    """A stage of many rows is several files, and its bytes are theirs."""
    stage = staged(tmp_path, ROWS, rows_per_part=4)
    parts = [name for name in list_names(stage.directory) if name != MANIFEST]
    assert parts == ["part-00000.jsonl.gz", "part-00001.jsonl.gz", "part-00002.jsonl.gz"]
    assert stage.summary.bytes == sum((stage.directory / name).stat().st_size for name in parts)


def test_stage_without_rows_exists(tmp_path: Path) -> None:
    """A window without records is a stage too."""
    assert list(staged(tmp_path, []).rows()) == []


def test_summary_round_trip(tmp_path: Path) -> None:
    """The summary survives the way through an XCom."""
    summary = staged(tmp_path, ROWS).summary
    assert StageSummary.from_dict(summary.to_dict()) == summary


@pytest.mark.parametrize("change", [{"uri": ...}, {"window": None}, {"records": "many"}, {"pulled_at": "today"}])
def test_other_value_is_no_summary(tmp_path: Path, change: dict[str, Any]) -> None:
    """A summary without a field, or with another type, is refused."""
    value = {**staged(tmp_path, ROWS).summary.to_dict(), **change}
    with pytest.raises(StageError, match="Invalid stage summary"):
        StageSummary.from_dict({name: field for name, field in value.items() if field is not ...})


def test_stage_without_manifest_does_not_exist(tmp_path: Path) -> None:
    """Parts alone are no stage."""
    stage = staged(tmp_path, ROWS)
    (stage.directory / MANIFEST).unlink()
    with pytest.raises(StageError, match="pulled again"):
        Stage(stage.directory, stage.summary)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"parts": [{"x": 1}], "sha256": ""}'])
def test_unreadable_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    """A manifest of another shape is an error of the stage."""
    stage = staged(tmp_path, ROWS)
    (stage.directory / MANIFEST).write_bytes(content)
    with pytest.raises(StageError, match="cannot be read"):
        Stage(stage.directory, stage.summary)


def test_manifest_that_lost_a_part_is_refused(tmp_path: Path) -> None:
    """A manifest that names fewer parts than were staged does not pass by repeating the digest of the whole."""
    stage = staged(tmp_path, ROWS, rows_per_part=4)
    manifest = codec.decode((stage.directory / MANIFEST).read_bytes())
    del manifest["parts"][1]
    (stage.directory / MANIFEST).write_bytes(codec.encode(manifest))
    with pytest.raises(StageError, match="not the one"):
        Stage(stage.directory, stage.summary)


def test_stage_of_another_pull_is_refused(tmp_path: Path) -> None:
    """A summary fits the stage it was made for and no other."""
    stage = staged(tmp_path / "one", ROWS)
    other = staged(tmp_path / "two", ROWS[1:])
    with pytest.raises(StageError, match="not the one"):
        Stage(other.directory, stage.summary)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_damaged_part_is_noticed(data: st.DataObject) -> None:
    """A part that is missing, cut anywhere, lengthened or changed in any byte never passes for a whole one."""
    with tempfile.TemporaryDirectory() as directory:
        stage = staged(Path(directory), ROWS, rows_per_part=6)
        part = stage.directory / data.draw(st.sampled_from(["part-00000.jsonl.gz", "part-00001.jsonl.gz"]))
        content = part.read_bytes()
        at = data.draw(st.integers(0, len(content) - 1))
        damage = data.draw(st.sampled_from(["missing", "cut", "changed", "lengthened"]))
        if damage == "missing":
            part.unlink()
        elif damage == "cut":
            part.write_bytes(content[:at])
        elif damage == "lengthened":
            part.write_bytes(content + content)
        else:
            part.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(StageError, match=part.name):
            list(stage.rows())


KEYED_ROWS = [{"fpid": "a", "timestamp": 5}, {"fpid": None, "timestamp": 5}, {"timestamp": 5}, {"fpid": 7}]


@pytest.mark.parametrize("rows_per_part", [1, 3, 100])
def test_versions_are_those_of_the_rows(tmp_path: Path, rows_per_part: int) -> None:
    """A stage that was written with a key has the key and version of each row in a file; a row may have no key."""
    stage = staged(tmp_path, KEYED_ROWS, 1, rows_per_part=rows_per_part, key=KEY)
    assert list(stage.versions(KEY)) == [(*digest_of("a"), 5_000_000), None, None, (*digest_of("7"), 0)]
    for part in stage.directory.glob("part-*.jsonl.gz"):
        part.unlink()
    assert len(list(stage.versions(KEY))) == len(KEYED_ROWS)


@pytest.mark.parametrize("key", [None, RowKey("other", ("timestamp",)), RowKey("fpid", ("indexed",))])
def test_versions_for_another_key_are_read_from_the_rows(tmp_path: Path, key: RowKey | None) -> None:
    """A stage that was written without a key, or with another one, serves every key all the same."""
    stage = staged(tmp_path, KEYED_ROWS, key=key)
    assert list(stage.versions(KEY)) == [(*digest_of("a"), 5_000_000), None, None, (*digest_of("7"), 0)]


def test_a_stage_of_the_first_manifest_is_read(tmp_path: Path) -> None:
    """A stage that the version before this one wrote, without versions of rows, is read as it was."""
    stage = staged(tmp_path, KEYED_ROWS)
    manifest = codec.decode((stage.directory / MANIFEST).read_bytes())
    parts = [{name: part[name] for name in ("name", "records", "bytes", "sha256")} for part in manifest["parts"]]
    old = {**manifest, "version": 1, "parts": parts}
    del old["key"]
    (stage.directory / MANIFEST).write_bytes(codec.encode(old))
    old_stage = Stage(stage.directory, stage.summary)
    assert list(old_stage.rows()) == KEYED_ROWS
    assert len(list(old_stage.versions(KEY))) == len(KEYED_ROWS)


@pytest.mark.parametrize("damage", ["missing", "cut", "changed"])
def test_damaged_versions_are_noticed(tmp_path: Path, damage: str) -> None:
    """Versions of rows that are missing, cut or changed never pass for whole ones."""
    stage = staged(tmp_path, KEYED_ROWS, key=KEY)
    file = stage.directory / "part-00000.keys"
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(content[:24] if damage == "cut" else bytes(len(content)))
    with pytest.raises(StageError, match="part-00000"):
        list(stage.versions(KEY))


def test_rerun_replaces_the_stage(tmp_path: Path) -> None:
    """A later pull of the same window removes the earlier stage, and nothing of another window."""
    first = staged(tmp_path, ROWS)
    other = StageWriter(tmp_path, window=Window(WINDOW.end, WINDOW.end + timedelta(hours=1)), pulled_at=WINDOW.end)
    other.finish()
    second = staged(tmp_path, ROWS[:3], pulled_at=WINDOW.end + timedelta(seconds=1))
    assert not first.directory.exists()
    assert list(second.rows()) == ROWS[:3]
    assert (other.directory / MANIFEST).exists()


def test_unfinished_pull_leaves_the_older_stage(tmp_path: Path) -> None:
    """As long as a rerun has not ended, the stage before it can be read."""
    first = staged(tmp_path, ROWS)
    writer = writer_in(tmp_path, pulled_at=WINDOW.end + timedelta(seconds=1))
    writer.add(ROWS)
    assert list(first.rows()) == ROWS
    writer.abandon()


def test_failed_pull_leaves_nothing(tmp_path: Path) -> None:
    """When a page fails, what was staged before it is removed, and the failure goes on."""

    def pages() -> Iterator[Sequence[dict[str, Any]]]:
        yield ROWS[:5]
        yield ROWS[5:]
        raise NetworkError("it broke")

    with pytest.raises(NetworkError), writer_in(tmp_path, rows_per_part=3) as writer:
        for page in pages():
            writer.add(page)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_prune_removes_what_was_pulled_before(tmp_path: Path) -> None:
    """Stages go by the hour of their pull, once all of it is before the limit, and leave no directory."""
    old = staged(tmp_path / "old", ROWS)
    new = staged(tmp_path / "new", ROWS, pulled_at=WINDOW.end + timedelta(hours=1))
    limit = WINDOW.end + timedelta(hours=1, minutes=30)
    assert (prune_stages(tmp_path / "old", before=limit), prune_stages(tmp_path / "new", before=limit)) == (1, 0)
    assert list_names(tmp_path / "old") == []
    assert not old.directory.exists()
    assert list(new.rows()) == ROWS


def test_prune_of_nothing(tmp_path: Path) -> None:
    """A storage that holds no stage yet is no error."""
    assert prune_stages(tmp_path / "absent", before=START) == 0


def test_whole_file_is_all_or_nothing(tmp_path: Path) -> None:
    """A write that fails leaves the old content and no rest beside it."""
    path = tmp_path / "directory" / "file"
    with whole_file(path) as file:
        file.write(b"old")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"new")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_file_being_written_is_not_listed(tmp_path: Path) -> None:
    """A reader of the directory does not meet a file before it is whole."""
    with whole_file(tmp_path / "file") as file:
        file.write(b"x")
        assert list_names(tmp_path) == []
    assert list_names(tmp_path) == ["file"]


def test_remove_tree_of_nothing(tmp_path: Path) -> None:
    """What another process removed first is not missed."""
    remove_tree(tmp_path / "absent")
    assert list_names(tmp_path / "absent") == []
