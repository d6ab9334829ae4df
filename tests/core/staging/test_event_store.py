"""The files of an event stream lie where earlier versions wrote them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow_provider_flashpoint.core.staging.events.event_ledger import entry_of
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ENTRY = entry_of("a", None)


def fill(store: EventStore) -> None:
    """Write each file of a store."""
    store.lock.begin()
    store.ledger.add([ENTRY], at=NOW)
    for lines in (store.unsent, store.unverified):
        lines.keep([(ENTRY, b"a\n")], at=NOW)
    with store.rejected:
        store.rejected.add({}, "bad")


def test_layout(tmp_path: Path) -> None:
    """The names in the staging storage are part of the contract between versions."""
    fill(EventStore(tmp_path, work="run", at=NOW))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dead_letters",
        "ledger",
        "newest_try",
        "unsent",
        "unverified",
    ]


def test_preview_changes_nothing_of_the_stream(tmp_path: Path) -> None:
    """A preview knows the events of the ledger, and writes into its temporary directory only."""
    EventStore(tmp_path / "stream", work="run", at=NOW).ledger.add([ENTRY], at=NOW)
    before = sorted((tmp_path / "stream").rglob("*"))
    preview = EventStore.preview(tmp_path / "stream", temporary=tmp_path / "temporary")
    fill(preview)
    assert ENTRY in preview.ledger
    assert sorted((tmp_path / "stream").rglob("*")) == before
