"""Secrets are removed from records, wherever they stand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoint_of
from airflow_provider_flashpoint.core.secrets.fields import SecretFields
from sandbox.dataset.events.credentials import MARKER, NUMBER_MARKER, credentials

FIELDS = SecretFields(endpoint_of(Api.IGNITE_V2, DataSet.CREDENTIALS).secrets)
AGAIN = SecretFields(endpoint_of(Api.IGNITE_V2, DataSet.CREDENTIALS).secrets, cleaned_before=True)
NAME = st.sampled_from(["password", "Password", "a", "cookies", "body", "value", "x.password", "body.raw", "b.cookies"])
VALUE = st.recursive(
    st.sampled_from([None, 1, "text"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"password": "x", "password_complexity": {"length": 1}}, {"password_complexity": {"length": 1}}),
        ({"a": [{"b": [{"PASSWORD": "x", "c": 1}]}]}, {"a": [{"b": [{"c": 1}]}]}),
        ({"body": {"raw": "x"}, "highlight": {"body.raw": ["x"], "email": 1}}, {"highlight": {"email": 1}}),
        ({"cookies": [{"name": "n", "value": "x"}, {"n": "x"}, "n=x"]}, {"cookies": [{"name": "n"}, None, None]}),
        ({"cookies": {"name": "n", "value": {"a": "x"}}}, {"cookies": {"name": "n"}}),
        ({"cookies": "n=x", "a.cookies": [], "cookies.value": "x"}, {"cookies": None, "a.cookies": []}),
        ({"cookies": {"value": "x", "data": {"value": "x"}, "raw": "n=x", "name": "n"}}, {"cookies": {"name": "n"}}),
        ({"cookies": {"value": "x", "name": {"a": "x"}, "path": ["x"], "Domain": "d"}}, {"cookies": {"Domain": "d"}}),
        ({"value": 1, "a": {"value": 2}}, {"value": 1, "a": {"value": 2}}),
        ({"passwords": ["x"], "password_hash": "x", "a": {"Passwords": {"b": "x"}}}, {"a": {}}),
        ({"a": ["https://u:x@h/p?m=a@b"]}, {"a": ["https://h/p?m=a@b"]}),
        ({"a": "ftp://u:x@y@h:21 and http://x@h#f@g"}, {"a": "ftp://h:21 and http://h#f@g"}),
        ({"cookies": {"value": "x", "domain": "https://u:x@h"}}, {"cookies": {"domain": "https://h"}}),
        ({"email": "a@b", "url": "https://h/@a"}, {"email": "a@b", "url": "https://h/@a"}),
    ],
)
def test_what_is_removed(given: dict[str, Any], left: dict[str, Any]) -> None:
    """A secret goes with its key, in any case, at any depth and under a dotted name; the rest stays."""
    assert FIELDS.removed_from(given) == left


def test_no_secret_of_the_sandbox_is_left() -> None:
    """Each shape in which the sandbox hides a secret is known, and nothing else of the record changes its value."""
    window = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    for hit in credentials(3, 80, *window):
        text = json.dumps(FIELDS.removed_from(hit))
        assert MARKER not in text and str(NUMBER_MARKER) not in text
        assert json.loads(text)["_source"]["email"] == hit["_source"]["email"]


@given(VALUE)
def test_cleaning_again_changes_nothing(value: Any) -> None:
    """A record that has no secrets any more keeps what is left of its cookies."""
    once = FIELDS.removed_from({"cookies": value, "record": value})
    assert AGAIN.removed_from(once) == once


def test_a_record_that_was_never_cleaned_is_cleaned() -> None:
    """What removes secrets from records that may have none does so from those that have."""
    hits = list(credentials(3, 80, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)))
    assert [AGAIN.removed_from(hit) for hit in hits] == [FIELDS.removed_from(hit) for hit in hits] != hits


@given(VALUE)
def test_no_secret_key_is_left(value: Any) -> None:
    """Whatever the shape of a record, no secret key is left at any depth."""
    left = json.dumps(FIELDS.removed_from({"record": value})).casefold().replace(".", '"')
    assert not {"password", "body"} & set(left.split('"'))


def test_raw_json_is_looked_into() -> None:
    """A part of a record that is not decoded yet holds no secret afterwards."""
    assert FIELDS.removed_from({"a": msgspec.Raw(b'[{"password":"x"}]')}) == {"a": [{}]}


def test_a_record_that_is_nested_without_end_loses_its_depth() -> None:
    """A value too deep to be looked at is removed."""
    deep: Any = {"password": "x"}
    for _ in range(5000):
        deep = {"a": deep}
    assert "x" not in json.dumps(FIELDS.removed_from({"deep": [deep]}))
