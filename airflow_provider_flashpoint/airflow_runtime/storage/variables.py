"""States in Airflow Variables: one for each lookup, one for each event table.

People can see, edit and delete Variables in the UI and on the command line of every version of Airflow. Variables have
no compare-and-set, so each has one writer: the one task that `max_active_tis_per_dag` lets run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import TypeVar

import tenacity

from airflow_provider_flashpoint.core.secrets.foreign_text import logger
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.errors import TransientError

State = TypeVar("State", LookupState, EventState)

_PREFIXES: dict[type[LookupState | EventState], str] = {
    LookupState: "flashpoint_lookup__",
    EventState: "flashpoint_alerts__",
}
_WRITE_ATTEMPTS = 4
_log = logger(__name__)


def prefix_of(kind: type[LookupState | EventState]) -> str:
    """Return the text that begins the names of all Variables with states of this kind."""
    return _PREFIXES[kind]


def read_state(kind: type[State], variable: str) -> State | None:
    """Return the state in a Variable, or None if there is none.

    :raises ConfigurationError: the Variable holds something else; the message says how to reset it.
    :raises TransientError: on Airflow 2, the Variable exists or may exist, and cannot be read.
    """
    from airflow.providers.common.compat.sdk import Variable

    text = Variable.get(variable, None)  # by position: the name of the default differs between Airflow 2 and 3
    if text is None and _is_unreadable(variable):
        raise TransientError(
            f"The Airflow Variable {variable} cannot be read: Airflow's database does not answer, or its value was "
            "encrypted with another fernet_key."
        )
    return kind.from_json(text, name=variable) if text is not None else None


def write_state(variable: str, state: LookupState | EventState, *, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Write a state and return whether that succeeded.

    The delivery has happened already, so a failure is retried, then logged, and never raised: the next run reads the
    same window again, which is harmless.
    """
    from airflow.providers.common.compat.sdk import Variable

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_storage_errors()),
        stop=tenacity.stop_after_attempt(_WRITE_ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=0.5),
        sleep=sleep,
        reraise=True,
    )
    try:
        retrying(Variable.set, variable, state.to_json(), state.describe())
    except _storage_errors() as error:
        _log.warning(
            "The Variable %s could not be written (%s). The data was delivered; the next run reads the same window "
            "again.",
            variable,
            type(error).__name__,
        )
        return False
    return True


def delete_variable(variable: str) -> None:
    """Delete a Variable; a failure is only logged."""
    from airflow.providers.common.compat.sdk import Variable

    try:
        Variable.delete(variable)
    except _storage_errors() as error:
        _log.warning("The Variable %s could not be deleted (%s).", variable, type(error).__name__)


def _is_unreadable(variable: str) -> bool:
    """Return whether the Variable exists or may exist, although Airflow 2 returned nothing for it without an error.

    A task of Airflow 3 cannot ask the database.
    """
    try:
        import_module("airflow.sdk")
    except ImportError:
        from airflow.models.variable import Variable
        from airflow.utils.session import create_session
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with create_session() as session:
                return session.query(Variable.key).filter(Variable.key == variable).count() > 0
        except SQLAlchemyError:
            return True
    return False


def _storage_errors() -> tuple[type[Exception], ...]:
    """Return the errors of reading and writing a Variable: the database's on Airflow 2, the supervisor's on 3."""
    from airflow.providers.common.compat.sdk import AirflowException

    errors: list[type[Exception]] = [AirflowException, OSError]
    try:
        from airflow.sdk.exceptions import AirflowRuntimeError

        errors.append(AirflowRuntimeError)
    except ImportError:
        from sqlalchemy.exc import SQLAlchemyError

        errors.append(SQLAlchemyError)
    return tuple(errors)
