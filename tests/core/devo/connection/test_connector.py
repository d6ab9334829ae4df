"""Connections to Devo's event port, and the errors where connecting fails."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from devo_peers import Issued, Peer, issue, read_to_end, server_context

from airflow_provider_flashpoint.core.devo.connection.connector import Connector, refusal
from airflow_provider_flashpoint.core.devo.connection.tls import Identity, client_context
from airflow_provider_flashpoint.errors import AuthenticationError, ConfigurationError, NetworkError

PeerMaker = Callable[[Callable[[socket.socket], None]], Peer]


def shake_hands(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Return a behaviour that does the handshake, reads to the end, and ignores failures."""

    def behave(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            read_to_end(secured)

    return behave


def connector_to(peer: Peer, authority: Issued, **options: Any) -> Connector:
    client = issue("client", authority)
    context = client_context(Identity(cert=client.cert, key=client.private_key, chain=authority.cert))
    return Connector("localhost", peer.port, context, **options)


def test_connection_is_set_up_for_sending(peer: PeerMaker) -> None:
    """A connection sends without delay, has keep-alive, and blocks no longer than its timeout."""
    with Connector("127.0.0.1", peer(read_to_end).port, None, send_timeout_s=7.0).connect() as connection:
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert connection.gettimeout() == pytest.approx(7.0)


def test_interrupted_handshake_closes_the_socket(
    peer: PeerMaker, authority: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that ends the handshake leaves no open socket behind."""
    interrupted: list[ssl.SSLSocket] = []

    def do_handshake(connection: ssl.SSLSocket, *_: Any) -> None:
        interrupted.append(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", do_handshake)
    with pytest.raises(KeyboardInterrupt):
        connector_to(peer(read_to_end), authority).connect()
    assert [connection.fileno() for connection in interrupted] == [-1]


def test_ipv6_is_spoken() -> None:
    """A host with an IPv6 address can be connected."""
    try:
        listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listening, Connector("::1", listening.getsockname()[1], None).connect() as connection:
        assert connection.family is socket.AF_INET6


def test_tls_is_new_names_the_host_and_shows_the_certificate(
    peer: PeerMaker, authority: Issued, tmp_path: Path
) -> None:
    """The handshake uses TLS 1.2 or later, sends the host name, and presents the client certificate."""
    context = server_context(issue("localhost", authority), tmp_path, clients=authority)
    seen: dict[str, Any] = {}
    context.sni_callback = lambda _, name, __: seen.update(name=name)

    def note(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            seen.update(subject=secured.getpeercert()["subject"], version=secured.version())
            with contextlib.suppress(ConnectionResetError):  # the client leaves without reading the session tickets
                read_to_end(secured)

    peer_ = peer(note)
    connector_to(peer_, authority).connect().close()
    peer_.close()
    assert seen == {"name": "localhost", "subject": ((("commonName", "client"),),), "version": "TLSv1.3"}


def test_each_form_of_identity_is_shown_to_the_server(peer: PeerMaker, authority: Issued, tmp_path: Path) -> None:
    """Texts, paths and a PKCS12 bundle authenticate the same client."""
    client = issue("client", authority)
    context = server_context(issue("localhost", authority), tmp_path, clients=authority)
    paths = {name: tmp_path / name for name in ("cert", "key", "chain")}
    for name, text in {"cert": client.cert, "key": client.private_key, "chain": authority.cert}.items():
        paths[name].write_text(text)
    bundle = base64.b64encode(client.pkcs12("a password", authority)).decode()
    seen = []

    def note(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            seen.append(dict(pair[0] for pair in secured.getpeercert()["subject"]))
            with contextlib.suppress(ConnectionResetError):  # the client leaves without reading the session tickets
                read_to_end(secured)

    peer_ = peer(note)
    for identity in (
        Identity(cert=client.cert, key=client.private_key, chain=authority.cert),
        Identity(**{name: str(path) for name, path in paths.items()}),
        Identity(pkcs12=bundle, pkcs12_password="a password"),
    ):
        Connector("localhost", peer_.port, client_context(identity)).connect().close()
    peer_.close()
    assert seen == [{"commonName": "client"}] * 3


def test_older_tls_is_refused(peer: PeerMaker, authority: Issued, tmp_path: Path) -> None:
    """A server that supports only versions before TLS 1.2 is refused."""
    context = server_context(issue("localhost", authority), tmp_path)
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((NetworkError, AuthenticationError, ConfigurationError)):
        connector_to(peer(shake_hands(context)), authority).connect()


def test_unknown_host() -> None:
    """The error for a name without an address is that it cannot be resolved."""
    with pytest.raises(NetworkError, match=r"no\.\.such:443: the host name cannot be resolved"):
        Connector("no..such", 443, None).connect()


def test_unresolved_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name gives the same error."""

    def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NetworkError, match="cannot be resolved"):
        Connector("collector-xx.devo.io", 443, None).connect()


def test_refused_connection(peer: PeerMaker) -> None:
    """The error for a closed port is that the connection was refused."""
    gone = peer(read_to_end)
    gone.close()
    with pytest.raises(NetworkError, match="the connection was refused; check `host` of the connection and the port"):
        Connector("127.0.0.1", gone.port, None).connect()


def test_silent_server(peer: PeerMaker, authority: Issued) -> None:
    """A server that does not answer the handshake gives a timeout error."""
    with pytest.raises(NetworkError, match="no TLS handshake in time"):
        connector_to(peer(read_to_end), authority, connect_timeout_s=0.1).connect()


def test_server_that_hangs_up(peer: PeerMaker, authority: Issued) -> None:
    """A server that closes during the handshake gives a transient error."""
    with pytest.raises(NetworkError, match=r"the TLS handshake broke off .*; check the port"):
        connector_to(peer(lambda connection: None), authority).connect()


def test_server_without_tls(peer: PeerMaker, authority: Issued) -> None:
    """A server without TLS gives a configuration error."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with contextlib.suppress(OSError):
            read_to_end(connection)

    with pytest.raises(ConfigurationError, match="speaks no TLS; check the host and the port"):
        connector_to(peer(answer), authority).connect()


@pytest.mark.parametrize(
    ("make_server", "message"),
    [
        (lambda authority: issue("elsewhere.example", authority), "is not for 'localhost'; check the host"),
        (lambda authority: issue("localhost", authority, days_from=-9, days_to=-2), "certificate is expired"),
        (lambda authority: issue("localhost", issue("Unknown")), "`chain` does not vouch for the server"),
        (lambda authority: issue("localhost"), "`chain` does not vouch for the server"),
    ],
)
def test_server_that_cannot_be_trusted(
    peer: PeerMaker, authority: Issued, tmp_path: Path, make_server: Callable[[Issued], Issued], message: str
) -> None:
    """A certificate for another host, expired, or of an unknown authority gives a configuration error."""
    context = server_context(make_server(authority), tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        connector_to(peer(shake_hands(context)), authority).connect()


def test_an_expired_authority_is_named(peer: PeerMaker, tmp_path: Path) -> None:
    """Where an authority of `chain` is expired, the message does not blame the server's certificate alone."""
    authority = issue("Old authority", days_from=-9, days_to=-2)
    context = server_context(issue("localhost", authority), tmp_path)
    connector = connector_to(peer(shake_hands(context)), authority)
    with pytest.raises(ConfigurationError, match=r"or one of its authorities is expired.*in `chain`: Old authority\."):
        connector.connect()


def test_ordinary_break_is_no_refusal() -> None:
    """Only TLS alerts about certificates count as a refusal of the client certificate."""
    assert refusal(ConnectionResetError("reset")) is None
    assert refusal(None) is None
