"""The hooks of the connection types ``flashpoint`` and ``devo``. Each name is imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.devo.lookups.ports import Operation
    from airflow_provider_flashpoint.hooks.devo import DevoHook
    from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

__all__ = ["DevoHook", "FlashpointHook", "Operation"]

_MODULES = {  # noqa: RUF067  a task that only sends does not import the client of Flashpoint
    "DevoHook": "airflow_provider_flashpoint.hooks.devo",
    "FlashpointHook": "airflow_provider_flashpoint.hooks.flashpoint",
    "Operation": "airflow_provider_flashpoint.core.devo.lookups.ports",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
