"""The README and the documents name existing files only."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_every_test_that_proves_a_guarantee_is_there() -> None:
    """Every test file that a document names exists."""
    texts = [file.read_text(encoding="utf-8") for file in (PROJECT / "README.md", *PROJECT.glob("docs/*.md"))]
    named = re.findall(r"`(tests/[\w/]+\.py)`", "\n".join(texts))
    assert len(named) >= 30
    assert [name for name in named if not (PROJECT / name).is_file()] == []


def test_every_link_leads_to_a_file() -> None:
    """Every link of the README to a file of the project works."""
    links = re.findall(r"\]\(([\w./-]+)\)", (PROJECT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (PROJECT / link).is_file()] == []
