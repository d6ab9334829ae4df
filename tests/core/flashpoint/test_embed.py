"""Parts that a server adds to records on request: the request, the size of its pages, and what is not allowed."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import check_selection
from airflow_provider_flashpoint.errors import ConfigurationError
from sandbox.dataset.indicators_v2 import indicators_v2
from tests.core.flashpoint.reading import COUNT, FROM, TO, read
from tests.core.flashpoint.sandbox_in_process import InProcess

TWO = ("apt_description", "mitre_attack_ids")
ADDED = {"apt_description", "external_references", "malware_description", "mitre_attack_ids", "relationships"}


@pytest.fixture(scope="module")
def sandbox() -> InProcess:
    made = InProcess()
    made.server.store.publish_indicators_v2(indicators_v2(1, COUNT, FROM, TO))
    return made


@pytest.mark.parametrize(
    ("embed", "parameter", "added"),
    [
        ((), None, set()),
        (None, "all", ADDED),
        (["all"], "all", ADDED),
        (TWO, ",".join(TWO), {*TWO}),
        (["related_iocs"], "related_iocs", {"relationships"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("page_size", [None, 1000, 7])
def test_embedded_parts_are_requested(
    sandbox: InProcess, embed: Any, parameter: str | None, added: set[str], page_size: int | None
) -> None:
    """The request names the parts, records have them, and pages keep to the size that the server then allows."""
    before = len(sandbox.queries)
    records = read(sandbox.client(Api.IGNITE_V2, page_size=page_size), embed=embed)
    assert len(records) == COUNT
    assert {*records[0]} & ADDED == added
    most = 500 if parameter else 1000
    for query in sandbox.queries[before:]:
        assert query.get("embed") == parameter
        assert int(query["size"]) == min(page_size or most, most)


@pytest.mark.parametrize("api", [Api.LEGACY, Api.IGNITE_V1])
def test_the_default_of_a_server_that_embeds_nothing(sandbox: InProcess, api: Api) -> None:
    """Where nothing can be embedded, the default is nothing, and `none` is allowed."""
    for embed in (None, ()):
        assert "embed" not in sandbox.client(api).source(DataSet.INDICATORS, embed=embed).endpoint.fixed_parameters


@pytest.mark.parametrize(
    ("api", "options", "said"),
    [
        (Api.LEGACY, {"embed": ["all"]}, r"embed is all for .*; allowed are: nothing; it exists on ignite_v2\. Leave"),
        (Api.IGNITE_V1, {"embed": ["all"]}, "allowed are: nothing"),
        (Api.IGNITE_V2, {"embed": ["sightings"]}, "embed is sightings for .*; allowed are: all, apt_description,"),
        (Api.IGNITE_V2, {"embed": ["all", "x"]}, "embed is all, x for"),
        (Api.LEGACY, {"row_per_hash": True}, r"row_per_hash is set, .* on ignite_v2 alone"),
        (Api.IGNITE_V2, {"row_per_hash": True, "lookup_key": "hashes.md5"}, r"lookup_key is 'hashes\.md5'"),
    ],
    ids=str,
)
def test_options_that_a_generation_does_not_have(api: Api, options: dict[str, Any], said: str) -> None:
    """They are errors of the configuration, before any request, also where a file is only validated."""
    with pytest.raises(ConfigurationError, match=said):
        check_selection(api, DataSet.INDICATORS, types=[], filters=[], lookups=[options])


@pytest.mark.parametrize("api", list(Api))
def test_options_that_a_generation_has(api: Api) -> None:
    """The default of every option is allowed on each generation."""
    check_selection(api, DataSet.INDICATORS, types=[], filters=[], lookups=[{}, {"embed": (), "lookup_key": None}])
    check_selection(Api.IGNITE_V2, DataSet.INDICATORS, types=[], filters=[], lookups=[{"row_per_hash": True}])
