"""Claims of directories: one owner, whoever comes at once, and never a guess."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_flashpoint.core.staging.claim import claim, owner_of
from airflow_provider_flashpoint.core.stream_key import StreamKey
from airflow_provider_flashpoint.errors import StageError

ONE = StreamKey("Domains", "acme", "flashpoint_default")
OTHER = StreamKey("Domains", "beta", "flashpoint_default")


def test_the_first_claim_stays(tmp_path: Path) -> None:
    """A directory keeps its owner, which a second claim returns, unless it is replaced."""
    assert owner_of(tmp_path / "new") is None
    assert claim(tmp_path / "new", ONE) == ONE
    assert claim(tmp_path / "new", OTHER) == ONE
    assert claim(tmp_path / "new", OTHER, replace=True) == OTHER
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".stream.json"]


def test_of_many_claims_at_once_one_wins(tmp_path: Path) -> None:
    """All that claim a directory at the same time learn of the same owner."""
    keys = [StreamKey("Domains", f"domain{number}", "flashpoint_default") for number in range(16)]
    with ThreadPoolExecutor(len(keys)) as threads:
        for folder in map(str, range(20)):
            owners = set(threads.map(lambda key: claim(tmp_path / folder, key), keys))  # noqa: B023
            assert len(owners) == 1
            assert owners == {owner_of(tmp_path / folder)}


def test_a_storage_without_exclusive_files_is_claimed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file cannot be created exclusively, it is written."""

    def refuse(*_: object) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr("os.link", refuse)
    assert claim(tmp_path, ONE) == ONE


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}", b'{"name": "a"}', b"\xff", b'{"name": "Domains", "de'])
def test_a_damaged_claim_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """An unreadable claim is an error with its path and the remedy, since the owner is not known."""
    (tmp_path / ".stream.json").write_bytes(content)
    with pytest.raises(StageError, match=r"\.stream\.json\. Remove it"):
        claim(tmp_path, ONE)


def test_a_directory_in_place_of_a_claim_is_refused(tmp_path: Path) -> None:
    """A directory in place of the claim is refused by its name."""
    (tmp_path / ".stream.json").mkdir()
    with pytest.raises(StageError, match="it is a directory"):
        owner_of(tmp_path)
