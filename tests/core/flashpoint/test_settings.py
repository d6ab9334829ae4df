"""The fields of a Flashpoint connection, read and checked."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_flashpoint.connections import read_settings
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.settings import FlashpointSettings
from airflow_provider_flashpoint.errors import ConfigurationError, InvalidTokenError, MissingTokenError

TOKEN = "made-up.token_1~+/=="
ENCODED = base64.b64encode(TOKEN.encode()).decode()


def settings_of(
    *,
    host: str | None = "https://api.flashpoint.io",
    port: int | None = None,
    password: str | None = TOKEN,
    **extra: Any,
) -> FlashpointSettings:
    return read_settings(FlashpointSettings, extra, conn_id="fp", host=host, port=port, password=password)


@pytest.mark.parametrize("password", [TOKEN, f"  {TOKEN}\n", f"Bearer {TOKEN}", f"bearer  {TOKEN}"])
def test_password(password: str) -> None:
    """The password is the token, with or without the scheme and blanks around it."""
    assert settings_of(password=password).token == TOKEN


@pytest.mark.parametrize("text", [TOKEN, f"Bearer {TOKEN}\n"])
def test_base64(text: str) -> None:
    """Without a password the token is what bearer_token_base64 stands for."""
    encoded = base64.b64encode(text.encode()).decode() + "\n"
    assert settings_of(password=None, bearer_token_base64=encoded).token == TOKEN


def test_password_first() -> None:
    """A password wins over bearer_token_base64."""
    assert settings_of(bearer_token_base64=base64.b64encode(b"other").decode()).token == TOKEN


def test_account() -> None:
    """An account is a host and a token, in whatever form the token is given; its digest shows neither."""
    found = settings_of().account
    assert found == settings_of(password=None, bearer_token_base64=ENCODED).account == settings_of(page_size=7).account
    others = {settings_of(password=f"{TOKEN}x").account, settings_of(host="https://fp.tools").account}
    assert len({found, *others}) == 3
    assert TOKEN not in found


@pytest.mark.parametrize("extra", [{}, {"bearer_token_base64": ""}])
def test_no_token(extra: dict[str, str]) -> None:
    """A connection without a token says the first setup error, word for word."""
    with pytest.raises(MissingTokenError) as raised:
        settings_of(password=None, **extra)
    assert str(raised.value).startswith("SetupError 1: Please provide the bearer_token_base64 in the inputs.")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("+", " "),
        lambda text: text[:40] + "\n" + text[40:] + "\n",
        lambda text: text.replace("\n", r"\n") + r"\n",
        lambda text: f"\ufeff{text[:8]}\u200b{text[8:]}",
        lambda text: f"{text[:64]} {text[64:]}",
        lambda text: f"{text[:76]}  {text[76:]}",
    ],
)
def test_pasted_base64(change: Callable[[str], str]) -> None:
    """The base64 form of a token is read in every form in which people paste it, with each plus as a blank too."""
    token = "ab~cd>ef~" * 9 + "g"
    encoded = base64.b64encode(token.encode()).decode()
    assert "+" in encoded
    assert settings_of(password=None, bearer_token_base64=change(encoded)).token == token


WRONG_ENCODED = ["not base64!", "é", "YQ", base64.b64encode("ü".encode()).decode(), base64.b64encode(b" ").decode()]


@pytest.mark.parametrize("encoded", WRONG_ENCODED)
def test_wrong_base64(encoded: str) -> None:
    """What is not the base64 form of a token says the second setup error, word for word."""
    with pytest.raises(InvalidTokenError) as raised:
        settings_of(password=None, bearer_token_base64=encoded)
    assert str(raised.value).startswith("SetupError 2: Please ensure the bearer token is prepared.")


@pytest.mark.parametrize("password", [" ", "Bearer  ", "two words", "line\nbreak", "tökén"])
def test_wrong_token(password: str) -> None:
    """A token that no header can carry is refused."""
    with pytest.raises(InvalidTokenError):
        settings_of(password=password)


def test_wrong_token_stays_secret() -> None:
    """A token that is refused is not in the message."""
    with pytest.raises(InvalidTokenError) as raised:
        settings_of(password="nearly right")
    assert "nearly" not in str(raised.value)


def test_repr() -> None:
    """The text form of settings shows neither the token, nor the password of the proxy, nor the secret of digests."""
    shown = repr(settings_of(proxy="http://user:proxy-secret@proxy.example:3128", obfuscation_secret="digest-secret"))
    assert TOKEN not in shown
    assert "proxy-secret" not in shown
    assert "digest-secret" not in shown


@pytest.mark.parametrize(
    ("host", "port", "base_url"),
    [
        ("fp.tools", None, "https://fp.tools"),
        (" fp.tools\n", None, "https://fp.tools"),
        ("https://fp.tools/api/v4", None, "https://fp.tools"),
        ("https://fp.tools/api/alerting/v1/", None, "https://fp.tools"),
        ("http://127.0.0.1", 8080, "http://127.0.0.1:8080"),
        ("http://127.0.0.1:9090", 8080, "http://127.0.0.1:9090"),
        ("https://gateway.example/flashpoint/", None, "https://gateway.example/flashpoint"),
    ],
)
def test_base_url(host: str | None, port: int | None, base_url: str) -> None:
    """Host and port become one address, and the collector's own base paths are taken off."""
    assert settings_of(host=host, port=port).base_url == base_url


