"""The whole sandbox: a Flashpoint and a Devo on this machine, and the Airflow connections to them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Any, Self

from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.errors import InvalidSettingError
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.http_service.connection import CONTROL
from sandbox.http_service.faults import Fault

_SERVICES = ("flashpoint", "devo", "devo_syslog")


class Sandbox:
    """A Flashpoint server and a Devo server that start and stop together. Usable as a context manager.

    :param port: port of the Flashpoint server; 0 takes a free one. The settings of Devo hold its ports.
    """

    def __init__(
        self,
        flashpoint: FlashpointSettings | None = None,
        devo: DevoSettings | None = None,
        *,
        port: int = 0,
    ) -> None:
        self.flashpoint = FlashpointServer(flashpoint, port=port)
        self.devo = DevoServer(devo)

    def start(self) -> Self:
        """Serve both in threads until ``stop``. If one cannot start, neither runs."""
        with ExitStack() as stack:
            stack.enter_context(self.flashpoint)
            stack.enter_context(self.devo)
            stack.pop_all()
        return self

    def stop(self) -> None:
        """Stop both. A second call does nothing."""
        self.flashpoint.stop()
        self.devo.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def add_faults(self, faults: Any) -> None:
        """Script faults from JSON.

        :param faults: lists of faults by service, ``flashpoint``, ``devo`` (its HTTP services) and
            ``devo_syslog``, in the shapes of ``Fault`` and ``SyslogFault``.
        :raises InvalidSettingError: a service or a fault is unknown; then none is added.
        """
        if not isinstance(faults, dict) or not all(isinstance(each, list) for each in faults.values()):
            raise InvalidSettingError(f"Faults are an object of lists, for {', '.join(_SERVICES)}.")
        for service in faults:
            if service not in _SERVICES:
                raise InvalidSettingError(f"There is no service {service!r}; use {', '.join(_SERVICES)}.")
        flashpoint, devo = ([Fault.from_json(each) for each in faults.get(service, ())] for service in _SERVICES[:2])
        syslog = [SyslogFault.from_json(each) for each in faults.get("devo_syslog", ())]
        self.flashpoint.faults.add(*flashpoint)
        self.devo.faults.add(*devo)
        self.devo.syslog_faults.add(*syslog)

    def airflow_connections(self, api: str | None = None) -> dict[str, str]:
        """Return the environment variables that make these servers Airflow's default connections.

        Shape: ``AIRFLOW_CONN_FLASHPOINT_DEFAULT`` and ``AIRFLOW_CONN_DEVO_DEFAULT``, each one JSON object.

        :param api: the API generation of the connection to Flashpoint.
        """
        return {
            "AIRFLOW_CONN_FLASHPOINT_DEFAULT": json.dumps(self.flashpoint.airflow_connection(api)),
            "AIRFLOW_CONN_DEVO_DEFAULT": json.dumps(self.devo.airflow_connection()),
        }

    def summary(self) -> dict[str, Any]:
        """Return the addresses of the servers and of their inspection, and Flashpoint's document counts."""
        store = self.flashpoint.store
        return {
            "flashpoint": {
                "url": self.flashpoint.url,
                "control": f"{self.flashpoint.url}{CONTROL}/",
                "indicators": store.indicators.groups(),
                "alerts": len(store.alerts),
            },
            "devo": {
                "url": self.devo.url,
                "control": f"{self.devo.url}{CONTROL}/",
                "api_url": self.devo.api_url,
                "syslog_port": self.devo.syslog_port,
                "plain_port": self.devo.plain_port,
            },
        }
