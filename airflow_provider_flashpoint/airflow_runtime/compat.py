"""Names that differ between Airflow lines and that `airflow.providers.common.compat.sdk` lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import DeltaDataIntervalTimetable, RetryDecision, RetryPolicy
    from airflow.sdk._shared.secrets_masker import redact
    from airflow.sdk.log import mask_secret
else:
    try:
        from airflow.sdk import DeltaDataIntervalTimetable
    except ImportError:  # before 3.2
        from airflow.timetables.interval import DeltaDataIntervalTimetable
    try:
        from airflow.sdk.log import mask_secret, redact
    except ImportError:  # 2.11
        from airflow.utils.log.secrets_masker import mask_secret, redact
    try:
        from airflow.sdk import RetryDecision, RetryPolicy
    except ImportError:  # before 3.3
        RetryDecision = RetryPolicy = None

__all__ = ["DeltaDataIntervalTimetable", "RetryDecision", "RetryPolicy", "mask_secret", "redact"]
