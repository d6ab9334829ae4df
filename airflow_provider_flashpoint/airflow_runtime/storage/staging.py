"""The location of the staging storage."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import cast

from airflow_provider_flashpoint.core.staging.storage import StoragePath, local_path

_STAGE_RETENTION_DAYS = 7.0
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def staging_root(uri: str | None) -> StoragePath:
    """Return the root of the staging storage.

    :param uri: the operator's setting; by default ``[flashpoint] staging_uri`` of Airflow's configuration, or else the
        directory ``flashpoint`` in AIRFLOW_HOME.
    """
    from airflow.providers.common.compat.sdk import conf

    configured = uri or conf.get("flashpoint", "staging_uri", fallback="")
    home = Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
    return storage_path(configured.strip() or str(home.absolute() / "flashpoint"))


def stage_retention() -> timedelta:
    """Return how long stages are kept, by Airflow's configuration."""
    from airflow.providers.common.compat.sdk import conf

    return timedelta(days=conf.getfloat("flashpoint", "stage_retention_days", fallback=_STAGE_RETENTION_DAYS))


def prunes() -> bool:
    """Return whether runs remove what is older than its retention, by Airflow's configuration."""
    from airflow.providers.common.compat.sdk import conf

    return bool(conf.getboolean("flashpoint", "prune", fallback=True))


def storage_path(uri: str) -> StoragePath:
    """Return the path of an address: a local path, see `local_path`, else Airflow's ObjectStoragePath.

    An object store needs its provider, and may name an Airflow connection: ``s3://aws_default@bucket/key``.

    :raises ConfigurationError: the address cannot be meant.
    """
    local = local_path(uri)
    if local is not None:
        return cast("StoragePath", local)
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    return cast("StoragePath", ObjectStoragePath(uri))


def directory_name(text: str) -> str:
    """Return ``text`` as a safe name of a directory."""
    return _UNSAFE.sub("_", text)
