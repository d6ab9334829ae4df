"""The option `[flashpoint] prune` of Airflow's configuration."""

from __future__ import annotations

import pytest

pytest.importorskip("airflow")

import requests

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.client import FlashpointClient
from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.core.origin import Origin
from airflow_provider_flashpoint.core.secrets.obfuscate import Obfuscator
from airflow_provider_flashpoint.operators import LookupSyncOperator, PullAlertsOperator
from airflow_provider_flashpoint.operators.base import OpenSource

pytestmark = pytest.mark.airflow


@pytest.mark.parametrize(("option", "prunes"), [(None, True), ("True", True), ("False", False), ("0", False)])
def test_every_job_prunes_unless_the_option_is_off(
    option: str | None, prunes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store with a lifecycle rule is not asked for what is old; by default each run removes some of it."""
    if option:
        monkeypatch.setenv("AIRFLOW__FLASHPOINT__PRUNE", option)
    alerts = PullAlertsOperator(task_id="alerts")
    lookup = LookupSyncOperator(task_id="lookup", indicator_type="domain", lookup_name="a", lookup_key="value")
    assert alerts.delivery_settings().prune is prunes
    client = FlashpointClient(HttpClient(requests.Session(), base_url="", service="Flashpoint"), api=Api.LEGACY)
    opened = OpenSource(client.source(DataSet.INDICATORS), Obfuscator(), Origin())
    assert lookup.sync_settings((), opened).prune is prunes
