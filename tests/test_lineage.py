"""The lineage of a task, as OpenLineage's provider takes it. Stand-ins take the place of its classes."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("airflow")

from airflow_provider_flashpoint.airflow_runtime.lineage import Lineage
from airflow_provider_flashpoint.operators import LookupSyncOperator

pytestmark = pytest.mark.airflow

SERVICE = "https://api.flashpoint.io"


@pytest.fixture(autouse=True)
def open_lineage(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenLineage's provider, whose classes keep what they are given."""
    from airflow.providers.common.compat.openlineage import facet

    def kept(**values: Any) -> SimpleNamespace:
        return SimpleNamespace(**values)

    for name in (
        "Dataset",
        "OutputDataset",
        "SchemaDatasetFacet",
        "SchemaDatasetFacetFields",
        "OutputStatisticsOutputDatasetFacet",
    ):
        assert hasattr(facet, name)
        monkeypatch.setattr(facet, name, kept)
    module = ModuleType("airflow.providers.openlineage.extractors")
    module.OperatorLineage = lambda inputs, outputs=(): SimpleNamespace(  # type: ignore[attr-defined]
        inputs=inputs, outputs=list(outputs)
    )
    for name in ("airflow.providers.openlineage", module.__name__):
        monkeypatch.setitem(sys.modules, name, module)


def test_a_sync_reads_indicators_and_writes_the_columns_of_a_lookup() -> None:
    """The output has the namespace of the Devo domain, the columns of the lookup and the number of rows."""
    lineage = Lineage(
        service=SERVICE,
        data_set="indicators.domain",
        destination="acme",
        written="lookup.D",
        count=7,
        columns=("a", "b"),
    )
    found = lineage.for_open_lineage()
    assert [(each.namespace, each.name) for each in found.inputs] == [(SERVICE, "indicators.domain")]
    (output,) = found.outputs
    assert (output.namespace, output.name) == ("devo://acme", "lookup.D")
    assert [each.name for each in output.facets["schema"].fields] == ["a", "b"]
    assert output.outputFacets["outputStatistics"].rowCount == 7


def test_a_pull_writes_nothing_in_devo() -> None:
    """A task that only stages has an input alone."""
    found = Lineage(service=SERVICE, data_set="indicators.domain").for_open_lineage()
    assert len(found.inputs) == 1
    assert found.outputs == []


def test_a_task_that_has_not_run_has_no_lineage() -> None:
    """OpenLineage may ask a task that was skipped or failed."""
    task = LookupSyncOperator(task_id="a", indicator_type="domain", lookup_name="D")
    assert task.get_openlineage_facets_on_complete(None) is None
