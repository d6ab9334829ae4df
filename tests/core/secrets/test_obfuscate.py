"""Obfuscation: values at the path of a rule are hidden, nothing else changes, and the input record stays whole."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_flashpoint.core import codec
from airflow_provider_flashpoint.core.secrets.obfuscate import MASK, ObfuscationAction, ObfuscationRule, Obfuscator
from airflow_provider_flashpoint.errors import DataError

HASH, MASKED, DROP = ObfuscationAction.HASH, ObfuscationAction.MASK, ObfuscationAction.DROP

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Few keys, so that rules match values, and one key with a dot, which is not a path.
KEYS = st.sampled_from(["a", "b", "c", "a.b"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=20,
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=4)
Case = tuple[dict[str, Any], list[ObfuscationRule]]
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


def nodes(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield the place of every node of a record, with its value, or the type of a container."""
    if isinstance(value, (dict, list)):
        yield place, type(value)
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from nodes(inner, (*place, key))
    else:
        yield place, value


def is_named(place: tuple[str | int, ...], rules: list[ObfuscationRule]) -> bool:
    """Whether a rule matches this place or a container of it."""
    keys = tuple(key for key in place if isinstance(key, str))
    return any(keys[: len(rule.path)] == rule.path for rule in rules)


def cases(*actions: ObfuscationAction) -> st.SearchStrategy[Case]:
    """Return records with rules, at most one for each path; many of the paths match."""

    def with_rules(record: dict[str, Any]) -> st.SearchStrategy[Case]:
        found = {tuple(key for key in place if isinstance(key, str)) for place, _ in nodes(record)} - {()}
        paths = st.sampled_from(sorted(found)) | PATHS if found else PATHS
        rule = st.builds(ObfuscationRule, paths, st.sampled_from(actions))
        return st.tuples(st.just(record), st.lists(rule, max_size=4, unique_by=lambda rule: rule.path))

    return RECORDS.flatmap(with_rules)


CASES = cases(HASH, MASKED, DROP)


def with_unique_texts(value: Any, numbers: Iterator[int]) -> Any:
    """Return ``value`` with a unique text in place of each scalar."""
    if isinstance(value, dict):
        return {key: with_unique_texts(inner, numbers) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_unique_texts(inner, numbers) for inner in value]
    return f"<text {next(numbers)}>"


@given(CASES)
@UNHURRIED
def test_nothing_outside_the_paths_changes(case: Case) -> None:
    """Every value without a rule stays in its place, and nothing is added."""
    record, rules = case
    hidden = Obfuscator(rules).hide(record)
    assert [node for node in nodes(hidden) if not is_named(node[0], rules)] == [
        node for node in nodes(record) if not is_named(node[0], rules)
    ]


@given(CASES)
@UNHURRIED
def test_no_text_at_a_path_survives(case: Case) -> None:
    """Values at a path, or below it, are nowhere in the obfuscated record."""
    record, rules = case
    record = with_unique_texts(record, itertools.count())
    hidden = codec.encode(Obfuscator(rules).hide(record)).decode()
    assert [text for place, text in nodes(record) if is_named(place, rules) and str(text) in hidden] == []


@given(CASES)
@UNHURRIED
def test_the_input_record_is_unchanged(case: Case) -> None:
    """Obfuscation makes a copy, so a failure leaves no record half obfuscated."""
    record, rules = case
    before = copy.deepcopy(record)
    Obfuscator(rules).hide(record)
    assert record == before


@given(cases(MASKED, DROP))
@UNHURRIED
def test_masking_and_dropping_twice_is_the_same_as_once(case: Case) -> None:
    """The second pass finds nothing to hide."""
    record, rules = case
    once = Obfuscator(rules).hide(record)
    assert Obfuscator(rules).hide(once) == once


@given(CASES)
@UNHURRIED
def test_the_order_of_the_rules_does_not_matter(case: Case) -> None:
    """The same rules in another order hide the same values, also where their paths overlap."""
    record, rules = case
    assert Obfuscator(rules).hide(record) == Obfuscator(rules[::-1]).hide(record)


@given(CASES)
@UNHURRIED
def test_every_run_gives_the_same_digests(case: Case) -> None:
    """Hashed values of two runs with one secret can be joined."""
    record, rules = case
    assert Obfuscator(rules, secret="s").hide(record) == Obfuscator(rules, secret="s").hide(record)


def hidden(record: dict[str, Any], path: str, action: ObfuscationAction, *, secret: str = "") -> Any:
    return Obfuscator([ObfuscationRule(tuple(path.split(".")), action)], secret=secret).hide(record)


@given(CASES)
@UNHURRIED
def test_what_was_hidden_before_stays_as_it_is(case: Case) -> None:
    """A record that these rules have hidden is not changed by them again, and one that they have not is hidden."""
    record, rules = case
    obfuscator = Obfuscator(rules, secret="s\udcff")
    hidden = obfuscator.hide(record)
    assert obfuscator.for_hidden().hide(hidden) == hidden == obfuscator.for_hidden().hide(record)


def test_every_item_of_a_list_on_the_path_is_hidden() -> None:
    """Lists and nested lists need no key in the path; items without the key stay unchanged."""
    record = {"Event": {"Tag": [{"name": 1, "id": 2}, [[{"name": 3}], "x"], None]}}
    assert hidden(record, "Event.Tag.name", MASKED) == {
        "Event": {"Tag": [{"name": MASK, "id": 2}, [[{"name": MASK}], "x"], None]}
    }


