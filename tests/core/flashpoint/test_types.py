"""Names of types belong to an API generation."""

from __future__ import annotations

import pytest

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.errors import ConfigurationError
from tests.core.flashpoint.sandbox_in_process import InProcess

WRONG = [
    *(
        (Api.IGNITE_V2, each)
        for each in ("ip-dst", "ip-dst|port", "sha256", "md5", "hostname", "yara", "made-up", "IPv4")
    ),
    *((api, each) for api in (Api.LEGACY, Api.IGNITE_V1) for each in ("ipv4", "ipv6", "file", "extracted_config")),
]
RIGHT = [
    *((Api.IGNITE_V2, each) for each in ("ipv4", "ipv6", "domain", "url", "file", "extracted_config")),
    *((Api.LEGACY, each) for each in ("ip-dst|port", "sha512/256", "named pipe", "AS", "domain", "url", "made-up")),
    (Api.IGNITE_V1, "sha512/256"),
]


@pytest.mark.parametrize(("api", "record_type"), WRONG)
def test_a_type_of_another_generation(api: Api, record_type: str) -> None:
    """A type that the generation does not have is an error before any request, where it would bring nothing."""
    sandbox = InProcess()
    client = sandbox.client(api)
    for attempt in (
        lambda: client.source(DataSet.INDICATORS, record_type=record_type),
        lambda: client.check(DataSet.INDICATORS, types=["domain", record_type]),
    ):
        with pytest.raises(ConfigurationError, match="Flashpoint has no indicators of type") as raised:
            attempt()
        assert record_type in str(raised.value)
    assert sandbox.queries == []


@pytest.mark.parametrize(("api", "record_type"), RIGHT)
def test_a_type_of_the_generation(api: Api, record_type: str) -> None:
    """A type of the generation is requested; where the set of types is open, so is one that is not known."""
    sandbox = InProcess()
    sandbox.client(api).check(DataSet.INDICATORS, types=[record_type])
    sandbox.client(api).source(DataSet.INDICATORS, record_type=record_type)
    assert len(sandbox.queries) == 1


def test_both_ways_out() -> None:
    """The error lists the types that there are, and the generations that have the type."""
    with pytest.raises(ConfigurationError) as raised:
        InProcess().client(Api.IGNITE_V2).source(DataSet.INDICATORS, record_type="ip-dst")
    assert str(raised.value) == (
        "Flashpoint has no indicators of type ip-dst with api ignite_v2. Its types are domain, extracted_config, file, "
        "ipv4, ipv6, url. Name one of these, as `airflow-flashpoint config migrate FILE --to ignite_v2` does, or set "
        "`api` in the Flashpoint connection to one that has the type: ignite_v1, legacy."
    )
