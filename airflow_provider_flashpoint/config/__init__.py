"""Configuration: the collector's file, read into validated settings.

``load_collector_configs`` is all that a DAG file needs. It reads files, and no connection, Variable or network.
"""

from __future__ import annotations

from airflow_provider_flashpoint.config.fields import OnRerun, Verify
from airflow_provider_flashpoint.config.load import (
    collector_config_path,
    load_collector_config,
    load_collector_configs,
)
from airflow_provider_flashpoint.config.lookups import default_lookup_name
from airflow_provider_flashpoint.config.model import (
    AlertInput,
    CollectorConfig,
    IndicatorInput,
    InputConfig,
    KeywordFeed,
    LookupConfig,
)
from airflow_provider_flashpoint.config.parse import parse_collector_config
from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationAction, ObfuscationRule
from airflow_provider_flashpoint.core.state import LookupStatus

__all__ = [
    "AlertInput",
    "CollectorConfig",
    "IndicatorInput",
    "InputConfig",
    "KeywordFeed",
    "LookupConfig",
    "LookupStatus",
    "ObfuscationAction",
    "ObfuscationRule",
    "OnRerun",
    "Verify",
    "collector_config_path",
    "default_lookup_name",
    "load_collector_config",
    "load_collector_configs",
    "parse_collector_config",
]
