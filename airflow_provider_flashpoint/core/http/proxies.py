"""Addresses of proxies, as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from airflow_provider_flashpoint.core.secrets.known import remember
from airflow_provider_flashpoint.errors import ConfigurationError

_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def proxy_address(address: str, *, source: str = "proxy") -> str:
    """Return the address of a proxy with its user and password percent-encoded, and remember its secrets.

    What is encoded already stays as it is.

    :param source: names the setting in errors.
    :raises ConfigurationError: the address has no host, or a wrong port.
    """
    import urllib3  # here, since the provider info of each process reads no address

    scheme, user, place = _parts(address)
    for secret in proxy_secrets(address):
        remember(secret)
    try:
        host = urllib3.util.parse_url(f"{scheme}://{place}").host
    except urllib3.exceptions.LocationParseError:
        host = None
    if not host:
        # Neither the value nor the error is shown: both may hold a password.
        raise ConfigurationError(
            f"{source} has no host, or a wrong port; write it like http://user:password@proxy.example.com:3128"
        )
    encoded = quote(_STRAY_PERCENT.sub("%25", user), safe="%:")
    return f"{scheme}://{encoded}{'@' if user else ''}{place}"


def proxy_secrets(address: str) -> Iterator[str]:
    """Yield the secrets in the address of a proxy: the password, and with it the user, as written and decoded."""
    user = _parts(address)[1]
    password = user.partition(":")[2]
    yield from {user, unquote(user), password, unquote(password)} if password else ()


def environment_proxies(url: str) -> dict[str, str]:
    """Return the proxies of the environment for ``url``, as `proxy_address` writes them; empty where none is used.

    :raises ConfigurationError: as `proxy_address`.
    """
    from requests.utils import get_environ_proxies

    found = get_environ_proxies(url)
    return {
        name: proxy_address(found[name], source=f"the proxy in the environment variable {name.upper()}_PROXY")
        for name in ("http", "https", "all")
        if found.get(name)
    }


def _parts(address: str) -> tuple[str, str, str]:
    """Return scheme, user with password, and place. A password may hold any character, an ``@`` too."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "http", address
    user, _, place = rest.rpartition("@")
    return scheme, user, place
