"""Texts that leave this process, in messages, causes and logs: without secrets, and on one line.

Errors of this provider and the loggers of `logger` do this themselves. Text of a service that becomes part of a message
also passes `safe_to_show`, which limits its length.
"""

from __future__ import annotations

import logging
import re

from airflow_provider_flashpoint.core.secrets.known import masked

MAX_CHARACTERS = 300  # of a reason
_PRE_CUT = 16  # times the limit: long enough for blanks
_MARGIN = 1024  # characters; no part of a secret beyond it may be left where the text is cut
_BEFORE_OUR_LINES = re.compile(r"\n(?=  )")


class ForeignError(Exception):
    """Stands for an exception of another library whose text is not safe to show."""


def safe_to_show(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Return foreign text on one line of at most ``limit`` characters, see `clean`."""
    size = _PRE_CUT * limit
    known = masked(text) if len(text) <= size else masked(text[: size + _MARGIN])[:-_MARGIN]
    line = escaped(" ".join(known.split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def clean(text: str) -> str:
    """Return ``text`` with masked secrets and escaped unprintable characters.

    It stays on one line, except that an indented line, as in a list of problems, stays a line.
    """
    return "\n".join(map(escaped, _BEFORE_OUR_LINES.split(masked(text))))


def escaped(text: str) -> str:
    r"""Return ``text`` with an escape such as ``\x1b`` for each unprintable character.

    These are line breaks and other controls, characters that change the direction of text, and lone surrogates.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def harmless(error: BaseException, _known: dict[int, BaseException] | None = None) -> BaseException:
    """Return ``error``, or a stand-in where its text is not `clean`. The same happens to each error of its chain."""
    known = {} if _known is None else _known
    if id(error) in known:
        return known[id(error)]
    text = f"{type(error).__name__}: {error}"
    safe = error if clean(text) == text else ForeignError(clean(text)).with_traceback(error.__traceback__)
    known[id(error)] = known[id(safe)] = safe
    suppress = error.__suppress_context__
    safe.__cause__ = harmless(error.__cause__, known) if error.__cause__ else None
    safe.__context__ = harmless(error.__context__, known) if error.__context__ else None
    safe.__suppress_context__ = suppress
    return safe


def logger(name: str) -> logging.Logger:
    """Return the logger ``name``, whose records are made `clean`."""
    log = logging.getLogger(name)
    log.addFilter(_make_clean)
    return log


def _make_clean(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1]:
        error = harmless(record.exc_info[1])
        record.exc_info = (type(error), error, error.__traceback__)
    args = record.args if isinstance(record.args, tuple) else ()
    if not args or not all(type(each) in (int, float) for each in args):  # a count holds no foreign text
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the arguments do not fit, which the handlers report
            return True
        record.msg, record.args = clean(text), None
    return True
