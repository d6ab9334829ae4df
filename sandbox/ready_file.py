"""The file in which a server publishes its addresses once it is up."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def write_ready_file(path: Path, value: Any) -> None:
    """Write ``value`` as JSON to a file that only its owner can read. The file appears when it is complete."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
    Path(name).replace(path)
