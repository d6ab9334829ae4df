"""Keys of streams: no two streams share a Variable or a directory, whatever their names are."""

from __future__ import annotations

import itertools
import re

import pytest

from airflow_provider_flashpoint.core.stream_key import StreamKey

LONG = "L" * 300
NAMES = [
    ("Domains", "acme", "flashpoint_default"),
    ("Domains", "beta", "flashpoint_default"),
    ("Domains", "acme", "flashpoint_two"),
    ("domains", "acme", "flashpoint_default"),
    ("ip-dst|port", "acme", "f"),
    ("ip-dst_port", "acme", "f"),
    ("ip-dst port", "acme", "f"),
    ("a.b__keywords", "acme", "f"),
    ("a.b", "keywords__acme", "f"),
    ("a.b", "keywords", "acme__f"),
    ("a.b_", "acme", "f"),
    ("a.b", "_acme", "f"),
    ("a.b", "acme_", "f"),
    ("a.b", "acme", "_f"),
    ("..", "acme", "f"),
    (".", "acme", "f"),
    ("", "..", "f"),
    (f"{LONG}a", "acme", "f"),
    (f"{LONG}b", "acme", "f"),
    ("a.b", f"{LONG}a", "f"),
    ("a.b", f"{LONG}b", "f"),
    ("ä\ud800", "acme", "f"),
    ("a/b", "acme", "f"),
    ("a#b?c", "acme", "f"),
]
KEYS = [StreamKey(*parts) for parts in NAMES]


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(KEYS, 2)])
def test_two_streams_share_neither_variable_nor_directory(one: StreamKey, other: StreamKey) -> None:
    """Another name, destination or source is another Variable and another directory, on every file system."""
    assert one.variable("flashpoint_lookup__") != other.variable("flashpoint_lookup__")
    assert one.directory().lower() != other.directory().lower()
    assert one.directory("domain").lower() != one.directory("Domain").lower()


@pytest.mark.parametrize("key", KEYS)
def test_the_names_of_a_stream_are_safe_and_short(key: StreamKey) -> None:
    """A Variable has at most the 250 characters of Airflow's database, a directory is one visible level."""
    variable, directory = key.variable("flashpoint_alerts__"), key.directory("domain")
    assert len(variable) <= 250
    assert len(directory) <= 80
    assert re.fullmatch(r"flashpoint_alerts__[A-Za-z0-9_.-]+", variable)
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*-[0-9a-f]{16}", directory)


def test_an_ordinary_variable_is_readable() -> None:
    """The Variable of an ordinary stream is its name, its destination and its source, joined."""
    key = StreamKey("my.app.a.b__keywords", "acme", "flashpoint_default")
    assert key.variable("flashpoint_alerts__") == "flashpoint_alerts__my.app.a.b__keywords__acme__flashpoint_default"
