"""Addresses of proxies: any password works, and none is shown."""

from __future__ import annotations

import pytest

from airflow_provider_flashpoint.core.http.proxies import environment_proxies, proxy_address
from airflow_provider_flashpoint.core.secrets.known import masked
from airflow_provider_flashpoint.errors import ConfigurationError


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://proxy:3128", "http://proxy:3128"),
        ("proxy:3128", "http://proxy:3128"),
        ("http://user:p#ss@proxy:3128", "http://user:p%23ss@proxy:3128"),
        ("http://user:p/ss@proxy:3128", "http://user:p%2Fss@proxy:3128"),
        ("http://user:p?ss@proxy:3128", "http://user:p%3Fss@proxy:3128"),
        ("http://user:p@ss@proxy:3128", "http://user:p%40ss@proxy:3128"),
        ("http://user:p:ss@proxy:3128", "http://user:p:ss@proxy:3128"),
        ("http://user:100%@proxy:3128", "http://user:100%25@proxy:3128"),
        ("http://user:p%23ss@proxy:3128", "http://user:p%23ss@proxy:3128"),
        ("user:p#ss@proxy:3128", "http://user:p%23ss@proxy:3128"),
        ("socks5h://user:p//ss@proxy:1080/", "socks5h://user:p%2F%2Fss@proxy:1080/"),
        ("https://us\\er:pässwörd@[::1]:3128", "https://us%5Cer:p%C3%A4ssw%C3%B6rd@[::1]:3128"),
    ],
)
def test_a_password_needs_no_encoding(written: str, read: str) -> None:
    """Characters that a URL does not allow are encoded; what is encoded already stays."""
    assert proxy_address(written) == read


@pytest.mark.parametrize(
    "address",
    [
        "http://user:pw#/1@",
        "http://user:pw#/1@:3128",
        "http://user:pw#/1@proxy:port",
        "http://user:pw#/1@[::1",
        "http://",
    ],
)
def test_an_address_without_a_host_is_refused(address: str) -> None:
    """The error names the setting and the remedy, and neither shows nor chains the value."""
    with pytest.raises(ConfigurationError, match="proxy has no host, or a wrong port; write it like http") as raised:
        proxy_address(address)
    assert "pw#" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("text", ["p#ss/w", "p%23ss%2fw", "user:p#ss/w", "dXNlcjpwI3NzL3c="])
def test_the_secrets_of_a_proxy_are_known(text: str) -> None:
    """The password is masked from now on, as written, encoded, and as the proxy is sent it."""
    proxy_address("http://user:p#ss/w@proxy:3128")
    assert "***" in masked(f"407 for {text}")


def test_a_short_password_is_masked_beside_its_user() -> None:
    """A password of three characters is masked in an address, and its characters stay elsewhere."""
    proxy_address("http://user:pw@proxy:3128")
    assert masked("a pw at http://user:pw@proxy:3128") == "a pw at http://***@proxy:3128"


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the environment are written the same way, and NO_PROXY is obeyed."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:p#ss/w@proxy:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert environment_proxies("https://fp.tools/x")["https"] == "http://user:p%23ss%2Fw@proxy:3128"
    assert environment_proxies("https://inside.example/x") == {}
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pw@")
    with pytest.raises(ConfigurationError, match="environment variable HTTPS_PROXY has no host"):
        environment_proxies("https://fp.tools/x")
