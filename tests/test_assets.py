"""The assets of lookups and tables, and their events."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.assets import describe_events, lookup_asset, table_asset
from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.streams.catalog import dags_of

pytestmark = pytest.mark.airflow

LOOKUP = "Threatintel_Flashpoint_Intelligence_Domain"
TABLE = "threatintel.flashpoint.intelligence.alerts"


@pytest.mark.parametrize(
    ("asset", "uri"),
    [
        (lookup_asset(LOOKUP), f"x-devo://devo_default/lookup/{LOOKUP}"),
        (table_asset(), f"x-devo://devo_default/table/{TABLE}"),
        (table_asset("my.app.a", "devo/eu:1"), "x-devo://devo%2Feu%3A1/table/my.app.a"),
        (lookup_asset("日本 #1"), "x-devo://devo_default/lookup/%E6%97%A5%E6%9C%AC%20%231"),
    ],
)
def test_the_uri_of_an_asset_names_the_connection_the_kind_and_the_name(asset: Any, uri: str) -> None:
    """The URI has three parts, whose special characters are escaped, so no two lookups or tables share one."""
    assert asset.uri == uri


def test_each_lookup_and_each_table_of_the_shipped_dags_has_an_asset() -> None:
    """The task that writes a lookup or a table has it as its outlet; the setup and the pulls have none."""
    config = parse_collector_config({
        "flashpoint_indicator": {"lookups": [{"domain": {}}, {"url": {"lookup_name": "Urls"}}], "devo_conn_id": "eu"},
        "flashpoint_alert": {"keywords": {"tag": "my.app.keywords"}, "keyword_classes": {"path": "/classes"}},
        "flashpoint_report": {},
    })
    found = {task.task_id: task.outlets for dag in dags_of(config) for task in dag.tasks if task.outlets}
    assert found == {
        "sync_domain": [lookup_asset(LOOKUP, "eu")],
        "sync_url": [lookup_asset("Urls", "eu")],
        "pull_alerts": [table_asset()],
        "pull_keywords": [table_asset("my.app.keywords")],
        "pull_keyword_classes": [table_asset()],
        "pull_reports": [table_asset("my.app.flashpoint.report")],
    }


def test_a_task_outside_of_a_run_has_no_events() -> None:
    """A task that is executed by hand has no events to describe."""
    describe_events([lookup_asset(LOOKUP)], {}, {"window": {}})


def test_no_provider_is_asked_for_the_scheme_of_an_asset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Making an asset loads no list of providers, so a DAG file is parsed as fast as without assets."""
    from airflow.providers.common.compat.sdk import Asset

    def refuse(*_: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(f"{Asset.__module__}._get_uri_normalizer", refuse)
    lookup_asset(LOOKUP, "anew")
