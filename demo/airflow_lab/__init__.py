"""A real, private Airflow 2 or 3 that runs as long as a ``with`` block."""

from __future__ import annotations

from demo.airflow_lab.control import Run, Task
from demo.airflow_lab.errors import LabError
from demo.airflow_lab.lab import AirflowLab

__all__ = ["AirflowLab", "LabError", "Run", "Task"]
