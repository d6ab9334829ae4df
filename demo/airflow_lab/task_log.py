"""Reads task logs as text from the files of both Airflow lines."""

from __future__ import annotations

import json
from pathlib import Path


def read(logs: Path, dag_id: str, run_id: str, task_id: str, try_number: int | None) -> str:
    """Return the log of one attempt of a task, or of all attempts in order, as lines of text.

    Logs of mapped tasks follow each other. The text is empty if nothing has been written yet.
    """
    folder = logs / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
    name = f"attempt={'*' if try_number is None else try_number}.log"
    files = sorted(folder.rglob(name), key=lambda file: (len(str(file)), str(file)))
    return "\n".join(_text(line) for file in files for line in file.read_text(errors="replace").splitlines())


def _text(line: str) -> str:
    """Return a line of Airflow 2 unchanged, and an entry of Airflow 3 (JSON) as text."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict):
        return line
    errors = [f"{error.get('exc_type')}: {error.get('exc_value')}" for error in entry.get("error_detail") or ()]
    words = (entry.get("timestamp"), entry.get("level", "").upper(), entry.get("event"), *errors)
    return " ".join(str(word) for word in words if word)
