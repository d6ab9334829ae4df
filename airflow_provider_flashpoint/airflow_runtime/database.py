"""Airflow outside of a task: starting it, and its Variables through its database.

A task reads and writes Variables through Airflow's Execution API. A command, or a page of the web server, has no such
API and goes through the database model. Connections need nothing of this: hooks find them anywhere.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from importlib import import_module
from typing import Any

from airflow_provider_flashpoint.airflow_runtime.storage.variables import prefix_of
from airflow_provider_flashpoint.core.state import EventState, LookupState
from airflow_provider_flashpoint.errors import ConfigurationError

_PREFIXES = (prefix_of(LookupState), prefix_of(EventState))


def start() -> str:
    """Start Airflow in this process and return its version.

    :raises ConfigurationError: Airflow is not installed, or its configuration is wrong.
    """
    # Makes Airflow 3 read Variables and connections from its database, as its own commands do.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        import_module("airflow.models")
        version: str = import_module("airflow").__version__
    except Exception as error:  # starting Airflow runs this machine's configuration, which can raise anything
        raise ConfigurationError(
            f"Airflow does not start here ({_root_cause(error)}). `airflow version` shows more."
        ) from error
    return version


def state_variables() -> list[str]:
    """Return the sorted names of all Variables that hold the state of a stream.

    :raises ConfigurationError: the database does not answer. Reading one Variable would not show that.
    """
    with open_session() as session:
        from sqlalchemy import or_, select

        key = _model().key
        is_state = or_(*(key.startswith(prefix, autoescape=True) for prefix in _PREFIXES))
        return sorted(session.scalars(select(key).where(is_state)))


def read_variable(name: str) -> str | None:
    """Return the value that a task would read; None where it is absent or cannot be decrypted."""
    from airflow.providers.common.compat.sdk import Variable

    text: str | None = Variable.get(name, None)
    return text


def write_variable(name: str, text: str, description: str | None = None) -> None:
    """Write a Variable into the database, with a description for people.

    :raises ConfigurationError: the database does not answer, or tasks would still read another value.
    """
    with open_session():
        _model().set(name, text, description)
    if read_variable(name) != text:
        raise _shadowed(name)


def delete_variable(name: str) -> bool:
    """Delete a Variable from the database; return whether it existed.

    :raises ConfigurationError: the database does not answer, or tasks would still read another value.
    """
    with open_session():
        existed: bool = _model().delete(name) > 0
    if read_variable(name) is not None:
        raise _shadowed(name)
    return existed


def _model() -> Any:
    """Return the database model; the class of the task SDK needs the Execution API."""
    from airflow.models import Variable

    return Variable  # noqa: AIR311


@contextlib.contextmanager
def open_session() -> Generator[Any]:
    """Open a session of Airflow's database, which commits at its end.

    :raises ConfigurationError: the database failed.
    """
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            yield session
    except SQLAlchemyError as error:
        cause = next(iter(str(getattr(error, "orig", None) or type(error).__name__).splitlines()), "")
        raise ConfigurationError(
            f"Airflow's database failed ({cause}). Check that AIRFLOW_HOME is the scheduler's, and that "
            "`airflow db migrate` was run."
        ) from error


def _root_cause(error: BaseException) -> str:
    """Return the type of the first error of a chain; its message only where it cannot hold configuration values."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return f"{type(error).__name__}: {error}" if isinstance(error, ImportError) else type(error).__name__


def _shadowed(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The Variable {name} is also set outside of Airflow's database (as AIRFLOW_VAR_{name.upper()}, or in a "
        "secrets backend), and tasks read that value. Change it there."
    )
