"""Base URLs that are derived from a host: of known clouds alone, since each cloud has its own tokens."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.core.devo.queries import query_client
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.devo.transports import event_channel, lookups_client
from airflow_provider_flashpoint.errors import ConfigurationError

SERVICES = ("http_base_url", "api_base_url", "query_base_url")


def settings_of(host: str | None, **extra: Any) -> DevoSettings:
    return read_settings(DevoSettings, extra, conn_id="devo_test", host=host, password="a-token")


def derived(host: str | None) -> tuple[str, ...]:
    settings = settings_of(host)
    return tuple(getattr(settings, name) for name in SERVICES)


@pytest.mark.parametrize("prefix", ["collector", "http"])
@pytest.mark.parametrize(
    ("cloud", "urls"),
    [
        ("us", ("https://http-us.devo.io", "https://api-us.devo.com/lookup-api", "https://apiv2-us.devo.com")),
        ("eu", ("https://http-eu.devo.io", "https://api-eu.devo.com/lookup-api", "https://apiv2-eu.devo.com")),
        ("ca", ("https://http-ca.devo.io", "https://api.ca.devo.com/lookup-api", "https://apiv2-ca.devo.com")),
        (
            "ap",
            ("https://collector-ap.devo.io:8443", "https://api.apac.devo.com/lookup-api", "https://api-apac.devo.com"),
        ),
        ("us3", ("https://http-us3.devo.io", "", "https://api-us3.devo.com")),
        ("ap2", ("https://collector-ap2.devo.io:8443", "", "")),
    ],
)
def test_addresses_of_a_known_cloud(prefix: str, cloud: str, urls: tuple[str, ...]) -> None:
    """All base URLs belong to the cloud of the host; one that is not documented stays empty."""
    assert derived(f"{prefix}-{cloud}.devo.io") == urls


@pytest.mark.parametrize(
    "cloud", ["us2", "us4", "us33", "eu2", "ca2", "ap3", "es", "us3a", "us-3", "apac", "us0", "xus", ""]
)
def test_no_address_of_an_unknown_cloud(cloud: str) -> None:
    """A host whose name only begins like that of a known cloud gives no address: its token would go elsewhere."""
    assert derived(f"collector-{cloud}.devo.io") == ("", "", "")


@pytest.mark.parametrize(
    "host",
    [
        "collector-us.devo.io.example.com",
        "xcollector-us.devo.io",
        "collector-us.devo.com",
        "collector-us.example.com",
        "relay-us.devo.io",
        "collectorxus.devo.io",
        "192.0.2.1",
        None,
    ],
)
def test_no_address_of_another_host(host: str | None) -> None:
    """A host that is not Devo's gives no address."""
    assert derived(host) == ("", "", "")


@pytest.mark.parametrize(
    ("host", "field", "use"),
    [
        ("collector-us3.devo.io", "api_base_url", lookups_client),
        ("collector-ap2.devo.io", "api_base_url", lookups_client),
        ("collector-ap2.devo.io", "query_base_url", query_client),
        ("collector-us2.devo.io", "api_base_url", lookups_client),
        ("collector-us2.devo.io", "query_base_url", query_client),
        ("relay.example.com", "query_base_url", query_client),
    ],
)
def test_an_address_that_is_not_known_is_asked_for(host: str, field: str, use: Any) -> None:
    """The error names the field and the host; with the field, the service can be used."""
    with pytest.raises(ConfigurationError, match=rf"no `{field}`\. The host '{host}' does not tell the address"):
        use(settings_of(host, domain="acme"))
    use(settings_of(host, domain="acme", **{field: "https://service.example/path"}))


def test_the_ingestion_of_an_unknown_cloud_is_asked_for() -> None:
    """The same holds for events over HTTP."""
    extra = {"event_transport": "http", "http_token": "a-token", "domain": "acme"}
    with pytest.raises(ConfigurationError, match=r"no `http_base_url`\. The host 'http-us2\.devo\.io' does not tell"):
        event_channel(settings_of("http-us2.devo.io", **extra), "my.app.flashpoint.test")
    event_channel(settings_of("http-us3.devo.io", **extra), "my.app.flashpoint.test")
