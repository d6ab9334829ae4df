"""A wrong connection or configuration fails the task at once, with the exact error text, and sends nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.errors import InvalidTokenError, MissingTokenError
from sandbox.http_service.faults import Fault
from tests.conftest import RunDag
from tests.end_to_end.conftest import LEGACY_DAGS, World, common_settings

pytestmark = pytest.mark.airflow

MISSING = "SetupError 1: Please provide the bearer_token_base64 in the inputs."
INVALID = "SetupError 2: Please ensure the bearer token is prepared."


@pytest.fixture
def connect(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that sets both connections, with changes to the one of Flashpoint."""

    def set_connections(**changes: Any) -> None:
        for name, text in world.sandbox.airflow_connections().items():
            fields = json.loads(text)
            if "FLASHPOINT" in name:
                fields = {name: value for name, value in (fields | changes).items() if value is not None}
            monkeypatch.setenv(name, json.dumps(fields))

    return set_connections


def setup_error(module: str = "flashpoint_indicator", data_set: str = "indicators") -> BaseException:
    """Execute a setup task and return its error."""
    from airflow.providers.common.compat.sdk import AirflowFailException

    from airflow_provider_flashpoint.operators.setup import SetupOperator

    with pytest.raises(AirflowFailException) as caught:
        SetupOperator(task_id="setup", module=module, data_set=data_set).execute({})
    return caught.value


def nothing_was_sent(world: World) -> bool:
    return not world.sandbox.devo.tables.names() and not world.sandbox.devo.lookups.names()


def test_a_good_token_in_base64_passes_the_setup(connect: Any, world: World) -> None:
    """`bearer_token_base64` replaces the password."""
    from airflow_provider_flashpoint.operators.setup import SetupOperator

    token = base64.b64encode(world.sandbox.flashpoint.settings.token.encode()).decode()
    connect(password=None, extra={"bearer_token_base64": token})
    SetupOperator(task_id="setup", module="flashpoint_indicator", data_set="indicators").execute({})


def test_a_missing_token_is_setup_error_1(connect: Any, world: World) -> None:
    """A missing token is the collector's first error, and the task is not retried."""
    connect(password=None)
    error = setup_error()
    assert str(error).startswith(MISSING)
    assert isinstance(error.__cause__, MissingTokenError)
    assert nothing_was_sent(world)


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "two words"},
        {"password": "cut\noff"},
        {"password": None, "extra": {"bearer_token_base64": "no base64!"}},
        {"password": None, "extra": {"bearer_token_base64": base64.b64encode("ü".encode()).decode()}},
    ],
)
def test_a_malformed_token_is_setup_error_2(connect: Any, world: World, changes: dict[str, Any]) -> None:
    """A malformed token is an error before any request is sent."""
    connect(**changes)
    error = setup_error()
    assert str(error).startswith(INVALID)
    assert isinstance(error.__cause__, InvalidTokenError)
    assert nothing_was_sent(world)


def test_a_refused_token_is_setup_error_2(connect: Any, world: World) -> None:
    """A token that Flashpoint refuses is the same error, which does not contain the token."""
    connect(password="a-token-nobody-knows")
    error = setup_error()
    assert str(error).startswith(INVALID)
    assert "a-token-nobody-knows" not in str(error)
    assert nothing_was_sent(world)


def test_a_token_without_rights_is_setup_error_102(connect: Any, world: World) -> None:
    """A status of 403 is reported as an answer of the API."""
    connect(password=world.sandbox.flashpoint.settings.forbidden_token)
    assert str(setup_error()).startswith("SetupError 102: Api Flashpoint GET")


def test_a_refused_request_of_a_pull_is_pull_error_102(connect: Any, run_dag: RunDag, world: World, capfd: Any) -> None:
    """A request that Flashpoint refuses fails the pull at once, with the collector's code."""
    connect()
    world.sandbox.flashpoint.faults.add(
        Fault("status", match="updated_since", times=10, status=400, body='{"detail": "no such thing"}')
    )
    run = run_dag(indicator_dag(world), world.date(1))
    world.sandbox.flashpoint.faults.clear()
    assert run.state == "failed"
    address = f"{world.sandbox.flashpoint.url}/api/v4/indicators/attribute"
    assert f"PullError 102: Api Flashpoint GET {address}: status 400: no such thing." in output(capfd)


def test_a_wrong_lookup_key_lists_the_existing_keys(connect: Any, run_dag: RunDag, world: World, capfd: Any) -> None:
    """A key that is not in the flattened data fails the task, and nothing is sent."""
    connect()
    run = run_dag(indicator_dag(world, wrong_key=True), world.date(1))
    text = output(capfd)
    assert run.state == "failed"
    assert "lookup_key is 'value.wrong.domain', which is not a key of the flattened data. The keys there are:" in text
    assert "value.domain" in text
    assert nothing_was_sent(world)


def indicator_dag(world: World, *, wrong_key: bool = False) -> Any:
    """Return the indicator DAG, on request with keys that no indicator has."""
    from airflow_provider_flashpoint.dag_factory import indicator_dag as build

    document = LEGACY_DAGS.configuration(common_settings(world.start))
    if wrong_key:
        document = json.loads(json.dumps(document).replace('"value.', '"value.wrong.'))
    config = parse_collector_config(document)
    assert config.indicators
    return build(config.indicators)


def output(capfd: Any) -> str:
    captured = capfd.readouterr()
    return str(captured.out + captured.err)
