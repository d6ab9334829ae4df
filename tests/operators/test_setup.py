"""The setup task: its check of the query API, and its errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("airflow")

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_flashpoint.core.http.client import HttpClient
from airflow_provider_flashpoint.errors import TransientError
from airflow_provider_flashpoint.operators import PullIndicatorsOperator
from airflow_provider_flashpoint.operators.setup import SetupOperator
from sandbox.certificates import make_certificates
from sandbox.devo.settings import DevoSettings
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox

pytestmark = pytest.mark.airflow

TAG = "my.app.flashpoint.setup"


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(devo=DevoSettings(directory=tmp_path_factory.mktemp("certificates"))) as running:
        yield running


@pytest.fixture
def sandbox(_running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Both services as Airflow's default connections; retries do not wait."""
    for name, value in _running.airflow_connections().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(HttpClient.__init__.__kwdefaults__, "sleep", lambda seconds: None)
    yield _running
    _running.devo.faults.clear()
    _running.devo.http.log.clear()


def queries(sandbox: Sandbox) -> int:
    return len(sandbox.devo.http.log.requests("POST", "/search/query"))


def test_query_api_is_checked_only_for_verification(sandbox: Sandbox) -> None:
    """The setup sends one query if alerts are verified by queries, and none otherwise."""
    SetupOperator(task_id="setup", module="flashpoint_alert", data_set="alerts").execute({})
    assert queries(sandbox) == 0
    SetupOperator(task_id="setup", module="flashpoint_alert", data_set="alerts", query_tag=TAG).execute({})
    assert queries(sandbox) == 1


def test_refused_query_fails_the_setup(sandbox: Sandbox) -> None:
    """A refused query fails the setup, before anything is pulled, with the collector's code and text."""
    sandbox.devo.faults.add(Fault("status", status=403, match="/search/query"))
    operator = SetupOperator(task_id="setup", module="flashpoint_alert", data_set="alerts", query_tag=TAG)
    with pytest.raises(Exception, match=r"^Devo POST \S+/search/query: status 403.* \(SetupError 102: Api\)$"):
        operator.execute({})


@pytest.mark.parametrize("which", ["flashpoint", "devo"])
def test_a_missing_connection_fails_the_setup_with_the_command_that_adds_it(sandbox: Sandbox, which: str) -> None:
    """The message has the command of the type. A retry may help: a secrets backend that fails looks the same."""
    operator = SetupOperator(
        task_id="setup", module="flashpoint_alert", data_set="alerts", **{f"{which}_conn_id": "there_is_none"}
    )
    command = f"`airflow connections add there_is_none --conn-type {which} .*--conn-password '<.*`"
    with pytest.raises(TransientError, match=f"^Airflow has no connection there_is_none.*{command}"):
        operator.execute({})


def test_a_missing_connection_is_retried_by_a_pull(sandbox: Sandbox) -> None:
    """A short fault of a secrets backend costs no run."""
    operator = PullIndicatorsOperator(
        task_id="pull", indicator_type="domain", lookup_name="D", devo_conn_id="there_is_none"
    )
    with pytest.raises(TransientError, match="secrets backend or Airflow's database did not answer"):
        operator.execute({})


def test_a_refused_certificate_is_told_first(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What Devo refuses begins the message, not a text about Flashpoint's token; the collector's number ends it."""
    foreign = make_certificates(tmp_path)
    connection = json.loads(sandbox.airflow_connections()["AIRFLOW_CONN_DEVO_DEFAULT"])
    connection["extra"] |= {"cert": str(foreign.client_cert), "private_key": str(foreign.client_key)}
    monkeypatch.setenv("AIRFLOW_CONN_DEVO_DEFAULT", json.dumps(connection))
    said = r"^Devo refused the client certificate: .*\. Check `cert` and `private_key`\. \(SetupError 102: Api\)$"
    with pytest.raises(AirflowFailException, match=said):
        SetupOperator(task_id="setup", module="flashpoint_alert", data_set="alerts").execute({})


def test_types_of_another_generation_fail_the_setup(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type that the API generation of the connection does not have fails the setup, with the types that there are."""
    arguments = {"task_id": "setup", "module": "flashpoint_indicator", "data_set": "indicators"}
    SetupOperator(**arguments, indicator_types=["ip-dst", "sha256"]).execute({})
    connection = sandbox.flashpoint.airflow_connection() | {"extra": {"api": "ignite_v2"}}
    monkeypatch.setenv("AIRFLOW_CONN_FLASHPOINT_DEFAULT", json.dumps(connection))
    SetupOperator(**arguments, indicator_types=["ipv4", "file"]).execute({})
    with pytest.raises(Exception, match=r"of type ip-dst, sha256 with api ignite_v2\. Its types are domain"):
        SetupOperator(**arguments, indicator_types=["ip-dst", "domain", "sha256"]).execute({})


def test_filters_that_the_generation_does_not_accept_fail_the_setup(sandbox: Sandbox) -> None:
    """A filter that the API generation of the connection does not have fails the setup, with those that there are."""
    arguments = {"task_id": "setup", "module": "flashpoint_indicator", "data_set": "indicators"}
    SetupOperator(**arguments, filters=[{"query": "acme"}]).execute({})
    with pytest.raises(Exception, match=r"'score' is not a filter of .* allowed are: query"):
        SetupOperator(**arguments, filters=[{"query": "acme"}, {"score": "malicious"}]).execute({})
