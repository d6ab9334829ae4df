"""Errors of the provider as the outcome of a task of Airflow: it is retried, failed or skipped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_flashpoint.core.secrets.foreign_text import harmless
from airflow_provider_flashpoint.errors import FlashpointProviderError, OutdatedWindowError, TransientError


@contextlib.contextmanager
def translated_errors(translate: Callable[[FlashpointProviderError], FlashpointProviderError]) -> Generator[None]:
    """Translate errors into the collector's codes, and fail the task at once if a retry cannot help.

    The texts of all causes are made safe to show. A window that is too old skips the task.

    :raises AirflowFailException: for every error outside the transient group; the error itself is its cause.
    """
    try:
        yield
    except OutdatedWindowError as error:
        raise AirflowSkipException(str(error)) from error
    except FlashpointProviderError as error:
        harmless(error)
        translated = translate(error)
        if isinstance(translated, TransientError):
            raise translated from error
        raise AirflowFailException(str(translated)) from error
    except Exception as error:
        safe = harmless(error)
        if safe is error:
            raise
        raise safe from safe.__cause__
