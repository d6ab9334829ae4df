"""The error of the lab."""

from __future__ import annotations


class LabError(RuntimeError):
    """A component died, a command failed, or time ran out. The message ends with the logs."""
