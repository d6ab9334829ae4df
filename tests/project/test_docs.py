"""The pages of the documentation: what is made from the code is current, and every link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def prose(page: Path) -> str:
    """Return a page without its blocks of code, whose brackets and hashes are no Markdown."""
    return re.sub(r"(?ms)^ *```.*?^ *```", "", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page that are the same on the site and where repositories are shown."""
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", prose(page)):
        words = re.sub(r"[^\w\s-]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)).strip().lower()
        if (slug := re.sub(r"[-\s]+", "-", words)) == words.replace(" ", "-"):
            found.add(slug)
    return found


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and the anchor of each link of a page that has no scheme."""
    for target in re.findall(r"\]\((?!\w+:)([^)\s]+)\)", prose(page)):
        file, _, anchor = target.partition("#")
        yield file or page.name, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_to_a_heading(page: Path) -> None:
    """The target of a link is inside of docs/, and its anchor is that of a heading there."""
    wrong = [
        (file, anchor)
        for file, anchor in links(page)
        if not (DOCS / file).exists()
        or DOCS not in (DOCS / file).resolve().parents
        or (anchor and anchor not in anchors(DOCS / file))
    ]
    assert wrong == []


def test_every_page_is_in_the_navigation() -> None:
    """The site has a link to each page."""
    navigation = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r": ([\w-]+\.md)$", navigation, re.MULTILINE)) == [page.name for page in PAGES]


def test_each_feature_of_the_comparison_has_a_test() -> None:
    """A row that says yes for this provider names a test that exists."""
    rows = re.findall(r"(?m)^\|.*\*\*Y\*\*.*$", (DOCS / "comparison.md").read_text(encoding="utf-8"))
    tests = [re.findall(r"`(tests/[\w/]+\.py)`", row) for row in rows]
    assert len(rows) >= 40
    assert [row for row, named in zip(rows, tests, strict=True) if not named] == []
    assert [name for named in tests for name in named if not (PROJECT / name).is_file()] == []


@pytest.mark.airflow
@pytest.mark.parametrize("name", ["index.md", "examples.md", "operators.md"])
def test_generated_pages_are_current(name: str) -> None:
    """The pages are what `python -m docs.generate` writes."""
    pytest.importorskip("airflow")
    from docs.generate import PAGES as GENERATED

    assert (DOCS / name).read_text(encoding="utf-8") == GENERATED[name](), "Run `python -m docs.generate`."


@pytest.mark.airflow
def test_the_pages_hold_every_example_and_every_operator() -> None:
    """An example or operator that is added comes into its page."""
    pytest.importorskip("airflow")
    from airflow_provider_flashpoint import example_dags, operators
    from docs.generate import EXAMPLES, OPERATORS

    files = {file.stem for file in Path(example_dags.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(EXAMPLES) == files
    assert set(OPERATORS) == set(operators.__all__)
