"""Airflow as a person on the scheduler's machine reaches it: its connections and its Variables, through its database.

A task reads and writes Variables through Airflow's Execution API, which a command has not. So Variables are reached
through Airflow's model of them, and connections as Airflow's own command line reaches them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from importlib import import_module
from typing import Any

from airflow_provider_flashpoint.airflow_runtime.state_store import event_variable, lookup_variable
from airflow_provider_flashpoint.errors import ConfigurationError

_PREFIXES = (lookup_variable(""), event_variable(""))


def begin() -> None:
    """Start Airflow in this process, and make sure that its database answers.

    :raises ConfigurationError: it is not so.
    """
    start()
    state_variables()


def start() -> str:
    """Start Airflow in this process and return its version.

    :raises ConfigurationError: it is not installed, or its configuration does not let it start.
    """
    # What makes Airflow 3 read its database; earlier versions do so anyway. Its own commands set it as well.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        import_module("airflow.models")
        version: str = import_module("airflow").__version__
    except Exception as error:  # its start carries out the configuration of this machine, so anything may come of it
        raise ConfigurationError(
            f"Airflow does not start here ({_innermost(error)}). `airflow version` shows more."
        ) from error
    return version


def state_variables() -> list[str]:
    """Return the names of all Variables that hold a state, or should, as far as the database has them.

    :raises ConfigurationError: the database does not answer. Reading a single Variable would not tell.
    """
    with _database() as session:
        from sqlalchemy import or_, select

        key = _model().key
        is_state = or_(*(key.startswith(prefix, autoescape=True) for prefix in _PREFIXES))
        names: list[str] = list(session.scalars(select(key).where(is_state)))
    return sorted(names)


def read_variable(name: str) -> str | None:
    """Return what a task would read, or None where there is nothing, or nothing that can be decrypted."""
    from airflow.providers.common.compat.sdk import Variable

    text: str | None = Variable.get(name, None)
    return text


def write_variable(name: str, text: str) -> None:
    """Write a Variable into the database.

    :raises ConfigurationError: the database does not answer, or tasks would go on reading another value.
    """
    with _database():
        _model().set(name, text)
    if read_variable(name) != text:
        raise _shadowed(name)


def delete_variable(name: str) -> bool:
    """Delete a Variable from the database, and return whether it was there.

    :raises ConfigurationError: the database does not answer, or tasks would go on reading another value.
    """
    with _database():
        is_deleted: bool = _model().delete(name) > 0
    if read_variable(name) is not None:
        raise _shadowed(name)
    return is_deleted


def _model() -> Any:
    """Return the model of Variables; that of the task SDK writes through the Execution API, which only a task has."""
    from airflow.models import Variable

    return Variable  # noqa: AIR311


@contextlib.contextmanager
def _database() -> Generator[Any]:
    """Yield a session of Airflow's database, and tell in words why there is none."""
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            yield session
    except SQLAlchemyError as error:
        cause = next(iter(str(getattr(error, "orig", None) or type(error).__name__).splitlines()), "")
        raise ConfigurationError(
            f"Airflow's database does not answer as it should ({cause}). Is AIRFLOW_HOME the one of the scheduler, "
            "and was `airflow db migrate` run?"
        ) from error


def _innermost(error: BaseException) -> str:
    """Return what began a chain of errors; its words only where they cannot hold a part of the configuration."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return f"{type(error).__name__}: {error}" if isinstance(error, ImportError) else type(error).__name__


def _shadowed(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The Variable {name} is also set outside of Airflow's database (as AIRFLOW_VAR_{name.upper()}, or in a "
        "secrets backend), and that value is what tasks read. Change it there."
    )
