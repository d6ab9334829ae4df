"""A file with other content keeps the words of what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.config.document import document_of
from airflow_provider_flashpoint.config.migration.rewrite import rewritten

YAML, JSON = Path("file.yaml"), Path("file.json")
TEXT = """\
# The head.
a: 'one'   # a quoted text
list:
  # the first
  - x: {k: v}  # x
  - y:
      k: v
  # - z: {}

# Behind the list.
last:
  deep: {b: 1, c: [2, 3]}
"""
NAMES = st.sampled_from(["a", "list", "x", "y", "ip-dst|port", "ü", "0123", "true", "#", "a: b"])
VALUES = st.recursive(
    st.none() | st.booleans() | NAMES | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def changed(change: Any) -> str:
    """Return the text with a changed document."""
    document = document_of(TEXT, YAML)
    change(document)
    text, has_comments = rewritten(TEXT, YAML, document)
    assert has_comments
    assert document_of(text, YAML) == document
    return text


def test_nothing_changes_without_a_change() -> None:
    """A document as it was has its text as it was."""
    assert changed(lambda document: None) == TEXT


def test_a_value_changes_in_its_place() -> None:
    """Only the text of the value changes."""
    assert changed(lambda document: document["list"][0]["x"].update(k="w")) == TEXT.replace("{k: v}", "{k: w}")


def test_an_entry_of_a_list_is_replaced() -> None:
    """Comments around the entry stay; a comment behind it goes with it."""
    text = changed(lambda document: document["list"].__setitem__(0, {"z": {"k": "v"}}))
    assert text == TEXT.replace("  - x: {k: v}  # x\n", "  - z: {k: v}\n")


def test_entries_are_added_before_trailing_comments() -> None:
    """What is added to the end of a list or a mapping stands directly behind its last entry."""
    text = changed(lambda document: document["list"].append({"z": None}))
    assert "      k: v\n  - z: null\n  # - z: {}\n" in text
    assert changed(lambda document: document.update(new="x")) == f"{TEXT}new: x\n"


def test_a_key_is_removed_with_its_line() -> None:
    """The lines of a key are removed, and nothing else."""
    text = changed(lambda document: document.pop("last"))
    assert text == TEXT[: TEXT.index("last:")]


def test_a_file_whose_comments_cannot_be_kept() -> None:
    """Where the edits would change more, as with anchors, the whole file is written anew, and that is told."""
    text = "a: &one {k: v}\nb: *one\n"
    new = {"a": {"k": "w"}, "b": {"k": "v"}}
    found, has_comments = rewritten(text, YAML, new)
    assert (document_of(found, YAML), has_comments) == (new, False)


@settings(max_examples=40, deadline=None)
@given(old=st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), new=st.dictionaries(NAMES, VALUES, max_size=4))
@pytest.mark.parametrize("flow", [True, False, None])
@pytest.mark.parametrize("file", [YAML, JSON])
def test_the_new_text_has_the_new_content(file: Path, flow: bool | None, old: Any, new: Any) -> None:
    """Whatever the file held and shall hold, its new text holds that."""
    import json

    import yaml

    text = json.dumps(old) if file is JSON else yaml.safe_dump(old, default_flow_style=flow, allow_unicode=True)
    found, _ = rewritten(text, file, new)
    assert document_of(found, file) == new


def test_numbers_stay_numbers() -> None:
    """A number without quotes has none in a text that is written anew or on one line; one in quotes keeps them."""
    text = "a: &x {keep_days: 30, id: '1234'}\nb: *x\n"
    new = {"b": {"keep_days": "30", "id": "1234"}}
    assert rewritten(text, YAML, new) == ("b:\n  keep_days: 30\n  id: '1234'\n", False)
    assert rewritten("a: {k: 30, x: y}\n", YAML, {"a": {"k": "30"}})[0] == "a: {k: 30}\n"
