"""What the lab raises when Airflow does not do what was asked of it."""

from __future__ import annotations


class LabError(RuntimeError):
    """A component died, a command failed, or time ran out; the message ends with the logs that tell why."""
