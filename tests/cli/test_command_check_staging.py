"""`airflow-flashpoint check` shows the path that the address of the staging storage means."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import call

pytestmark = pytest.mark.airflow


@pytest.fixture
def said(
    airflow: None, config: Path, connections: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[bool, str]]:
    """A function that checks an address in Airflow's own configuration, and returns the finding."""
    document = json.loads(config.read_text(encoding="utf-8"))
    for each in document["inputs"].values():
        for service in each["services"].values():
            del service["staging_uri"]
    config.write_text(json.dumps(document), encoding="utf-8")

    def check(address: str) -> tuple[bool, str]:
        monkeypatch.setenv("AIRFLOW__FLASHPOINT__STAGING_URI", address)
        findings = call("check", "--json").json["findings"]
        (found,) = [each for each in findings if each["part"] == "staging storage"]
        return found["good"], found["said"]

    return check


def test_the_path_of_the_staging_storage_is_shown(
    said: Callable[[str], tuple[bool, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path is shown as tasks use it, with whether it is there; a refused address comes with the remedy."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert said("~/flashpoint") == (True, f"{tmp_path}/flashpoint, which the first run creates.")
    (tmp_path / "a#b").mkdir()
    assert said(f"file://{tmp_path}/a#b") == (True, f"{tmp_path}/a#b, which is there.")
    is_good, text = said("file://var/flashpoint")
    assert not is_good
    assert "Write file:///var/flashpoint, with three slashes." in text
    (tmp_path / "file").touch()
    is_good, text = said(str(tmp_path / "file" / "x"))
    assert not is_good
    assert f"{tmp_path}/file is not a folder" in text
