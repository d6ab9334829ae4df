"""The requests of a run to the storage: a constant number, however many runs there were before."""

from __future__ import annotations

import functools
from collections import Counter
from datetime import timedelta

import pytest

from airflow_provider_flashpoint.core.staging.events.event_ledger import EventLedger, entry_of
from airflow_provider_flashpoint.core.staging.events.event_store import EventStore
from airflow_provider_flashpoint.core.staging.indicators.lookup_ledger import LookupLedger
from airflow_provider_flashpoint.core.staging.prune import prune_rejected, prune_stages
from benchmarks.counted_store import CountedStore, StorePath
from benchmarks.history import NOW, Jobs, write_history

HOUR, MINUTES = timedelta(hours=1), timedelta(minutes=5)
NOTHING = timedelta(0)
each_job = pytest.mark.parametrize("job", ["pull", "sync", "alerts"])


@functools.cache
def history(runs: int, period: timedelta, old_layout: bool) -> dict[str, bytes]:
    objects: dict[str, bytes] = {}
    write_history(lambda key, content: objects.update({f"root/{key}": content}), runs, period, old_layout=old_layout)
    return objects


def store_after(runs: int, period: timedelta = HOUR, *, old_layout: bool = False) -> CountedStore:
    store = CountedStore()
    store.objects.update(history(runs, period, old_layout))
    return store


def requests(job: str, store: CountedStore, period: timedelta = HOUR, **options: object) -> Counter[str]:
    """Return the requests of one run of a job by kind."""
    store.requests.clear()
    getattr(Jobs(StorePath(store, "root"), period, **options), job)()  # type: ignore[arg-type]
    return Counter(store.requests)


@each_job
def test_a_run_asks_the_same_at_run_10_and_at_run_10000(job: str) -> None:
    """A run makes as many requests of each kind after 9,999 runs, all of which are kept, as after nine."""
    young, old = (requests(job, store_after(runs)) for runs in (9, 9_999))
    assert young == old
    assert sum(old.values()) <= 20


@each_job
@pytest.mark.parametrize(
    ("few", "many", "period", "options"),
    [
        pytest.param(300, 10_000, MINUTES, {}, id="kept, every five minutes"),
        pytest.param(4_000, 10_000, MINUTES, {"retention": timedelta(days=7)}, id="pruned after a week"),
        pytest.param(200, 10_000, HOUR, {"retention": NOTHING}, id="all of it pruned"),
        pytest.param(2_000, 10_000, MINUTES, {"retention": NOTHING}, id="all of it pruned, every five minutes"),
        pytest.param(9, 9_999, HOUR, {"retention": NOTHING, "prune": False}, id="a rule of the store prunes"),
        pytest.param(9, 900, HOUR, {"old_layout": True}, id="kept, written by 0.1.0"),
        pytest.param(90, 900, HOUR, {"old_layout": True, "retention": NOTHING}, id="pruned, written by 0.1.0"),
    ],
)
def test_a_run_asks_a_constant_number_whatever_is_kept_and_pruned(
    job: str, few: int, many: int, period: timedelta, options: dict[str, object]
) -> None:
    """A long history costs no request more than a short one of the same shape, also while it is being pruned."""
    options = dict(options)
    old_layout = bool(options.pop("old_layout", False))
    young, old = (
        requests(job, store_after(runs, period, old_layout=old_layout), period, **options) for runs in (few, many)
    )
    assert old - young <= Counter(remove=1)  # the days of the ledger that one run looks into are drawn
    assert sum(old.values()) <= 40


@each_job
def test_a_store_with_a_rule_is_not_pruned(job: str) -> None:
    """Without pruning a run removes nothing and lists no history."""
    store = store_after(9_999)
    kept = set(store.objects)
    pruned = requests(job, store_after(9_999), retention=NOTHING)
    unpruned = requests(job, store, retention=NOTHING, prune=False)
    assert unpruned["remove"] < pruned["remove"]
    assert unpruned["list"] < pruned["list"]
    assert kept <= set(store.objects)


@pytest.mark.parametrize("old_layout", [False, True])
def test_pruning_a_little_in_each_run_removes_all_that_is_old(old_layout: bool) -> None:
    """As many runs as there were before leave nothing that is older than the retention."""
    store = store_after(100, old_layout=old_layout)
    root = StorePath(store, "root")
    events = EventStore(root / "events", work="run", at=NOW)
    for _ in range(100):
        prune_stages(root / "stages", before=NOW)
        EventLedger(root / "events" / "ledger").prune(before=NOW)
        prune_rejected(root / "events" / "dead_letters", before=NOW)
    events.prune(before=NOW)
    kept = {key for key in store.objects if not key.startswith("root/lookup/")}
    assert {key for key in kept if "dead_letters" not in key} == set()
    assert all(f"{NOW:%Y%m%d}" in key for key in kept)


@pytest.mark.parametrize("retention_hours", [0, 1, 5, 23, 24, 49, 1_000])
def test_pruning_keeps_what_is_not_old(retention_hours: int) -> None:
    """Of a hundred hours, those within the retention stay, to the hour for stages and the ledger."""
    store = store_after(100)
    root, before = StorePath(store, "root"), NOW - timedelta(hours=retention_hours)
    for _ in range(100):
        prune_stages(root / "stages", before=before)
        EventLedger(root / "events" / "ledger").prune(before=before)
    kept = min(retention_hours, 100)
    assert sum(key.startswith("root/stages/") for key in store.objects) == 3 * kept
    assert sum(key.startswith("root/events/ledger/") for key in store.objects) == kept


@pytest.mark.parametrize("confirmations", [17, 100, 1_000, 9_999])
@pytest.mark.parametrize("time_us", [None, 0], ids=["without a time", "all of one hour"])
def test_a_folder_of_many_confirmations_is_merged(confirmations: int, time_us: int | None) -> None:
    """Events without a time, or of one hour, share a folder; however many there were, a later run reads a few files."""
    store = CountedStore()
    entries = [entry_of(f"{number}", time_us) for number in range(confirmations)]
    writer = EventLedger(StorePath(store, "ledger"))
    for number, entry in enumerate(entries):
        writer.add([entry], at=NOW - MINUTES * (confirmations - number))
    assert entries[0] in EventLedger(StorePath(store, "ledger"))
    store.requests.clear()
    later = EventLedger(StorePath(store, "ledger"))
    assert all(entry in later for entry in entries)
    assert entry_of("other", time_us) not in later
    assert store.requests["read"] <= 4
    assert store.requests["list"] <= 2


def test_a_lookup_ledger_lists_its_files_twice() -> None:
    """A sync lists the ledger when it asks whether there is one and when it reads it, and not after adding to it."""
    store = store_after(9_999)
    store.requests.clear()
    build = next(key for key in store.objects if key.startswith("root/lookup/")).split("/")[2]
    ledger = LookupLedger(StorePath(store, "root/lookup"), build=build)
    assert not ledger.is_empty()
    known = list(ledger.known())
    ledger.add(known[:1], at=NOW)
    assert not ledger.is_empty()
    assert (store.requests["list"], store.requests["write"]) == (2, 1)
