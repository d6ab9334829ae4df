"""The outcome of a task in sentences, for its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliverySummary
    from airflow_provider_flashpoint.core.pipelines.deploy import DeploymentSummary

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def counted(number: float, thing: str = "") -> str:
    """Return a number with its thing, in the plural unless it is one: ``1,234 rows``."""
    text = f"{number:,.0f}"
    return f"{text} {thing}{'' if text == '1' else 's'}" if thing else text


def size(number: float) -> str:
    """Return a number of bytes in a unit that suits it: ``3.4 MiB``."""
    unit = 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:,.1f} {_UNITS[unit]}" if unit else f"{number:,.0f} {_UNITS[0]}"


def lookup_sentences(name: str, summary: DeploymentSummary) -> str:
    """Return what a sync did to a lookup, and to the rows that are not in it as they came."""
    rows = counted(summary.rows_sent, "row")
    changes = {"create": f"was built with {rows}", "replace": f"was rebuilt with {rows}"}
    added = f"got {counted(summary.rows_sent, 'new or newer row')}" if summary.rows_sent else "is up to date"
    return _joined(
        f"Lookup {name} {changes.get(summary.operation, added)}.",
        (summary.superseded, "row", "left out: newer versions are in the lookup."),
        (summary.rejected, "row", "without a key rejected."),
        (summary.extra_values, "value", "without a column put into _extra."),
    )


def event_sentences(tag: str, summary: DeliverySummary) -> str:
    """Return what a delivery did with the events that it read."""
    read = f"{counted(summary.sent)} of {counted(summary.read, 'event')} sent to the table {tag}"
    sent = f"{read} ({size(summary.bytes)})" if summary.sent else read
    return _joined(
        f"{sent}." if summary.read else f"No event was found for the table {tag}.",
        (summary.unsent, "event", "of an earlier run sent before them."),
        (summary.repeated, "event", "left out: Devo has them."),
        (summary.rejected, "event", "rejected."),
        (summary.undated, "event", "without a time."),
        (summary.without_id, "event", "without an id, told apart by their content."),
        (summary.verified, "event", "verified in the table."),
        (summary.sent_again, "event", "missing there and sent again."),
    )


def _joined(first: str, *others: tuple[int, str, str]) -> str:
    return " ".join([first, *(f"{counted(number, thing)} {end}" for number, thing, end in others if number)])
