"""The session of every request to Flashpoint and Devo."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import requests

from airflow_provider_flashpoint import __version__


@cache
def user_agent() -> str:
    """Return the User-Agent of this product: its name and version, then those of the installed Airflow.

    Shape: ``airflow-provider-flashpoint/0.1.0 apache-airflow/3.3.2``. Devo's front may refuse the default of a library.
    """
    product = f"airflow-provider-flashpoint/{__version__}"
    for name in ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk"):
        try:
            return f"{product} {name}/{version(name)}"
        except PackageNotFoundError:
            continue
    return product


def new_session() -> requests.Session:
    """Return a session that names this product, without a token."""
    session = requests.Session()
    session.headers["User-Agent"] = user_agent()
    return session
