"""Writes other content into the text of a file: the comments, the order and the quotes of what stays are kept."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config.document import document_of
from airflow_provider_flashpoint.errors import ConfigurationError

_NUMBER = re.compile(r"0|[1-9][0-9]*")
_Edit = tuple[int, int, str]


def rewritten(text: str, file: Path, new: Any) -> tuple[str, bool]:
    """Return the text of a file with other content, and whether its comments are kept.

    :param text: the text of ``file``, JSON or YAML by its name.
    :param new: the content that the text shall have.
    """
    if file.suffix.lower() == ".json":
        return json.dumps(new, indent=2, ensure_ascii=False) + "\n", True
    import yaml

    result = text
    for start, end, inserted in sorted(_edits(text, document_of(text, file), new), reverse=True):
        result = result[:start] + inserted + result[end:]
    try:
        if document_of(result, file) == new:
            return result, True
    except ConfigurationError:  # such as an anchor that stood in a part that is gone
        pass
    return yaml.dump(new, Dumper=_dumper(text), sort_keys=False, width=120), False


def _dumper(text: str) -> Any:
    """Return a dumper that writes a number without quotes if it has none in ``text``: both are read as texts."""
    import yaml

    scalars = [each for each in yaml.scan(text, Loader=yaml.SafeLoader) if isinstance(each, yaml.ScalarToken)]
    numbers = {each.value for each in scalars if each.plain and _NUMBER.fullmatch(each.value)}

    class Dumper(yaml.SafeDumper):
        def represent_text(self, value: str) -> yaml.ScalarNode:
            kind = "int" if value in numbers else "str"
            return self.represent_scalar(f"tag:yaml.org,2002:{kind}", value)

    Dumper.add_representer(str, Dumper.represent_text)
    return Dumper


def _edits(text: str, old: Any, new: Any) -> list[_Edit]:
    import yaml

    node = yaml.SafeLoader(text).get_single_node()
    return [*_Rewriter(text).edits(node, old, new)]


class _Rewriter:
    """Finds the edits that turn a text of YAML into one with other content. The caller checks the result."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._dumper = _dumper(text)

    def edits(self, node: Any, old: Any, new: Any) -> Iterator[_Edit]:
        """Yield the edits of the text of a node: its start, its end, and the new text."""
        if old == new:
            return
        is_block = new and not getattr(node, "flow_style", True)
        if is_block and isinstance(old, dict) and isinstance(new, dict):
            yield from self._of_mapping(node, old, new)
        elif is_block and isinstance(old, list) and isinstance(new, list):
            yield from self._of_list(node, old, new)
        else:
            yield node.start_mark.index, _end(node), self._flow(new)

    def _of_mapping(self, node: Any, old: dict[str, Any], new: dict[str, Any]) -> Iterator[_Edit]:
        entries = {key.value: (key, value) for key, value in node.value}
        first, *_ = entries
        if first not in new:  # it may stand behind the dash of a list
            yield node.start_mark.index, _end(node), self._flow(new)
            return
        for name, (key, value) in entries.items():
            if name in new:
                yield from self.edits(value, old.get(name), new[name])
            else:
                yield self._line_start(key), self._line_end(value), ""
        indent = " " * node.start_mark.column
        added = [f"{indent}{self._entry(name, new[name])}\n" for name in new if name not in entries]
        if added:
            yield self._insertion(self._line_end(node), "".join(added))

    def _of_list(self, node: Any, old: list[Any], new: list[Any]) -> Iterator[_Edit]:
        dash = f"{' ' * node.start_mark.column}- "
        items = node.value
        steps = SequenceMatcher(None, [*map(_identity, old)], [*map(_identity, new)], autojunk=False).get_opcodes()
        for step, start, end, new_start, new_end in steps:
            if step == "equal":
                for item, before, after in zip(items[start:end], old[start:end], new[new_start:new_end], strict=True):
                    yield from self.edits(item, before, after)
                continue
            place = self._line_start(items[start]) if start < len(items) else self._line_end(node)
            stop = self._line_end(items[end - 1]) if start < end else place
            inserted = "".join(f"{dash}{self._item(value)}\n" for value in new[new_start:new_end])
            yield self._insertion(place, inserted) if place == stop else (place, stop, inserted)

    def _insertion(self, place: int, lines: str) -> _Edit:
        is_after_text = place and self._text[place - 1] != "\n"
        return place, place, f"\n{lines}" if is_after_text else lines

    def _line_start(self, node: Any) -> int:
        return self._text.rfind("\n", 0, node.start_mark.index) + 1

    def _line_end(self, node: Any) -> int:
        """Return where the line after the last one of a node starts."""
        end = _end(node)
        if end and self._text[end - 1] == "\n":
            return end
        found = self._text.find("\n", end)
        return len(self._text) if found < 0 else found + 1

    def _item(self, value: Any) -> str:
        is_entry = isinstance(value, dict) and len(value) == 1
        return self._entry(*next(iter(value.items()))) if is_entry else self._flow(value)

    def _entry(self, key: str, value: Any) -> str:
        return f"{self._flow(key)}: {self._flow(value)}"

    def _flow(self, value: Any) -> str:
        """Return a value on one line."""
        import yaml

        form: dict[str, Any] = {"default_flow_style": True, "sort_keys": False, "allow_unicode": True}
        text: str = yaml.dump(value, Dumper=self._dumper, width=float("inf"), **form)
        return text.removesuffix("...\n").strip()


def _end(node: Any) -> int:
    """Return where the text of a node ends; the parser's own end of a block is behind its trailing comments."""
    while not isinstance(node.value, str) and node.flow_style is False and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    return end


def _identity(item: Any) -> Hashable:
    """Return what tells the items of a list apart: the keys of a mapping, such as the type of a lookup."""
    return tuple(item) if isinstance(item, dict) else repr(item)
