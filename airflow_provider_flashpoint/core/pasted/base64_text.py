"""Base64 texts, in every form in which people store and paste them."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from collections.abc import Iterator

_ESCAPED_BREAK = r"\\+(?:[rnt]|u000[aAdD])?"
_LINE_BREAKS = re.compile(rf"(?:[\r\n]|{_ESCAPED_BREAK})+")
_NO_BASE64 = re.compile(rf"(?:[\s\u200b\ufeff]|{_ESCAPED_BREAK})+")
_LINE_LENGTHS = (64, 76)  # of PEM and of MIME


def decodings(text: str) -> Iterator[bytes]:
    """Yield each possible content of a base64 text.

    Forms, URIs and environment variables change line breaks, and a URI turns ``+`` into a blank, so a blank may be
    either. The caller knows which content is whole.
    """
    for reading in dict.fromkeys(_readings(text)):
        try:
            yield base64.b64decode(reading, validate=True)
        except (binascii.Error, ValueError):  # ValueError: not ASCII
            continue


def _readings(text: str) -> Iterator[str]:
    yield _NO_BASE64.sub("", text)
    for body in (text, text.lstrip(" "), text.strip(" ")):
        yield "".join(_LINE_BREAKS.split(body)).replace(" ", "+")
    whole = text.strip("\r\n").lstrip(" ")
    for separator, length in itertools.product((" ", "  "), _LINE_LENGTHS):
        step = length + len(separator)
        for body in (whole, whole.removesuffix(separator)):
            cuts = range(length, len(body), step)
            if cuts and all(body.startswith(separator, cut) for cut in cuts):
                lines = (body[start : start + length] for start in range(0, len(body), step))
                yield "".join(lines).replace(" ", "+")
