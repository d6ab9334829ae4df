"""Invented alerts of the legacy API: messages, code files, and undocumented kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sandbox.dataset.hostile import hostile_text, large_text
from sandbox.dataset.seed import chance, fpid, iso, moment_s, observed, uuid

Document = dict[str, Any]

# Bodies of real messages have up to 3.3 kB.
_LINE = "\r\n&gt; the same seller again, prices in the thread, no samples – ask by message only, escrow accepted"
_MOST_LINES = 34
_KEYWORDS = ('"acme corp"', "acme-internal", 'acme AND ("dump" OR "leak")')


def alerts(
    seed: int,
    count: int,
    from_: datetime,
    to: datetime,
    *,
    without_ts: bool = False,
    with_large_value: bool = False,
) -> Iterator[Document]:
    """Yield ``count`` alerts with ``ts`` within ``[from_, to)``, roughly in this order.

    Kinds rotate: chat, chan and forum messages, code files, an unknown kind. ``ts`` is a float, sometimes an
    int. Some alerts share the second of the alert before, some its whole ``ts``. A third of the messages and
    all code files contain hostile texts; another third has long texts, up to 3.3 kB.

    :param without_ts: remove ``ts`` from the second alert; the observation time of its source is within the
        interval.
    :param with_large_value: give one message a body of about 1 MB.
    """
    end = to.timestamp()
    ts: float = 0
    for number in range(count):
        random = chance(seed, "alert", number)
        second = moment_s(seed, number, count, from_, to)
        turn = number % 11
        if turn == 4:
            second = int(ts)
        if turn != 7:
            ts = second if turn == 9 else min(round(second + random.random(), 6), round(end - 1e-6, 6))
        kind = _KINDS[number % len(_KINDS)]
        document = kind(seed, number, int(ts))
        document["ts"] = ts
        if with_large_value and number == count // 2 // len(_KINDS) * len(_KINDS):
            document["source"]["body"] = {"text/plain": large_text()}
        if without_ts and number == 1:
            del document["ts"]
        yield document


def _alert(seed: int, number: int, second: int, basetypes: list[str], source: Document) -> Document:
    tags: Document = [{}, {"flagged": None}, {"archived": None}, {"flagged": None, "archived": None}][number % 4]
    keyword = number % len(_KEYWORDS)
    return {
        "alert_id": uuid(seed, "alert", number),
        "fpid": uuid(seed, "alert fpid", number),
        "tags": tags,
        "keyword": {"keyword_id": uuid(seed, "keyword", keyword), "keyword_text": _KEYWORDS[keyword]},
        "basetypes": basetypes,
        "highlights": [f"dump of <x-fp-highlight>acme</x-fp-highlight> no. {number}"] if number % 5 else [],
        "source": {"basetypes": basetypes, "first_observed_at": observed(second, f"{second}.903289")} | source,
    }


def _message(seed: int, number: int, second: int, kind: str, site: str) -> Document:
    posted = second - 3600
    turn = number // len(_KINDS)
    text = hostile_text(turn // 3) if turn % 3 == 1 else f"&gt;&gt;{number} dump of acme corp soon"
    if turn % 3 == 2:
        text += _LINE * (number % _MOST_LINES)
    source = {
        "fpid": fpid(seed, "message", number),
        "native_id": str(900_000 + number),
        "body": {"text/plain": text},
        "container": {
            "basetypes": ["conversation", kind, "container"],
            "fpid": fpid(seed, "container", number % 9),
            "container": {"title": "/demo/ - Demo, \"the\" board"},
        },
        "created_at": observed(posted, iso(posted)[:-1].replace("T", " ") + "+00:00"),
        "last_observed_at": observed(second + 60, f"{second + 60}.069707"),
        "parent_message": {"basetypes": ["conversation"], "native_id": str(number), "type": "parent_comment"},
        "site": {"title": site},
        "site_actor": {"names": {"handle": "Anonymous 👻", "aliases": ["Anonymous (None)"]}},
        "sort_date": iso(posted),
    }  # fmt: skip
    return _alert(seed, number, second, ["conversation", kind, "message"], source)


def _code(seed: int, number: int, second: int, service: str) -> Document:
    document = _alert(seed, number, second, ["code", "file", service, "repository"], {
        "fpid": fpid(seed, "code", number),
        "file": f"conf/a b/app{number}.properties",
        "owner": "demo",
        "repo": "demo-sdk",
        "snippet": f"key=acme-internal\r\nother={hostile_text(number)}\n",
        "source": service,
        "url": f"https://{service}.example/demo/demo-sdk/blob/main/conf/app{number}.properties",
    })  # fmt: skip
    # Code files have no dates.
    del document["source"]["first_observed_at"]
    return document


def _unknown(seed: int, number: int, second: int) -> Document:
    source = {"bucket": "demo-bucket", "keys": {"with.dots": [None, {}, 2**70]}, "size": 1.5}
    return _alert(seed, number, second, ["unknown-kind"], source)


# The second kind has a date in its source, which replaces ts where that is missing.
_KINDS: tuple[Callable[[int, int, int], Document], ...] = (
    lambda seed, number, second: _message(seed, number, second, "chat", "Telegram"),
    lambda seed, number, second: _message(seed, number, second, "forum", "demoforum"),
    lambda seed, number, second: _code(seed, number, second, "github"),
    lambda seed, number, second: _message(seed, number, second, "chan", "demochan"),
    lambda seed, number, second: _code(seed, number, second, "gitlab"),
    _unknown,
)