def test_a_value_is_dropped_with_its_key() -> None:
    """Nothing shows that there was a value."""
    assert hidden({"a": [{"b": 1, "c": 2}, {"b": 3}]}, "a.b", DROP) == {"a": [{"c": 2}, {}]}


@pytest.mark.parametrize("value", [["x", "y"], {"x": "y"}, [], {}, 0, False, None, ""])
def test_any_value_at_the_end_of_a_path_is_masked_as_a_whole(value: Any) -> None:
    """The mask shows neither the value nor its type."""
    assert hidden({"a": value}, "a", MASKED) == {"a": MASK}


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        # FIPS 180-2, appendix B.1; the others by `printf '%s' '...' | sha256sum`.
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (1, "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"),
        ("1", "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"),
        ({"b": 2, "a": [1, "x"]}, "8cbd548a32262b76a6536efe4e7ba86a0e811fcd0475d83a43e10acd0615aa37"),
    ],
)
def test_without_a_secret_the_digest_is_sha_256(value: Any, digest: str) -> None:
    """A text is digested as it is, any other value as its JSON with sorted keys."""
    assert hidden({"a": value}, "a", HASH) == {"a": digest}


def test_with_a_secret_the_digest_is_hmac_sha_256() -> None:
    """RFC 4231, test case 2."""
    found = hidden({"a": "what do ya want for nothing?"}, "a", HASH, secret="Jefe")
    assert found == {"a": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"}


@pytest.mark.parametrize("value", [None, "", " ", "\t\n", "\u3000", [], {}])
def test_a_missing_value_stays_missing(value: Any) -> None:
    """Null, blank texts, empty lists and dictionaries are not hashed: a row without a key must not get one."""
    assert hidden({"a": value}, "a", HASH, secret="s") == {"a": value}


@pytest.mark.parametrize("value", [0, False, True, -1, 0.0, -2.5, "NaN", "\u200b", [1], {"a": 1}, "", None], ids=repr)
@pytest.mark.parametrize("path", [("key",), ("value", "domain")], ids=".".join)
def test_a_key_that_is_no_id_is_not_hashed(path: tuple[str, ...], value: Any) -> None:
    """A digest of a missing key would make one row of all rows without a key. Other values of that kind are hashed."""
    record: Any = value
    for name in reversed(path):
        record = {name: record, "other": 0}
    rules = [ObfuscationRule(path, HASH), ObfuscationRule(("other",), HASH)]
    found = Obfuscator(rules).hide(record, key=".".join(path))
    assert found == {**record, "other": hashlib.sha256(b"0").hexdigest()}
    good = {"key": "a", "value": {"domain": 7}}
    assert Obfuscator(rules).hide(good, key=".".join(path)) != good


def test_a_lone_surrogate_can_be_hashed() -> None:
    """A text that UTF-8 cannot encode is hashed too, alone and within a dictionary."""
    record = {"a": "x\ud800", "b": {"c": "x\ud800"}}
    rules = [ObfuscationRule(("a",), HASH), ObfuscationRule(("b",), HASH)]
    assert {len(digest) for digest in Obfuscator(rules).hide(record).values()} == {64}


def test_the_shorter_of_two_overlapping_paths_applies() -> None:
    """Of two overlapping rules, the one that hides more applies."""
    rules = [ObfuscationRule(("a", "b"), HASH), ObfuscationRule(("a",), MASKED)]
    assert Obfuscator(rules).hide({"a": {"b": 1}}) == {"a": MASK}


@pytest.mark.parametrize("path", ["a", "a.b"])
def test_deep_nesting_is_a_data_error(path: str) -> None:
    """No depth of nesting raises an error outside the provider's own."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DataError, match="nested more deeply"):
        hidden({"a": deep}, path, HASH)


def test_a_fingerprint_covers_the_whole_record_in_any_order() -> None:
    """Records that differ only in a hidden value have different fingerprints; the order of keys does not matter."""
    obfuscator = Obfuscator([ObfuscationRule(("a",), MASKED)], secret="s")
    assert obfuscator.fingerprint({"a": 1, "b": 2}) == obfuscator.fingerprint({"b": 2, "a": 1})
    assert obfuscator.fingerprint({"a": 1, "b": 2}) != obfuscator.fingerprint({"a": 3, "b": 2})
    assert obfuscator.fingerprint({"a": 1, "b": 2}) != Obfuscator().fingerprint({"a": 1, "b": 2})


def test_a_rule_without_a_match_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A mistyped path must not pass unnoticed."""
    obfuscator = Obfuscator([ObfuscationRule(("a",), HASH), ObfuscationRule(("typo", "x"), DROP)])
    obfuscator.hide({"a": "secret text"})
    with caplog.at_level("INFO"):
        obfuscator.report(1)
    assert [(entry.levelname, entry.getMessage()) for entry in caplog.records] == [
        ("INFO", "Obfuscation: hash of 'a', 1 values in 1 records."),
        ("WARNING", "Obfuscation: drop of 'typo.x' matched no value in 1 records; check its path."),
    ]


def test_no_rule_is_logged_without_records(caplog: pytest.LogCaptureFixture) -> None:
    """An empty window says nothing about a path."""
    Obfuscator([ObfuscationRule(("a",), HASH)]).report(0)
    assert not caplog.records
