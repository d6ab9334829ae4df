"""The file as a whole, and its two inputs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from airflow_provider_flashpoint.config.lookups import (
    MAX_LAG_S,
    MAX_REJECTS,
    SHARED_SETTINGS,
    lookup_entries,
    read_lookups,
)
from airflow_provider_flashpoint.config.model import (
    DEFAULT_ALERT_LAG,
    DEFAULT_DEVO_CONN_ID,
    DEFAULT_FLASHPOINT_CONN_ID,
    DEFAULT_LEDGER_RETENTION,
    DEFAULT_REQUEST_PERIOD,
    DEFAULT_STATISTICS_PERIOD,
    DEFAULT_TAG,
    DEFAULT_VERIFY_TIMEOUT,
    AlertInput,
    CollectorConfig,
    IndicatorInput,
    KeywordFeed,
    OnRerun,
    Verify,
)
from airflow_provider_flashpoint.config.obfuscation import read_obfuscation, refuse_needed_fields
from airflow_provider_flashpoint.config.problems import Problems, shown
from airflow_provider_flashpoint.config.section import Section
from airflow_provider_flashpoint.core.flashpoint.endpoints import DataSet

_INDICATORS, _ALERTS = "flashpoint_indicator", "flashpoint_alert"
_INPUTS = frozenset({_INDICATORS, _ALERTS})
_UNUSED = {
    "globals": "it is about the collector's own process, which Airflow takes the place of",
    "global_overrides": "it is about the collector's own process, which Airflow takes the place of",
    "outputs": f"where Devo is, and its certificates, belong to the connection {DEFAULT_DEVO_CONN_ID}",
}

_INPUT_KEYS = frozenset({"enabled", "environment", "id", "services"})
_DAG_SETTINGS = frozenset({
    "catchup", "devo_conn_id", "enabled", "flashpoint_conn_id", "initial_start_time", "max_active_runs",
    "obfuscation", "request_period_in_seconds", "staging_uri",
})  # fmt: skip
_INDICATOR_SETTINGS = _DAG_SETTINGS | SHARED_SETTINGS | {"lookup_name", "lookups"}
_ALERT_SETTINGS = _DAG_SETTINGS | {
    "heal_gaps", "lag_s", "ledger_retention_days", "max_rejects", "on_rerun", "override_tag", "page_size",
    "statistics_period_s", "tag", "telemetry", "verify", "verify_timeout_s",
}  # fmt: skip
_INDICATOR_SERVICES = ("indicators",)
_ALERT_SERVICES = ("alerts", "keywords", "keyword_classes")
_KEYWORD_SETTINGS = frozenset({"enabled", "override_tag", "path", "tag"})

_MAX_PERIOD_S = 7 * 86_400
_MAX_ACTIVE_RUNS = 1000
_MAX_RETENTION_DAYS = 3650
_MAX_ALERT_PAGE_SIZE = 5000
_ENVIRONMENT = re.compile(r"[^\s]([^\r\n]{0,62}[^\s])?")  # it becomes a tag of the DAG, which Airflow bounds
_CONN_ID = re.compile(r"[\w#!()\-.:/\\]{1,250}")
_TAG = re.compile(r"(?=.{3,1024}$)[A-Za-z0-9_()-]+(\.[A-Za-z0-9_()-]+)+")
_TAG_ALLOWED = f"ASCII letters, digits, _ and - in parts joined by dots, such as {DEFAULT_TAG}"
_PATH = re.compile(r"/(?!/)[^\s?#]*")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://[^\s:]*(:[^\s@]*)?")
_URI_ALLOWED = "a URI without a password, such as file:///data/flashpoint or s3://aws_default@bucket/flashpoint"


def parse_collector_config(document: Any, *, source: str = "The configuration of the collector") -> CollectorConfig:
    """Return the configuration that a mapping in the collector's shape describes.

    An input may hold its settings in ``services.indicators`` (``services.alerts``), in ``indicators``
    (``alerts``), or by itself; what stands deeper outranks. ``indicators.lookup_name: x`` means the same as
    ``indicators: {lookup_name: x}``.

    :param document: what `read_document` returns.
    :param source: the name of the file, for the message.
    :raises ConfigurationError: with one line for each problem: path of the key, its value, what is allowed.
    """
    problems = Problems(source)
    if not isinstance(document, Mapping):
        problems.add("", f"the file holds {shown(document)}; it must hold a mapping with the key inputs")
    root = Section(document if isinstance(document, Mapping) else {}, "", problems)
    inputs = root.section("inputs") or root
    root.refuse_unknown({"inputs", *_UNUSED} | (_INPUTS if inputs is root else set()))
    if inputs is not root:
        inputs.refuse_unknown(_INPUTS)
    if not inputs.values.keys() & _INPUTS and isinstance(document, Mapping):
        problems.add("inputs", f"at least one input is needed: {_INDICATORS} or {_ALERTS}")
    config = CollectorConfig(
        indicators=_read_indicators(inputs),
        alerts=_read_alerts(inputs),
        notes=tuple(f"{key} is not used: {why}." for key, why in _UNUSED.items() if key in root.values),
    )
    problems.raise_if_any()
    return config


def _read_indicators(inputs: Section) -> IndicatorInput | None:
    opened = _open(inputs, _INDICATORS, _INDICATOR_SERVICES, _INDICATOR_SETTINGS)
    if opened is None:
        return None
    entry, services = opened
    service = services["indicators"].within(entry, _INDICATOR_SETTINGS)
    lookups_by_type = lookup_entries(service)
    service.refuse_unknown(_INDICATOR_SETTINGS | lookups_by_type.keys())
    common = _read_common(entry, service)
    lookups = read_lookups(lookups_by_type, service)
    lookup_keys = {lookup.indicator_type: lookup.lookup_key for lookup in lookups}
    refuse_needed_fields(service, common["obfuscation"], DataSet.INDICATORS, lookup_keys)
    return IndicatorInput(lookups=lookups, **common) if service.flag("enabled", default=True) else None


def _read_alerts(inputs: Section) -> AlertInput | None:
    opened = _open(inputs, _ALERTS, _ALERT_SERVICES, _ALERT_SETTINGS)
    if opened is None:
        return None
    entry, services = opened
    service = services["alerts"].within(entry, _ALERT_SETTINGS)
    service.refuse_unknown(_ALERT_SETTINGS)
    tag = _read_tag(service, DEFAULT_TAG)
    retention_days = service.count(
        "ledger_retention_days", DEFAULT_LEDGER_RETENTION.days, minimum=1, maximum=_MAX_RETENTION_DAYS
    )
    common = _read_common(entry, service)
    refuse_needed_fields(service, common["obfuscation"], DataSet.ALERTS, {})
    config = AlertInput(
        tag=tag,
        lag=service.seconds("lag_s", DEFAULT_ALERT_LAG, minimum=0, maximum=MAX_LAG_S),
        page_size=service.count("page_size", None, minimum=2, maximum=_MAX_ALERT_PAGE_SIZE),
        heal_gaps=service.flag("heal_gaps", default=True),
        max_rejects=service.count("max_rejects", 0, minimum=0, maximum=MAX_REJECTS),
        on_rerun=service.choice("on_rerun", OnRerun.SKIP),
        ledger_retention=timedelta(days=retention_days),
        statistics_period=service.seconds(
            "statistics_period_s", DEFAULT_STATISTICS_PERIOD, minimum=1, maximum=_MAX_PERIOD_S
        ),
        telemetry=service.flag("telemetry", default=False),
        verify=service.choice("verify", Verify.CONFIRM),
        verify_timeout=service.seconds("verify_timeout_s", DEFAULT_VERIFY_TIMEOUT, minimum=1, maximum=_MAX_PERIOD_S),
        keywords=_read_keyword_feed(services["keywords"], tag),
        keyword_classes=_read_keyword_feed(services["keyword_classes"], tag),
        **common,
    )
    return config if service.flag("enabled", default=True) else None


def _open(
    inputs: Section, name: str, service_names: Collection[str], settings: Collection[str]
) -> tuple[Section, dict[str, Section]] | None:
    """Return an input and its services, empty where the file has none; None where it is absent or off."""
    entry = inputs.section(name)
    if entry is None:
        return None
    entry = entry.unfolded({"services", *service_names})
    if not entry.flag("enabled", default=True):
        entry.refuse_secrets()
        return None
    entry.refuse_unknown({*_INPUT_KEYS, *service_names, *settings})
    nested = entry.section("services")
    nested = (nested or entry.empty("services")).unfolded(service_names)
    nested.refuse_unknown(service_names)
    services = {}
    for service_name in service_names:
        inner, direct = nested.section(service_name), entry.section(service_name)
        if inner and direct:
            entry.problems.add(direct.path, f"it is at {inner.path} too; keep one of the two")
        services[service_name] = inner or direct or nested.empty(service_name)
    return entry, services


def _read_common(entry: Section, service: Section) -> dict[str, Any]:
    return {
        "id": entry.text("id", None),
        "environment": entry.text("environment", None, form=_ENVIRONMENT, allowed="a text of 1 to 64 characters"),
        "initial_start_time": service.instant("initial_start_time"),
        "request_period": service.seconds(
            "request_period_in_seconds", DEFAULT_REQUEST_PERIOD, minimum=1, maximum=_MAX_PERIOD_S
        ),
        "obfuscation": read_obfuscation(service),
        "flashpoint_conn_id": _read_conn_id(service, "flashpoint_conn_id", DEFAULT_FLASHPOINT_CONN_ID),
        "devo_conn_id": _read_conn_id(service, "devo_conn_id", DEFAULT_DEVO_CONN_ID),
        "catchup": service.flag("catchup", default=False),
        "max_active_runs": service.count("max_active_runs", 1, minimum=1, maximum=_MAX_ACTIVE_RUNS),
        "staging_uri": service.text("staging_uri", None, form=_URI, allowed=_URI_ALLOWED),
    }


def _read_conn_id(service: Section, name: str, default: str) -> str:
    return service.text(name, default, form=_CONN_ID, allowed="the id of an Airflow connection")


def _read_tag(section: Section, default: str) -> str:
    """Return ``tag``, or ``override_tag``, which is what other collectors of Devo call it."""
    other = section.text("override_tag", default, form=_TAG, allowed=_TAG_ALLOWED)
    return section.text("tag", other, form=_TAG, allowed=_TAG_ALLOWED)


def _read_keyword_feed(section: Section, default_tag: str) -> KeywordFeed | None:
    section.refuse_unknown(_KEYWORD_SETTINGS)
    feed = KeywordFeed(
        tag=_read_tag(section, default_tag),
        path=section.text("path", None, form=_PATH, allowed="a path that begins with one /, without a query"),
    )
    return feed if section.flag("enabled", default=bool(section.values)) else None
