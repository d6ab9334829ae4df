"""The settings of a Devo connection, and the errors for missing ones."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.core.devo.connection.api import api_session
from airflow_provider_flashpoint.core.devo.settings import DevoSettings
from airflow_provider_flashpoint.core.devo.transports import event_channel, lookups_client
from airflow_provider_flashpoint.errors import ConfigurationError

SECRET = "s3cret-of-the-test"


def settings_of(host: str | None = "collector-us.devo.io", **given: Any) -> DevoSettings:
    return read_settings(DevoSettings, given.pop("extra", {}), conn_id="devo_test", host=host, **given)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("collector-us.devo.io", "https://api-us.devo.com/lookup-api"),
        ("collector-eu.devo.io", "https://api-eu.devo.com/lookup-api"),
        ("collector-ca.devo.io", "https://api.ca.devo.com/lookup-api"),
        ("collector-ap.devo.io", "https://api.apac.devo.com/lookup-api"),
        ("Collector-US.Devo.io", "https://api-us.devo.com/lookup-api"),
        ("http-eu.devo.io", "https://api-eu.devo.com/lookup-api"),
        ("relay.example.com", ""),
        ("collector-us.devo.io.example.com", ""),
        ("xcollector-us.devo.io", ""),
        ("collector-zz.devo.io", ""),
        (None, ""),
    ],
)
def test_region_of_the_lookups_api(host: str | None, url: str) -> None:
    """The base URL of the Lookups API follows from a host of Devo's cloud, and from no other host."""
    assert settings_of(host).api_base_url == url


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("collector-us.devo.io", "https://http-us.devo.io"),
        ("collector-us3.devo.io", "https://http-us3.devo.io"),
        ("Collector-EU.devo.io", "https://http-eu.devo.io"),
        ("http-ca.devo.io", "https://http-ca.devo.io"),
        ("collector-ap.devo.io", "https://collector-ap.devo.io:8443"),
        ("collector-ap2.devo.io", "https://collector-ap2.devo.io:8443"),
        ("relay.example.com", ""),
        (None, ""),
    ],
)
def test_region_of_the_http_ingestion(host: str | None, url: str) -> None:
    """The base URL of the HTTP ingestion follows from a host of Devo's cloud, and from no other host."""
    assert settings_of(host).http_base_url == url


def test_given_http_ingestion_outranks_the_region() -> None:
    """A given base URL of the HTTP ingestion takes precedence."""
    assert settings_of(extra={"http_base_url": "http://127.0.0.1:1"}).http_base_url == "http://127.0.0.1:1"


def test_events_by_http_need_their_settings() -> None:
    """The error lists all settings that the HTTP ingestion needs; certificates are not among them."""
    settings = settings_of(None, extra={"event_transport": "http"})
    with pytest.raises(ConfigurationError, match="no `http_token` and no `domain` and no `http_base_url`"):
        event_channel(settings, "my.app.flashpoint.test")
    complete = {"event_transport": "http", "http_token": SECRET, "domain": "acme"}
    event_channel(settings_of(extra=complete), "my.app.flashpoint.test")


@pytest.mark.parametrize("extra", [{"event_framing": "octet_counted"}, {"event_date_field": "created_at"}])
def test_settings_of_syslog_alone(extra: dict[str, str]) -> None:
    """Settings that the HTTP ingestion does not support are refused, not ignored."""
    complete = {"event_transport": "http", "http_token": SECRET, "domain": "acme"}
    with pytest.raises(ConfigurationError, match="which is for syslog"):
        event_channel(settings_of(extra=complete | extra), "my.app.flashpoint.test")


def test_given_api_outranks_the_region() -> None:
    """A given base URL of the Lookups API takes precedence."""
    given = "http://127.0.0.1:1/lookup-api"
    assert settings_of(extra={"api_base_url": given}).api_base_url == given


@pytest.mark.parametrize(
    ("host", "name"), [(" relay.example.com ", "relay.example.com"), ("::1", "::1"), ("[::1]", "::1"), ("", "")]
)
def test_host(host: str, name: str) -> None:
    """Blanks and brackets around a host are removed."""
    assert settings_of(host).host == name


