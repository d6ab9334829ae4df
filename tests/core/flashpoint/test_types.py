"""Names of types belong to an API generation."""

from __future__ import annotations

import pytest

from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import check_types
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
        "ipv4, ipv6, url. ip-dst exists with api ignite_v1 and legacy. Name types of ignite_v2, as `airflow-flashpoint "
        "config migrate FILE --to ignite_v2` does, or set `api` in the Flashpoint connection."
    )


def test_each_wrong_type_is_explained() -> None:
    """Of several wrong types each is named with where it exists, or with the type that is like it."""
    with pytest.raises(ConfigurationError) as raised:
        check_types(Api.IGNITE_V2, DataSet.INDICATORS, ["ip-dst", "foo-bar", "domian", "url"])
    text = str(raised.value)
    assert "of type ip-dst, foo-bar, domian with api ignite_v2." in text
    assert "ip-dst exists with api ignite_v1 and legacy. foo-bar is not a known type of any API generation. " in text
    assert "domian is not a known type of any API generation; did you mean domain? " in text


def test_the_types_of_misp_are_not_listed() -> None:
    """Legacy has dozens of types: the error names some."""
    with pytest.raises(ConfigurationError) as raised:
        check_types(Api.LEGACY, DataSet.INDICATORS, ["ipv4"])
    text = str(raised.value)
    assert "Its types are those of MISP, such as domain, url, ip-dst and sha256. ipv4 exists with api ignite_v2" in text
    assert "whois" not in text
