"""Reading and writing a state: a failed write is repeated and then logged, a failed read is an error."""

from __future__ import annotations

import logging
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.storage.variables import read_state, write_state
from airflow_provider_flashpoint.core.state import EventState
from airflow_provider_flashpoint.errors import TransientError

pytestmark = pytest.mark.airflow


class Storage:
    """Replaces `Variable.set`, and fails the first ``failures`` times."""

    def __init__(self, failures: int) -> None:
        self.left = failures
        self.kept: dict[str, str] = {}

    def set(self, key: str, value: str, description: str) -> None:
        from airflow.providers.common.compat.sdk import AirflowException

        if self.left:
            self.left -= 1
            raise AirflowException("no database, and a value nobody may see")
        self.kept[key] = value


@pytest.fixture
def keep_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes states be written to a storage that fails a given number of times."""
    from airflow.providers.common.compat.sdk import Variable

    def storage(failures: int) -> Storage:
        made = Storage(failures)
        monkeypatch.setattr(Variable, "set", made.set)
        return made

    return storage


def test_a_write_that_fails_is_repeated(keep_in: Any) -> None:
    """A state is written in spite of a short failure of the storage."""
    storage, waits = keep_in(2), []
    assert write_state("v", EventState(), sleep=waits.append)
    assert storage.kept == {"v": EventState().to_json()}
    assert len(waits) == 2


def test_a_write_that_keeps_failing_is_a_warning_and_not_an_error(
    keep_in: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A successful delivery does not fail because its state cannot be written."""
    keep_in(100)
    with caplog.at_level(logging.WARNING):
        assert not write_state("v", EventState(), sleep=lambda seconds: None)
    assert "The Variable v could not be written" in caplog.text
    assert "nobody may see" not in caplog.text


def test_an_unreadable_state_is_not_an_absent_state(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed database of Airflow 2, which reports the Variable as absent, does not make the run start over."""
    from airflow import __version__

    if not __version__.startswith("2."):
        pytest.skip("a task of Airflow 3 does not use the database")
    from airflow.models.variable import Variable
    from airflow.secrets.metastore import MetastoreBackend

    Variable.set("flashpoint_alerts__there", EventState().to_json())
    monkeypatch.setattr(MetastoreBackend, "get_variable", None)  # Airflow logs every error of a backend and goes on
    with pytest.raises(TransientError, match="flashpoint_alerts__there cannot be read"):
        read_state(EventState, "flashpoint_alerts__there")
    assert read_state(EventState, "flashpoint_alerts__absent") is None
    Variable.delete("flashpoint_alerts__there")