@pytest.mark.parametrize("host", ["https://collector-us.devo.io", "collector-us.devo.io:443", "a b", "a/b"])
def test_host_that_is_no_name(host: str) -> None:
    """A URL, or a port in the host, is refused with the name of the connection and an example."""
    with pytest.raises(ConfigurationError, match=r"devo_test: .*\n  host: .*a name alone, like collector-us"):
        settings_of(host)


@pytest.mark.parametrize("given", [SECRET, f" {SECRET}\n", f"Bearer {SECRET}", f"bearer  {SECRET}"])
def test_token(given: str) -> None:
    """Blanks around the token, and Bearer before it, are removed."""
    assert settings_of(password=given).token == SECRET


def test_defaults() -> None:
    """By default, events use syslog over TLS on port 443, and lookups use the API."""
    settings = settings_of()
    assert (settings.port, settings.insecure) == (443, False)
    assert (settings.event_transport, settings.lookup_transport) == ("syslog", "api")
    assert settings.max_line_bytes is None


@pytest.mark.parametrize(
    "name", ["connect_timeout_s", "send_timeout_s", "confirm_timeout_s", "job_timeout_s", "lookup_pause_s"]
)
def test_times_are_taken(name: str) -> None:
    """Each timeout can be set, and has a default."""
    assert getattr(settings_of(extra={name: 7}), name) == 7
    assert getattr(settings_of(), name) not in (None, 7)


def test_secrets_are_not_shown() -> None:
    """The repr of the settings contains no secret."""
    names = ("http_token", "private_key", "cert", "pkcs12", "pkcs12_password")
    settings = settings_of(password=SECRET, extra=dict.fromkeys(names, SECRET))
    assert settings.identity.key == SECRET
    assert SECRET not in repr(settings)


def test_session_sends_the_token_and_does_not_show_it() -> None:
    """The session for the APIs sends the token, and its repr does not contain it."""
    with api_session(settings_of(password=SECRET)) as session:
        request = session.prepare_request(requests.Request("GET", "http://127.0.0.1/"))
        assert request.headers["Authorization"] == f"Bearer {SECRET}"
        assert SECRET not in repr(session.auth)


def test_session_without_a_token() -> None:
    """Without a password, the error names the field as the form stores it."""
    with pytest.raises(ConfigurationError, match="devo_test has no `password`"):
        api_session(settings_of())


def test_lookups_without_domain_and_address() -> None:
    """The error lists all settings that are missing for lookups."""
    with pytest.raises(ConfigurationError, match="no `domain` and no `api_base_url`"):
        lookups_client(settings_of("relay.example.com"))


def test_events_without_a_host() -> None:
    """Events need a host."""
    with pytest.raises(ConfigurationError, match="devo_test has no `host`"):
        event_channel(settings_of(None), "my.app.flashpoint.test")


def test_events_without_certificates() -> None:
    """TLS without certificates is refused before connecting; plain TCP must be enabled."""
    with pytest.raises(ConfigurationError, match="no `cert` and no `private_key` and no `chain`"):
        event_channel(settings_of(), "my.app.flashpoint.test")
    event_channel(settings_of(extra={"insecure": True}), "my.app.flashpoint.test")


def test_lookups_over_syslog_need_what_events_need() -> None:
    """Lookups over syslog need a host and certificates, but no token."""
    settings = settings_of(None, extra={"lookup_transport": "syslog"})
    with pytest.raises(ConfigurationError, match="has no `host`"):
        lookups_client(settings)
    settings = settings_of(extra={"lookup_transport": "syslog"})
    with pytest.raises(ConfigurationError, match="there is no `cert`"):
        lookups_client(settings)


def test_lookups_over_syslog_are_framed_by_newlines() -> None:
    """A framing that only events support is refused, not ignored."""
    settings = settings_of(extra={"lookup_transport": "syslog", "event_framing": "octet_counted", "insecure": True})
    with pytest.raises(ConfigurationError, match="`event_framing`, which is for events"):
        lookups_client(settings)


def test_size_of_parts_is_taken() -> None:
    """The size of parts can be set in the connection."""
    assert settings_of(extra={"max_csv_bytes": 4096}).max_csv_bytes == 4096
    assert settings_of().max_csv_bytes > 4096