@pytest.mark.parametrize(
    "host",
    ["ftp://fp.tools", "https://", "https://fp.tools:port", "https://fp.tools:99999", "http://[", "https://fp tools"],
)
def test_wrong_host(host: str) -> None:
    """A host that is no address is told as an error of the connection."""
    with pytest.raises(
        ConfigurationError,
        match=r"connection fp: .*\n  host: .* must be like https://api\.flashpoint\.io",
    ):
        settings_of(host=host)


@pytest.mark.parametrize("api", [None, "legacy", "ignite_v2"])
def test_no_host(api: str | None) -> None:
    """A connection without a host names both hosts: the token must not go to one that it is not for."""
    with pytest.raises(ConfigurationError) as raised:
        settings_of(host=None, api=api)
    assert str(raised.value) == (
        "The connection fp has no host. Set it to https://api.flashpoint.io (Ignite, for the tokens of today), or to "
        "https://fp.tools (legacy, which earlier versions read where there was no host)."
    )


@pytest.mark.parametrize("host", ["https://user:host-secret@fp.tools", "user:host-secret@fp.tools:port"])
def test_password_in_host_stays_secret(host: str) -> None:
    """A password in the host would be in every message about it, so it is refused, and not told."""
    with pytest.raises(ConfigurationError, match="leave them out") as raised:
        settings_of(host=host)
    assert "host-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "api", "expected"),
    [
        ("https://fp.tools", None, Api.LEGACY),
        ("https://API.flashpoint.io", None, Api.IGNITE_V2),
        ("https://gateway.example", None, Api.LEGACY),
        ("https://api.flashpoint.io", "legacy", Api.LEGACY),
    ],
)
def test_api(host: str, api: str | None, expected: Api) -> None:
    """The generation is the setting, else what the host is known to serve, else legacy."""
    assert settings_of(host=host, api=api).api == expected


def test_unknown_api() -> None:
    """A generation that does not exist is told with those that do."""
    with pytest.raises(ConfigurationError, match="give legacy or ignite_v1 or ignite_v2"):
        settings_of(api="v9")


def test_paths() -> None:
    """A path of the connection's own is kept by its data set."""
    assert settings_of(base_path_alerts="/alerts").paths == {DataSet.ALERTS: "/alerts"}


def test_extras_keep_defaults() -> None:
    """An extra field that is not set leaves the default, and one that is set wins."""
    settings = settings_of(timeout_s=None, page_size=50, verify=False)
    assert (settings.timeout_s, settings.page_size, settings.verify) == (120.0, 50, False)
