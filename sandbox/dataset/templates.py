"""Documents as templates: built once as JSON text with gaps, then filled a million times."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.dataset.bulk import GeneratedBlock
from sandbox.dataset.documents import indicator_value

_TEMPLATES = 32
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


class TemplateBlock(GeneratedBlock):
    """Indicators of one type, each made from one of 32 templates. No two have the same value."""

    def __init__(self, indicator_type: str, count: int, from_: datetime, to: datetime, seed: int = 0) -> None:
        super().__init__(indicator_type, count, from_, to, seed)
        self._type = indicator_type
        self._seed = seed
        self._templates = [Template(self.document(indicator_type, seed, turn)) for turn in range(_TEMPLATES)]

    @abstractmethod
    def document(self, kind: str, seed: int, turn: int) -> Mapping[str, Any]:
        """Return one template: which optional keys it has, and the texts that do not differ by record."""

    def template(self, turn: int) -> Template:
        """Return one of the templates, in rotation."""
        return self._templates[turn % _TEMPLATES]

    def value(self, offset: int) -> str:
        """Return the value of the indicator at ``offset`` as it stands between the quotes of a JSON string."""
        return json.dumps(indicator_value(self._type, self._seed, offset), ensure_ascii=False)[1:-1]
