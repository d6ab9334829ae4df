"""The README and the documents name existing files only."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.sandbox import Sandbox
from tests.fresh_install import START_AIRFLOW, blocks, filled, values

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


def test_a_new_user_finds_every_command_in_its_order() -> None:
    """README leads from `pip install` to a filled lookup, in the order in which `tests/fresh_install.py` runs it."""
    commands = [
        "airflow db migrate",
        "pip install airflow-provider-flashpoint",
        "airflow-flashpoint init",
        "airflow connections add flashpoint_default",
        "airflow connections add devo_default",
        "airflow-flashpoint check",
        "airflow dags reserialize",
        "airflow dags unpause flashpoint_indicator",
        START_AIRFLOW,
        "airflow-flashpoint state show",
    ]
    text = "".join(blocks())
    places = [text.find(command) for command in commands]
    assert -1 not in places
    assert places == sorted(places)


def test_every_value_that_a_reader_has_is_in_the_readme() -> None:
    """Each placeholder of the commands has a value of the sandbox, so none is left when they run."""
    with Sandbox() as sandbox:
        text = "".join(filled(blocks(), values(sandbox, "3.1.8", "python3")))
    assert "3.1.8" in text
    assert re.findall(r"<[^>]+>|https://[\w.-]*(?:flashpoint|devo)\.io|/certs/", text) == []
