"""The lineage of a task for OpenLineage: what it read from Flashpoint, and what it wrote in Devo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a task read and wrote.

    :param service: the address of Flashpoint.
    :param data_set: such as ``indicators.domain``.
    :param destination: the Devo domain, or without one the id of the connection.
    :param written: such as ``lookup.<name>``; empty where the task only staged.
    :param count: how many rows or events were sent.
    :param columns: of a lookup.
    """

    service: str
    data_set: str
    destination: str = ""
    written: str = ""
    count: int = 0
    columns: Sequence[str] = ()

    def for_open_lineage(self) -> Any:
        """Return the lineage as OpenLineage's provider takes it, which must be installed."""
        from airflow.providers.common.compat.openlineage import facet
        from airflow.providers.openlineage.extractors import OperatorLineage

        inputs = [facet.Dataset(namespace=self.service, name=self.data_set)]
        if not self.written:
            return OperatorLineage(inputs=inputs)
        fields = [facet.SchemaDatasetFacetFields(name=name, type="string") for name in self.columns]
        output = facet.OutputDataset(
            namespace=f"devo://{self.destination}",
            name=self.written,
            facets={"schema": facet.SchemaDatasetFacet(fields=fields)} if fields else {},
            outputFacets={"outputStatistics": facet.OutputStatisticsOutputDatasetFacet(rowCount=self.count)},
        )
        return OperatorLineage(inputs=inputs, outputs=[output])
