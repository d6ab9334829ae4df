"""Findings on the setup, and those on the staging storage. Nothing is pulled or sent."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError

if TYPE_CHECKING:
    from airflow_provider_flashpoint.config import CollectorConfig

_USER_IN_URI = re.compile(r"//[^/\s]*@")
_MAX_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one part of the setup is ready, with the facts, or the reason and the remedy."""

    part: str
    good: bool
    said: str


def examine(part: str, check: Callable[[], str]) -> Finding:
    """Return the sentence of ``check``, or the reason why it failed."""
    try:
        return Finding(part, True, check())
    except Exception as error:  # whatever is wrong with one part, the others are examined too
        return Finding(part, False, reason_of(error))


def reason_of(error: BaseException) -> str:
    """Return why something failed, without secrets: the provider's own message, or the first line of another one."""
    if isinstance(error, FlashpointProviderError):
        return str(error)
    first_line = next(iter(str(error).splitlines()), "").strip()
    text = _USER_IN_URI.sub("//…@", f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__)
    if "airflow" in sys.modules:  # Airflow knows the secrets to mask only once it is started
        from airflow_provider_flashpoint.airflow_runtime.compat import redact

        text = str(redact(text))
    return safe_to_show(text, _MAX_REASON_CHARACTERS)


def staging_findings(configs: Sequence[CollectorConfig]) -> Iterator[Finding]:
    """Resolve each address of the staging storage that the configurations use; by default, that of Airflow."""
    used = [part for config in configs for _, part in config.inputs()]
    for address in dict.fromkeys(settings.staging_uri for settings in used) or [None]:
        yield examine("staging storage", partial(_staging_place, address))


def _staging_place(address: str | None) -> str:
    from airflow_provider_flashpoint.airflow_runtime.storage.staging import staging_root
    from airflow_provider_flashpoint.core.staging.storage import is_local

    root = staging_root(address)
    if not is_local(root):
        return f"{root}, which is not tested here."
    place = Path(str(root))
    nearest = next(folder for folder in (place, *place.parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise ConfigurationError(f"{root} cannot be used: {nearest} is not a folder that this user can write into.")
    return f"{root}, which is there." if nearest == place else f"{root}, which the first run creates."
