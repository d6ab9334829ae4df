"""The shipped DAGs of several API generations in one Airflow: each generation has its connection, lookups and table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config import default_lookup_name
from airflow_provider_flashpoint.core.stream_key import StreamKey
from airflow_provider_flashpoint.dag_factory import ALERT_DAG_ID, INDICATOR_DAG_ID
from airflow_provider_flashpoint.operators.pull_alerts import DEFAULT_TAG
from sandbox.generations import LEGACY, Generation
from sandbox.sandbox import Sandbox
from sandbox.verdict import EventVerdict, LookupVerdict, judge_alerts, judge_lookup
from tests.conftest import event_variable, lookup_variable


@dataclass(frozen=True)
class GenerationDags:
    """The pair of DAGs of one API generation. Those of legacy have the default ids, connection and names.

    :param types: the types of indicators that it reads.
    """

    generation: Generation
    types: tuple[str, ...]

    @property
    def api(self) -> str:
        return self.generation.api

    @property
    def _is_default(self) -> bool:
        return self.generation is LEGACY

    @property
    def conn_id(self) -> str:
        return "flashpoint_default" if self._is_default else f"flashpoint_{self.api}"

    @property
    def indicator_dag(self) -> str:
        return INDICATOR_DAG_ID if self._is_default else f"{INDICATOR_DAG_ID}__{self.api}"

    @property
    def alert_dag(self) -> str:
        return ALERT_DAG_ID if self._is_default else f"{ALERT_DAG_ID}__{self.api}"

    @property
    def dags(self) -> tuple[str, str]:
        return self.indicator_dag, self.alert_dag

    @property
    def tag(self) -> str:
        return DEFAULT_TAG if self._is_default else f"my.app.flashpoint.{self.api}"

    @property
    def variables(self) -> list[str]:
        """The Variables with the states of the lookups, then that of the alerts."""
        return [*map(self.lookup_variable, self.types), event_variable(self._key(self.tag))]

    def lookup_variable(self, indicator_type: str) -> str:
        return lookup_variable(self._key(self.lookup_name(indicator_type)))

    def _key(self, name: str) -> StreamKey:
        return StreamKey(name, destination="sandbox", source=self.conn_id)

    def lookup_name(self, indicator_type: str) -> str:
        name = default_lookup_name(indicator_type)
        return name if self._is_default else f"{self.api}_{name.rpartition('_Intelligence_')[2]}"

    def configuration(self, common: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration of a collector, with these settings of both inputs."""
        own = {} if self._is_default else {"flashpoint_conn_id": self.conn_id}
        entries = [
            {
                kind: {
                    "lookup_key": self.generation.lookup_key(kind),
                    "lookup_status": "New",
                    "lookup_name": self.lookup_name(kind),
                }
            }
            for kind in self.types
        ]
        inputs = {
            INDICATOR_DAG_ID: {"id": "1", "services": {"indicators": {**common, **own, "lookups": entries}}},
            ALERT_DAG_ID: {"id": "2", "services": {"alerts": {**common, **own, "tag": self.tag}}},
        }
        return {"inputs": inputs} if self._is_default else {"name": self.api, "inputs": inputs}

    def lookup(self, sandbox: Sandbox, indicator_type: str, **window: datetime) -> LookupVerdict:
        """Compare a lookup in Devo with Flashpoint."""
        name = self.lookup_name(indicator_type)
        return judge_lookup(sandbox, name, indicator_type=indicator_type, generation=self.generation, **window)

    def alerts(self, sandbox: Sandbox, **window: datetime) -> EventVerdict:
        """Compare the table of the alerts with Flashpoint."""
        return judge_alerts(sandbox, self.tag, generation=self.generation, **window)


def connections(sandbox: Sandbox, all_dags: Sequence[GenerationDags]) -> dict[str, str]:
    """Return the environment variables of the Airflow connections that the DAGs use."""
    flashpoint = {
        f"AIRFLOW_CONN_{each.conn_id.upper()}": json.dumps(sandbox.flashpoint.airflow_connection(each.api))
        for each in all_dags
    }
    return sandbox.airflow_connections() | flashpoint


def write_configurations(folder: Path, all_dags: Sequence[GenerationDags], common: Mapping[str, Any]) -> None:
    """Write a configuration file for each pair of DAGs into a folder.

    :param common: settings of all inputs.
    """
    for each in all_dags:
        (folder / f"{each.api}.yaml").write_text(json.dumps(each.configuration(common)), encoding="utf-8")
