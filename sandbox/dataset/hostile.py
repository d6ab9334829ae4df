"""Values, shapes and keys that break careless clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Document = dict[str, Any]

# Each text becomes a comment, a name or a message. None may split, cut or inject a line or a row.
HOSTILE_TEXTS = (
    'she said "run", then ""again""',
    "a,b,,c;d|e",
    "first line\nsecond line\n",
    "carriage\r\nreturn\rand end\r",
    "tab\tseparated\tvalues",
    "emoji 🦠👩‍💻 and Zażółć gęślą jaźń 日本語 \u202egnp.exe",
    "<script>alert('x')</script> &lt;b&gt;&amp;",
    "before NUL \x00 after, and \x01\x1b[31m\x7f",
    "lone surrogates \ud800 and \udfff",
    "unicode ends of line: \u2028 \u2029 \x85 \x0b \x0c",
    "\ufeff byte order mark, \u200b nothing, \u00a0 space ",
    "<14>Jan  1 00:00:00 host my.app.injected: a line of its own",
    "=HYPERLINK(\"http://example.net\") and 'quotes' \\ and \\\\ and \\n and trailing \\",
    "  spaces around  ",
)


LARGE_TEXT_CHARACTERS = 1_000_000


def large_text() -> str:
    """Return a text of about 1 MB that is irregular too."""
    return ('line, "quoted" é\n' * LARGE_TEXT_CHARACTERS)[:LARGE_TEXT_CHARACTERS]


def hostile_text(number: int) -> str:
    """Return one of the texts, in rotation."""
    return HOSTILE_TEXTS[number % len(HOSTILE_TEXTS)]


def _comment(document: Document, number: int) -> None:
    document["value"]["comment"] = hostile_text(number)
    if "Event" in document:
        document["Event"]["info"] = hostile_text(number + 1)


def _dotted_keys(document: Document, number: int) -> None:
    document["extra"] = {"a.b": number, "a": {"b": number + 1}, ".": "", "": "empty key", "c|d-e f": [1]}


def _nulls(document: Document, number: int) -> None:
    document |= {"reports": None, "malware_description": None, "_meta": {"size": None}}
    if "Event" in document:
        document["Event"] |= {"Tag": None, "Galaxy": None, "attack_ids": None}


def _empties(document: Document, number: int) -> None:
    document |= {"enrichments": {}, "reports": [], "_meta": {"enrichments": {"v1": {}}}, "basetypes": []}


def _deep(document: Document, number: int) -> None:
    deep: Any = {"leaf": [number, [number + 1, {"last": None}]]}
    for level in range(30):
        deep = {f"level{level}": [deep, {"beside": level}]}
    document["relations"] = deep


def _numbers(document: Document, number: int) -> None:
    document["measures"] = {
        "beyond_64_bits": 2**64 + number, "huge": -(10**40), "score": 0.1 + number, "tiny": 5e-324,
        "whole_float": 3.0, "big_float": 1.5e300, "minus_zero": -0.0, "yes": True,
    }  # fmt: skip


def _retyped(document: Document, number: int) -> None:
    document["category"] = ["Network activity", number]
    document["malware_description"] = {"html": hostile_text(number)}


def _without_event(document: Document, number: int) -> None:
    document.pop("Event", None)


def _without_header(document: Document, number: int) -> None:
    # The timestamp is then the only time.
    document["timestamp"] = str(document.pop("header_")["indexed_at"])


# Texts and shapes alternate, so that neither is rare.
MUTATIONS: tuple[Callable[[Document, int], None], ...] = (
    _comment, _dotted_keys, _comment, _nulls, _comment, _empties, _comment, _deep,
    _comment, _numbers, _comment, _retyped, _comment, _without_event, _comment, _without_header,
)  # fmt: skip
