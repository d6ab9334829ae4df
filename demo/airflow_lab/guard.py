"""``python -m demo.airflow_lab.guard <mark>``: ends the processes of a lab whose own process has died."""

from __future__ import annotations

import sys

from demo.airflow_lab.marks import end_all

if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_all(sys.argv[1])
