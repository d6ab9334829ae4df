"""``python -m benchmarks.server``: the sandboxes, in a process of their own, until standard input ends.

Prints one JSON object when both are up: ``flashpoint_url``, ``flashpoint_token``, ``devo_url``, ``devo_token``,
``devo_domain``.
"""

from __future__ import annotations

import json
import sys

from airflow_provider_flashpoint.sandbox.dataset_bulk import bulk_indicators
from airflow_provider_flashpoint.sandbox.devo_settings import DevoSettings
from airflow_provider_flashpoint.sandbox.flashpoint_settings import FlashpointSettings
from airflow_provider_flashpoint.sandbox.sandbox import Sandbox
from benchmarks.scene import COLUMNS, INDICATOR_TYPE, window


def main() -> None:
    """Serve as many indicators as the first argument says, spread evenly over the window."""
    flashpoint = FlashpointSettings()
    devo = DevoSettings(job_polls=0)  # else the pauses between polls would be measured
    sandbox = Sandbox(flashpoint, devo)
    day = window()
    sandbox.flashpoint.store.publish_block(
        bulk_indicators(INDICATOR_TYPE, int(sys.argv[1]), day.start, day.end, columns=COLUMNS)
    )
    with sandbox:
        addresses = {
            "flashpoint_url": sandbox.flashpoint.url,
            "flashpoint_token": flashpoint.token,
            "devo_url": sandbox.devo.api_url,
            "devo_token": devo.api_token,
            "devo_domain": devo.domain,
        }
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
