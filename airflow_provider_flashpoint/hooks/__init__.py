"""The hooks of the connection types ``flashpoint`` and ``devo``. Each is imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_flashpoint.hooks.devo import DevoHook
    from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

__all__ = ["DevoHook", "FlashpointHook"]

_MODULES = {"DevoHook": "devo", "FlashpointHook": "flashpoint"}  # noqa: RUF067  a task that sends imports nothing for reading


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
