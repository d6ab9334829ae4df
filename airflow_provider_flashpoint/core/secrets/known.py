"""The secrets that this process knows, and their masking in every form in which a service may write them back."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from functools import cache, cached_property

_MASK = "***"
_SHORTEST = 5  # characters, as in Airflow; a shorter secret, such as 2026 or true, would hide half of each text
_BEGINNING = 12  # characters that are masked where a text ends within a secret
_LONG = 32  # characters; of a longer secret the start is enough, since a service may cut it
_START = 16
_LONGEST = 256
_REST = r"[^\s\"'<>]*"
_END = re.compile(r"[\s\"'<>]")
_CUT = r"(?=\.{2}|[…\"'<>]|[.,;:)\]}]*(?:\s|$))"
_KEY = 4  # characters that are searched for first
_ESCAPES = frozenset("%&\\")

_known: dict[str, _Forms] = {}


def remember(secret: str) -> None:
    """Mask ``secret`` in every text that leaves from now on. One of less than 5 characters is not masked."""
    global _known  # replaced as a whole, since other threads may be reading it
    # The lines of a key may be separated by anything, and shown one by one.
    parts = [each for each in secret.split() if len(each) > _LONG] if len(secret) > _LONGEST else [secret]
    if new := [each for each in parts if len(each) >= _SHORTEST and each not in _known]:
        longest_first = sorted({*_known, *new}, key=len, reverse=True)
        _known = {each: _known.get(each) or _Forms(each) for each in longest_first}


def forget_all() -> None:
    """Forget all secrets, as a new process."""
    global _known
    _known = {}


def masked(text: str) -> str:
    """Return ``text`` with asterisks in place of each known secret.

    A secret is found as it is, and with any of its characters escaped as in URLs, HTML and JSON (once or several
    times), and in base64, alone or as a part of an encoded text.
    """
    has_escapes = not _ESCAPES.isdisjoint(text)
    for forms in _known.values():
        if has_escapes or any(start in text for start in forms.starts):
            text = forms.pattern.sub(_MASK, text)
    return text


class _Forms:
    """The forms of one secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        octets = secret.encode("utf-8", "surrogatepass")
        # As a part of an encoded text, a secret begins at one of three places in a group of four characters.
        encoded = [_base64_core(octets, offset) for offset in range(3)]
        self._encoded = [each for each in encoded if len(each) > _KEY]
        plain = [secret, secret.replace(" ", "+"), *self._encoded, *map(_url_safe, self._encoded)]
        self.starts = {each[:_KEY] for each in plain}
        """One of these is in every text that holds the secret without an escape."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the secret in any form."""
        secret = self._secret
        forms = [_spelled(secret[:_START]) + _REST] if len(secret) > _LONG else []
        if not forms or _END.search(secret):
            forms.insert(0, _spelled(secret))
        forms.extend("".join(map(_spelled_base64, each[: 2 * _START])) + _REST for each in self._encoded)
        if _BEGINNING < len(secret) <= _LONG:
            forms.append(_cut(secret))
        return re.compile("|".join(forms))


def _base64_core(octets: bytes, offset: int) -> str:
    """Return the characters of base64 that ``octets`` alone determine, where ``offset`` other ones come before."""
    text = base64.b64encode(bytes(offset) + octets).decode()
    return text[-(-8 * offset // 6) : 8 * (offset + len(octets)) // 6]


def _url_safe(encoded: str) -> str:
    return encoded.replace("+", "-").replace("/", "_")


def _spelled(text: str) -> str:
    """Return a regular expression for ``text`` with each character in any form."""
    return "".join(map(_spelled_character, text))


def _cut(secret: str) -> str:
    """Return a regular expression for the beginning of ``secret``, where a service cut the text within it."""
    rest = ""
    for character in reversed(secret[_BEGINNING:]):
        rest = f"(?:{_spelled_character(character)}{rest})?"
    return _spelled(secret[:_BEGINNING]) + rest + _CUT


@cache
def _spelled_character(character: str) -> str:
    octets = character.encode("utf-8", "surrogatepass")
    units = character.encode("utf-16-be", "surrogatepass").hex()
    code = ord(character)
    named = "".join(f"|{name}" for name in _names().get(character, ()))
    escaped = [
        "".join(f"%(?:25){{0,3}}{octet:02x}" for octet in octets),
        "".join(rf"\\{{1,8}}u{units[start : start + 4]}" for start in range(0, len(units), 4)),
        "".join(rf"\\{{1,8}}x{octet:02x}" for octet in octets),
        rf"\\{{1,8}}(?:x{code:02x}|U{code:08x}|u\{{{code:x}\}})",
        f"&(?:amp;){{0,3}}(?:#0{{0,6}}{code}|#x0{{0,6}}{code:x}{named});",
    ]
    plain = re.escape(character)
    plain = f"{plain}|[+]" if character == " " else plain if character.isalnum() else rf"\\{{0,8}}{plain}"
    return f"(?:{plain}|(?i:{'|'.join(escaped)}))"


def _spelled_base64(character: str) -> str:
    if character.isalnum():
        return character
    return f"(?:{_spelled_character(character)}|{_url_safe(character)})"


@cache
def _names() -> dict[str, list[str]]:
    """Return the names of characters in HTML, without their semicolon."""
    from html.entities import html5

    names = defaultdict(list)
    for name, character in html5.items():
        if name.endswith(";"):
            names[character].append(name[:-1])
    return names
