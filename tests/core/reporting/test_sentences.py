"""The outcome of a task in sentences."""

from __future__ import annotations

import pytest

from airflow_provider_flashpoint.core.pipelines.deliver_ports import DeliverySummary
from airflow_provider_flashpoint.core.pipelines.deploy import DeploymentSummary
from airflow_provider_flashpoint.core.reporting.sentences import event_sentences, lookup_sentences


@pytest.mark.parametrize(
    ("summary", "sentences"),
    [
        (DeploymentSummary(rows_sent=1234567, operation="create"), "Lookup L was built with 1,234,567 rows."),
        (DeploymentSummary(operation="replace"), "Lookup L was rebuilt with 0 rows."),
        (DeploymentSummary(rows_sent=1, operation="append"), "Lookup L got 1 new or newer row."),
        (
            DeploymentSummary(superseded=3, rejected=1, extra_values=1000, operation="append"),
            "Lookup L is up to date. 3 rows left out: newer versions are in the lookup. 1 row without a key "
            "rejected. 1,000 values without a column put into _extra.",
        ),
    ],
)
def test_a_sync_says_what_it_did_to_the_lookup(summary: DeploymentSummary, sentences: str) -> None:
    """The change of the lookup comes first; a count of nothing is left out."""
    assert lookup_sentences("L", summary) == sentences


@pytest.mark.parametrize(
    ("summary", "sentences"),
    [
        (DeliverySummary(), "No event was found for the table t."),
        (DeliverySummary(read=2, repeated=2), "0 of 2 events sent to the table t. 2 events left out: Devo has them."),
        (DeliverySummary(read=1, sent=1, bytes=12), "1 of 1 event sent to the table t (12 bytes)."),
        (
            DeliverySummary(
                read=50, sent=44, bytes=2048, repeated=5, rejected=1, undated=2, without_id=3, unsent=7, verified=44,
                sent_again=4,
            ),
            "44 of 50 events sent to the table t (2.0 KiB). 7 events of an earlier run sent before them. 5 events left "
            "out: Devo has them. 1 event rejected. 2 events without a time. 3 events without an id, told apart by "
            "their content. 44 events verified in the table. 4 events missing there and sent again.",
        ),
    ],
)  # fmt: skip
def test_a_delivery_says_what_it_did_with_the_events(summary: DeliverySummary, sentences: str) -> None:
    """What was sent comes first; a count of nothing is left out."""
    assert event_sentences("t", summary) == sentences
