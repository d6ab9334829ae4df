"""What messages of requests name: the address, the field of the connection, and the remedy."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests_mock import Mocker

from airflow_provider_flashpoint.core.http.client import HttpClient, Request
from airflow_provider_flashpoint.core.http.reason import ConnectionFields, shown_address
from airflow_provider_flashpoint.errors import ConfigurationError, FlashpointProviderError, NetworkError
from sandbox.certificates import make_certificates
from sandbox.http_service.message import Response
from sandbox.http_service.server import HttpServer, Route

BASE = "https://service.example/base"
FIELDS = ConnectionFields("acme_conn", address="api_base_url", credential="http_token")
PAGE = Route("GET", "/page", lambda request: Response.json([]))


def client(
    waits: list[float], base_url: str = BASE, *, fields: ConnectionFields = FIELDS, **options: Any
) -> HttpClient:
    session = requests.Session()
    return HttpClient(session, base_url=base_url, service="Service", fields=fields, sleep=waits.append, **options)


def refusal(base_url: str = BASE, *, waits: list[float] | None = None, **options: Any) -> FlashpointProviderError:
    """Return the error of a request, which records its waits."""
    with pytest.raises(FlashpointProviderError) as raised:
        client([] if waits is None else waits, base_url, **options).read_json(Request("GET", "/page"))
    return raised.value


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (404, "Nothing is there: check `api_base_url` of the connection acme_conn, and the path."),
        (302, "It points elsewhere: check `api_base_url` of the connection acme_conn."),
        (401, "The token is unknown, expired or revoked: put a new one into `http_token` of the connection acme_conn."),
        (403, "The token lacks the right, or belongs to another host: check `http_token` of the connection acme_conn."),
        (400, "The request itself is refused: check its settings."),
        (201, "This status is not expected."),
    ],
)
def test_a_refusal_names_the_whole_address_and_the_field(requests_mock: Mocker, status: int, remedy: str) -> None:
    """The cause comes first, with the host and its path, then the field of the connection to correct."""
    requests_mock.get(f"{BASE}/page", status_code=status, headers={"Location": "/"})
    assert str(refusal()) == f"Service GET {BASE}/page: status {status}. {remedy}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:word@h.example:8443/a/?token=x#y", "https://h.example:8443/a"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("https://[no", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_without_user_and_query(url: str, shown: str) -> None:
    """Secrets that somebody wrote into an address are not shown."""
    assert shown_address(url) == shown


def test_a_host_that_cannot_be_resolved_is_named_with_its_field() -> None:
    """The field with the wrong host is named, which is not always `host`."""
    said = str(refusal("http://nobody.invalid/lookup-api", max_attempts=1))
    assert said == (
        "Service GET http://nobody.invalid/lookup-api/page: the host name cannot be resolved; check `api_base_url` of "
        "the connection acme_conn and the DNS."
    )


def test_an_answer_without_tls_is_retried_and_names_the_address() -> None:
    """A host without a scheme means TLS. A balancer that is out of order answers in plain text too, for a while."""
    waits: list[float] = []
    with HttpServer([PAGE]) as server:
        error = refusal(server.url.replace("http:", "https:"), waits=waits)
    assert isinstance(error, NetworkError)
    assert str(error).endswith(
        "the server answered without TLS. If it has none, correct the port, or begin `api_base_url` of the connection "
        "acme_conn with http://."
    )
    assert waits


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServer]:
    certificates = make_certificates(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_cert, certificates.server_key)
    with HttpServer([PAGE], ssl_context=context) as server:
        yield server


@pytest.mark.parametrize(
    ("verify", "remedy"),
    [("verify", "`verify` of the connection acme_conn"), ("", "the authorities that this machine trusts")],
)
def test_a_certificate_that_is_not_trusted(tls_server: HttpServer, verify: str, remedy: str) -> None:
    """A certificate of an unknown authority is an error at once, which names the field only where there is one."""
    waits: list[float] = []
    error = refusal(tls_server.url, waits=waits, fields=FIELDS._replace(verify=verify))
    assert isinstance(error, ConfigurationError)
    assert "the certificate of the server is not trusted (" in str(error)
    assert f"); check {remedy}, and `api_base_url`" in str(error)
    assert waits == []
