"""Errors of YAML point at the line of the mistake, and say how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_flashpoint.config import document
from airflow_provider_flashpoint.errors import ConfigurationError

HEAD = "inputs:\n  flashpoint_alert:\n"
REST = "  flashpoint_indicator:\n    lookups:\n      - domain: {}\n"

MISTAKES = {
    "a quote that never ends": ("    environment: 'hunter2\n    lag_s: 1\n", "line 3, column 18", "close its quote"),
    "a quote that ends at the next one": (
        '    environment: "hunter2\n    lag_s: 1\n    tag: "a.b"\n',
        "line 3, column 18",
        "goes on in other lines; close its quote",
    ),
    "a text after a quote": (
        "    environment: 'hunter2's\n    lag_s: 1\n",
        "line 3, column 27",
        "other kind of quotes",
    ),
    "a bracket that never ends": (
        "    filters: {tags: [hunter2}\n    lag_s: 1\n",
        "line 3, column 21",
        "before line 3",
    ),
    "a brace that never ends": ("    filters: {tags: hunter2\n    lag_s: 1\n", "line 3, column 14", "before line 4"),
    "a comma that is missing": (
        "    filters: {\n      a: hunter2\n      b: 1\n    }\n",
        "line 3, column 14",
        "before line 5",
    ),
    "no colon": ("    environment\n    lag_s: 1\n", "line 3", "a key needs a colon"),
    "no colon after a mapping's key": ("    services\n      alerts: {}\n", "line 3", "a key needs a colon"),
    "no colon in the last line": ("    lag_s: 1\n    environment hunter2\n", "line 4, column 5", "a key needs a colon"),
    "no blank after a colon": ("    environment:hunter2\n    lag_s: 1\n", "line 3", "a blank after it"),
    "no blank after a dash": ("    tags:\n      -hunter2: 1\n      - b: 1\n", "line 4", "a blank after its -"),
    "indented too far": ("    environment: hunter2\n     lag_s: 1\n", "line 4", "indented more than"),
    "indented too little": ("    environment: hunter2\n   lag_s: 1\n", "line 4, column 4", "indented neither as"),
    "a tab": ("\tenvironment: hunter2\n", "line 3, column 1", "a tab; indent by blanks"),
    "a second colon": ("    environment: hunter2: b\n", "line 3, column 25", "a second colon in one line"),
    "a character that begins nothing": ("    environment: @hunter2\n", "line 3, column 18", "put the text into quotes"),
    "an asterisk": ("    environment: *hunter2\n", "line 3, column 18", "put the text into quotes"),
    "a backslash": ('    environment: "hunter2:\\c"\n', "line 3, column", "use single quotes"),
    "no dash": ("    tags:\n      - a: hunter2\n      b: 1\n", "line 5, column 7", "begin it with -"),
    "two documents": ("    environment: hunter2\n---\n", "line 4, column 1", "keep one in a file"),
}


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(("lines", "place", "remedy"), MISTAKES.values(), ids=MISTAKES)
def test_the_line_of_the_mistake_is_told(lines: str, place: str, remedy: str) -> None:
    """The message names the line to change, not the one where reading ended, and the remedy, and quotes nothing."""
    with pytest.raises(ConfigurationError) as caught:
        document.document_of(HEAD + lines + REST, Path("c.yaml"))
    said = str(caught.value)
    assert said.startswith(f"c.yaml: {place}")
    assert "not valid YAML: " in said
    assert remedy in said
    assert "hunter2" not in said
