"""Addresses of pages of Devo's web application.

Devo documents none. This form is that of the Devo integration of Cortex XSOAR (Devo_v2, ``build_link``).
"""

from __future__ import annotations

import base64
import json
from datetime import datetime

_PAGE = "/#/vapps/app.custom.queryApp_dev?&targetQuery="


def query_page(base_url: str, query: str, start: datetime, end: datetime) -> str:
    """Return the address of the page that runs a query.

    :param base_url: such as ``https://us.devo.com/welcome``.
    :param start, end: the dates of the events, in whole milliseconds.
    """
    dates = {"from": int(start.timestamp() * 1000), "to": int(end.timestamp() * 1000)}
    target = json.dumps({"query": query, "mode": "queryApp", "dates": dates})
    return base_url.rstrip("/") + _PAGE + base64.b64encode(target.encode("ascii")).decode("ascii")
