"""Errors of YAML, told by the place of their cause and by its remedy.

A reader notices a mistake only where the text cannot go on, which may be many lines below it. Messages never quote the
text, since it may hold a secret.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from yaml import Mark, MarkedYAMLError

_QUOTED = re.compile(r"'(?!<[a-z ]+>')[^']{2,}'")
_COLON = re.compile(r":(\s|$)")


class _Rule(NamedTuple):
    """How a mistake is told: with a ``context`` and a ``problem`` that contain these words.

    :param is_before: whether the cause is where the broken part begins, not where the text cannot go on.
    """

    context: str
    problem: str
    said: str
    is_before: bool = False


_RULES = [
    _Rule(
        "quoted scalar", "end of stream", "a quoted text begins here and never ends; close its quote", is_before=True
    ),
    _Rule("quoted scalar", "escape", r"\ in double quotes begins an escape; use single quotes"),
    _Rule("flow", "", "brackets begin here, and before line {line} a comma or their end is missing", is_before=True),
    _Rule("simple key", "':'", "a key needs a colon and a blank after it", is_before=True),
    _Rule("alias", "", "* begins an alias; put the text into quotes"),
    _Rule("", "undefined alias", "* begins an alias, and there is none of this name; put the text into quotes"),
    _Rule("next token", "", "this character cannot begin a text; put the text into quotes"),
    _Rule("block collection", "", "this line is indented as the list, and is none of its entries; begin it with -"),
    _Rule("block mapping", "", "this line is indented neither as the keys before it nor as a mapping below one"),
    _Rule("single document", "", "a second document begins here; keep one in a file"),
]


def place_and_cause(error: MarkedYAMLError, text: str) -> tuple[str, str]:
    """Return the place of an error in ``text``, empty where it is not known, and the cause with its remedy."""
    context, problem = error.context or "", error.problem or ""
    mark, lines = error.problem_mark or error.context_mark, text.splitlines()
    if mark and (special := _of_quotes(text, mark) or _of_lines(lines, mark, error)):
        return special
    for rule in _RULES:
        if rule.context in context and rule.problem in problem:
            said = rule.said.format(line=mark.line + 1 if mark else "")
            return _place(error.context_mark if rule.is_before else mark), said
    return _place(mark), _QUOTED.sub("'…'", problem or "it cannot be read")


def _place(mark: Mark | None) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _of_quotes(text: str, mark: Mark) -> tuple[str, str] | None:
    """Return place and cause where a quoted text ends right before ``mark``: its quote is closed too late, or early."""
    import yaml

    last: Any = None
    try:
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            if token.start_mark.index >= mark.index:
                break
            last = token
    except yaml.YAMLError:
        pass
    if not isinstance(last, yaml.ScalarToken) or last.style not in ("'", '"'):
        return None
    if last.start_mark.line < last.end_mark.line:
        return _place(last.start_mark), "a quoted text begins here and goes on in other lines; close its quote"
    if last.end_mark.line == mark.line:
        return _place(mark), "a text follows a closing quote; use the other kind of quotes around the whole text"
    return None


def _of_lines(lines: list[str], mark: Mark, error: MarkedYAMLError) -> tuple[str, str] | None:
    """Return place and cause that the lines before ``mark`` show."""
    before = "".join(lines[mark.line : mark.line + 1])[: mark.column]
    if "mapping values" in (error.problem or ""):
        if _COLON.search(before):
            return _place(mark), "a second colon in one line; put the text into quotes"
        number = next((each for each in range(mark.line - 1, -1, -1) if lines[each].strip()), mark.line)
        if _COLON.search(lines[number]):
            return f"line {mark.line + 1}", "it is indented more than the keys before it"
        return f"line {number + 1}", "a key needs a colon and a blank after it"
    if "token" in (error.context or "") and "\t" in "".join(lines[mark.line : mark.line + 1])[: mark.column + 1]:
        return _place(mark), "a tab; indent by blanks"
    if (start := error.context_mark) and re.match(r"-\S", lines[start.line][start.column :]):
        return f"line {start.line + 1}", "an entry of a list needs a blank after its -"
    return None
