"""``python -m airflow_provider_flashpoint.cli``: the same as ``airflow-flashpoint``."""

from __future__ import annotations

import sys

from airflow_provider_flashpoint.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
