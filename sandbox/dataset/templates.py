"""Documents as templates: built once as JSON text with gaps, then filled a million times."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NUMBER_GAP = re.compile(r'"@#(\w+)@"')
_TEXT_GAP = re.compile(r"@(\w+)@")


class Template:
    """A document with gaps: ``@name@`` within a text, ``@#name@`` as a whole value for an integer."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("%", "%%")
        self._text = _TEXT_GAP.sub(r"%(\1)s", _NUMBER_GAP.sub(r"%(\1)d", text))

    def fill(self, values: Mapping[str, str | int]) -> bytes:
        """Return the JSON of the document with these values. Texts must be escaped for JSON already."""
        return (self._text % values).encode()


def escaped(text: str) -> str:
    """Return the text as it stands between the quotes of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]
