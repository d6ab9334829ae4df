"""The file by which a server tells another process that it is up, and where."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_ready_file(path: Path, value: Any) -> None:
    """Write ``value`` as JSON to a file that is absent until it is complete, for its owner only."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
    Path(name).replace(path)
