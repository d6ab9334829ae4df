"""The session of every request to Flashpoint and Devo."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import requests

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.core.http.deadline import DEFAULT_ANSWER_S, DeadlineAdapter
from airflow_provider_flashpoint.core.secrets.foreign_text import logger

for _name in ("connection", "connectionpool", "poolmanager", "response"):
    logger(f"urllib3.{_name}")  # their records hold addresses, headers and certificates


@cache
def installed_airflow() -> tuple[str, str] | None:
    """Return the name and the version of the installed Airflow, whole or in part, or None."""
    for name in ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk"):
        with contextlib.suppress(PackageNotFoundError):
            return name, version(name)
    return None


def user_agent() -> str:
    """Return the User-Agent of this product: its name and version, then those of the installed Airflow.

    Shape: ``airflow-provider-flashpoint/0.1.0 apache-airflow/3.3.2``. Devo's front may refuse the default of a library.
    """
    airflow = installed_airflow()
    return f"airflow-provider-flashpoint/{__version__}" + (" {}/{}".format(*airflow) if airflow else "")


def new_session(*, answer_s: float = DEFAULT_ANSWER_S) -> requests.Session:
    """Return a session that names this product, without a token.

    :param answer_s: seconds for one answer, see `DeadlineAdapter`.
    """
    session = requests.Session()
    session.mount("https://", DeadlineAdapter(answer_s))
    session.mount("http://", DeadlineAdapter(answer_s))
    session.headers["User-Agent"] = user_agent()
    return session


def trust(session: requests.Session, authorities: str) -> None:
    """Make a session trust these certificate authorities alone.

    :param authorities: what `read_certificates` reads, or a directory in OpenSSL's form.
    :raises ConfigurationError: they cannot be read.
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from airflow_provider_flashpoint.core.pasted.certificate_reader import read_certificates

    with contextlib.suppress(OSError, RuntimeError, ValueError):  # a text that is no path
        if (directory := Path(authorities).expanduser()).is_dir():
            session.verify = str(directory)
            return
    certificates = read_certificates("verify", authorities)
    # requests reads files alone, and at each new connection. This one exists as long as the session.
    file = tempfile.NamedTemporaryFile(prefix="authorities-", suffix=".pem")  # noqa: SIM115
    file.write(b"".join(each.public_bytes(Encoding.PEM) for each in certificates))
    file.flush()
    weakref.finalize(session, file.close)
    session.verify = file.name
