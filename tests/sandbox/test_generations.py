"""The API generations of the sandbox: their data, and what a client must find there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_flashpoint.core.flashpoint.rows.flatten import flatten
from sandbox.generations import GENERATIONS, Document, Generation
from sandbox.sandbox import Sandbox
from sandbox.verdict import judge_events

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(hours=1)
KIND = "domain"

each_generation = pytest.mark.parametrize("generation", GENERATIONS.values(), ids=list(GENERATIONS))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def row(document: Document) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in flatten(document).items()}


@each_generation
def test_a_value_of_several_documents_counts_by_the_newest_one(sandbox: Sandbox, generation: Generation) -> None:
    """Values repeat; the newest document of each is expected, and a row of an earlier version is older."""
    store = sandbox.flashpoint.store
    generation.indicators.publish(store, 1, 300, START, END, types=(KIND,))
    before = generation.newest(store, KIND)
    assert 200 < len(before) < len(getattr(store, generation.indicators.index))
    touched = generation.touch(store, types=[KIND], at=END)
    after = generation.newest(store, KIND, END)
    assert {each[generation.indicators.id_field] for each in after.values()} <= set(touched)
    assert after.keys() == before.keys()
    value = next(iter(before))
    assert generation.is_older(row(before[value]), after[value])
    assert not generation.is_older(row(after[value]), after[value])
    assert generation.newest(store, KIND, until=START) == {}


@each_generation
def test_a_filter_narrows_the_expected_indicators(sandbox: Sandbox, generation: Generation) -> None:
    """Only documents that match are expected."""
    store = sandbox.flashpoint.store
    generation.indicators.publish(store, 1, 30, START, END, types=(KIND,))
    value, document = next(iter(generation.newest(store, KIND).items()))
    identity = generation.indicators.id_field

    def matches(each: dict[str, Any]) -> bool:
        return bool(each[identity] == document[identity])

    assert generation.newest(store, KIND, matches=matches) == {value: document}


@each_generation
def test_alerts_have_the_id_of_their_generation(sandbox: Sandbox, generation: Generation) -> None:
    """The ids of a window are distinct, and a table without them has lost them all."""
    generation.alerts.publish(sandbox.flashpoint.store, 1, 20, START, END, with_large_value=True)
    ids = generation.alert_ids(sandbox.flashpoint.store, START, END)
    assert len(set(ids)) == 20
    verdict = judge_events(sandbox, "my.app.none", ids, id_field=generation.alerts.id_field)
    assert (verdict.lost, verdict.is_good) == (tuple(sorted(ids)), False)


@each_generation
def test_one_document_of_each_kind_can_be_large(sandbox: Sandbox, generation: Generation) -> None:
    """A text of a megabyte is in an indicator and in an alert."""
    store = sandbox.flashpoint.store
    for kind in (generation.indicators, generation.alerts):
        kind.publish(store, 1, 30, START, END, with_large_value=True)
        assert max(len(json.dumps(each)) for each in kind.documents(store, None, None, None)) > 1_000_000
