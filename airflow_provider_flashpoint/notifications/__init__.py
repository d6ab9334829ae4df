"""The notifiers of this provider."""

from __future__ import annotations

from airflow_provider_flashpoint.notifications.devo import DevoNotifier
from airflow_provider_flashpoint.notifications.stale import StaleNotifier

__all__ = ["DevoNotifier", "StaleNotifier"]
