"""Certificates, keys and chains in every accepted form."""

from __future__ import annotations

import base64
import contextlib
import itertools
import ssl
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from devo_peers import Issued, issue, issue_again, server_context

from airflow_provider_flashpoint.core.devo.connection.tls import Identity, client_context, read_credentials
from airflow_provider_flashpoint.errors import ConfigurationError
from airflow_provider_flashpoint.streams.readiness.certificates import describe_authorities, describe_client

PASSWORD = "a pkcs12 password"


@pytest.fixture(scope="module")
def client(authority: Issued) -> Issued:
    return issue("client", authority)


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files during a test."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


def identity_of(client: Issued, authority: Issued) -> dict[str, str]:
    return {"cert": client.cert, "key": client.private_key, "chain": authority.cert}


def authorities(context: ssl.SSLContext) -> list[str]:
    """Return the common names of the authorities that a context trusts."""
    return [dict(pair[0] for pair in each["subject"])["commonName"] for each in context.get_ca_certs()]


def test_context_checks_everything(client: Issued, authority: Issued) -> None:
    """The server must prove its host name, with TLS 1.2 or later, by the given chain alone."""
    context = client_context(Identity(**identity_of(client, authority)))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert authorities(context) == ["Test authority"]


def test_paths_are_read(client: Issued, authority: Issued, tmp_path: Path) -> None:
    """Each part may be the path of a file."""
    paths = {}
    for name, pem in identity_of(client, authority).items():
        paths[name] = str(tmp_path / f"{name}.pem")
        Path(paths[name]).write_text(pem)
    assert authorities(client_context(Identity(**paths))) == ["Test authority"]


def test_pem_text_with_escaped_newlines_is_read(client: Issued, authority: Issued) -> None:
    """PEM text whose newlines became backslash and n, as in a URI, is read."""
    escaped = {name: pem.replace("\n", "\\n") for name, pem in identity_of(client, authority).items()}
    assert authorities(client_context(Identity(**escaped))) == ["Test authority"]


@pytest.mark.parametrize(
    "missing", [names for count in (1, 2, 3) for names in itertools.combinations(("cert", "key", "chain"), count)]
)
def test_incomplete_set_is_refused(client: Issued, authority: Issued, missing: tuple[str, ...]) -> None:
    """Without certificate, key or chain there is no context, and the error names the missing part."""
    given = {name: pem for name, pem in identity_of(client, authority).items() if name not in missing}
    fields = [name.replace("key", "private_key") for name in missing]
    expected = "there is no " + " and no ".join(f"`{name}`" for name in fields) + r"\. Download"
    with pytest.raises(ConfigurationError, match=expected):
        client_context(Identity(**given))


def test_unreadable_path_is_named_by_its_part(client: Issued, authority: Issued) -> None:
    """A path that does not exist raises an error that names the part, the path and the reason."""
    with pytest.raises(ConfigurationError, match=r"^`chain` is neither PEM .*\(/nowhere/chain\.pem: No such file"):
        client_context(Identity(cert=client.cert, key=client.private_key, chain="/nowhere/chain.pem"))


@pytest.mark.parametrize("part", ["cert", "key", "chain"])
def test_text_that_is_no_certificate_is_named_by_its_part(client: Issued, authority: Issued, part: str) -> None:
    """Invalid PEM text raises an error that names the part."""
    garbage = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
    with pytest.raises(ConfigurationError, match=f"^`(private_)?{part}`"):
        client_context(Identity(**identity_of(client, authority) | {part: garbage}))


def test_key_of_another_certificate(client: Issued, authority: Issued) -> None:
    """A key that does not match the certificate raises an error that says so."""
    other = issue("client", authority)
    with pytest.raises(ConfigurationError, match="`private_key` does not belong to `cert`"):
        client_context(Identity(cert=client.cert, key=other.private_key, chain=authority.cert))


def test_encrypted_key(client: Issued, authority: Issued) -> None:
    """A key that needs a password is refused, without a prompt on a terminal."""
    with pytest.raises(ConfigurationError, match=r"`private_key` is encrypted.*pkcs12"):
        client_context(Identity(cert=client.cert, key=client.encrypted_key, chain=authority.cert))


def test_expired_certificate(authority: Issued) -> None:
    """An expired client certificate is found before connecting."""
    expired = issue("client", authority, days_from=-9, days_to=-2)
    day = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"
    with pytest.raises(ConfigurationError, match=f"expired on {day}: get a new one"):
        client_context(Identity(**identity_of(expired, authority)))


def test_certificate_of_the_future(client: Issued, authority: Issued) -> None:
    """For a certificate that is not valid yet, the error mentions the clock."""
    before = datetime.now(UTC) - timedelta(days=30)
    with pytest.raises(ConfigurationError, match="not valid before"):
        client_context(Identity(**identity_of(client, authority)), now=before)


def test_pkcs12_in_each_form(client: Issued, authority: Issued, tmp_path: Path) -> None:
    """A PKCS12 bundle may be bytes, their base64, with or without line breaks, or a path."""
    bundle = client.pkcs12(PASSWORD, authority)
    path = tmp_path / "client"
    path.write_bytes(bundle)
    plain, folded = base64.b64encode(bundle).decode(), base64.encodebytes(bundle).decode()
    for form in (bundle, plain, folded, str(path)):
        context = client_context(Identity(pkcs12=form, pkcs12_password=PASSWORD))
        assert authorities(context) == ["Test authority"]


def test_pkcs12_with_the_wrong_password(client: Issued, authority: Issued) -> None:
    """For a bundle that cannot be opened, the error mentions the password field, not its value."""
    with pytest.raises(ConfigurationError, match="is `pkcs12_password` right") as caught:
        client_context(Identity(pkcs12=client.pkcs12(PASSWORD, authority), pkcs12_password="guess"))
    assert "guess" not in str(caught.value)


def test_pkcs12_without_authorities_needs_a_chain(client: Issued, authority: Issued) -> None:
    """A bundle without authorities is incomplete by itself, and complete with a chain."""
    identity = {"pkcs12": client.pkcs12(PASSWORD), "pkcs12_password": PASSWORD}
    with pytest.raises(ConfigurationError, match="`pkcs12` holds no `chain`"):
        client_context(Identity(**identity))
    assert authorities(client_context(Identity(**identity, chain=authority.cert))) == ["Test authority"]


def test_chain_outranks_the_one_in_pkcs12(client: Issued, authority: Issued) -> None:
    """If both are given, only the authorities of `chain` are trusted."""
    other = issue("Other authority")
    bundle = client.pkcs12(PASSWORD, authority)
    context = client_context(Identity(pkcs12=bundle, pkcs12_password=PASSWORD, chain=other.cert))
    assert authorities(context) == ["Other authority"]


def test_no_key_stays_in_a_file(client: Issued, authority: Issued, temporary_files: Path) -> None:
    """No file is left on disk, whether the key could be used or not."""
    client_context(Identity(**identity_of(client, authority)))
    client_context(Identity(pkcs12=client.pkcs12(PASSWORD, authority), pkcs12_password=PASSWORD))
    with pytest.raises(ConfigurationError):
        client_context(Identity(cert=client.cert, key=client.encrypted_key, chain=authority.cert))
    assert list(temporary_files.iterdir()) == []


def test_key_file_is_the_owners_alone(
    client: Issued, authority: Issued, temporary_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the key is in a file, nobody else can read it."""
    modes = []
    load = ssl.SSLContext.load_cert_chain

    def note_mode(context: ssl.SSLContext, path: str, **options: object) -> None:
        modes.append(Path(path).stat().st_mode & 0o777)
        load(context, path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", note_mode)
    client_context(Identity(**identity_of(client, authority)))
    assert modes == [0o600]


def test_secrets_are_not_shown(client: Issued, authority: Issued) -> None:
    """The repr of an identity contains neither keys nor passwords."""
    bundle = base64.b64encode(client.pkcs12(PASSWORD, authority)).decode()
    shown = repr(Identity(cert=client.private_key, key=client.private_key, pkcs12=bundle, pkcs12_password=PASSWORD))
    assert "PRIVATE" not in shown
    assert bundle not in shown
    assert PASSWORD not in shown


def test_security_level_is_taken(client: Issued, authority: Issued) -> None:
    """The level for weak certificates reaches OpenSSL."""
    for level in (0, 1, 3):
        context = client_context(Identity(**identity_of(client, authority)), security_level=level)
        assert context.security_level == level


OLD = {"days_from": -30, "days_to": -2}
UNUSED: dict[str, Callable[[Issued], str]] = {
    "last": lambda used: used.cert + issue("Old", **OLD).cert,
    "first": lambda used: issue("Old", **OLD).cert + used.cert,
    "several": lambda used: issue("Old", **OLD).cert + used.cert + issue("Older", **OLD).cert,
    "of the same name": lambda used: issue("Test authority", **OLD).cert + used.cert,
    "before its renewal with the same key": lambda used: issue_again(used, **OLD).cert + used.cert,
    "signed by another authority": lambda used: issue("Old", issue("Elsewhere"), **OLD).cert + used.cert,
    "not valid yet": lambda used: issue("New", days_from=5, days_to=9).cert + used.cert,
}


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Do a handshake with the host localhost in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in tuple(ends):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                ends.remove(end)


@pytest.mark.parametrize("chain", UNUSED.values(), ids=UNUSED)
def test_authority_that_nobody_uses_does_no_harm(
    client: Issued, authority: Issued, tmp_path: Path, chain: Callable[[Issued], str]
) -> None:
    """An authority of the chain that is not valid now is marked, while the server needs another one."""
    identity = Identity(cert=client.cert, key=client.private_key, chain=chain(authority))
    shake_hands(client_context(identity), server_context(issue("localhost", authority), tmp_path, authority))
    lines = describe_authorities(read_credentials(identity)).splitlines()
    assert [line for line in lines if line.startswith("Test authority: valid until ")]
    assert [line for line in lines if ": expired on 20" in line or ": not valid before 20" in line]


def test_expired_authority_of_a_bundle_does_no_harm(client: Issued, authority: Issued) -> None:
    """The authorities of a PKCS12 bundle are judged by the same rule."""
    bundle = client.pkcs12(PASSWORD, issue("Old", **OLD), authority)
    described = describe_authorities(read_credentials(Identity(pkcs12=bundle, pkcs12_password=PASSWORD)))
    assert "Old: expired on 20" in described
    assert "Test authority: valid until 20" in described


def test_expired_authority_beside_the_client_certificate_does_no_harm(client: Issued, authority: Issued) -> None:
    """Of the certificates in `cert`, only that of the key must be valid."""
    together = client.cert + issue("Old", **OLD).cert
    identity = Identity(cert=together, key=client.private_key, chain=authority.cert)
    client_context(identity)
    assert describe_client(read_credentials(identity)).splitlines()[1].startswith("Old: expired on 20")


def test_expired_authority_that_is_used_is_refused(client: Issued, authority: Issued, tmp_path: Path) -> None:
    """An expired authority is no authority: a server that needs it is not trusted."""
    old = issue("Old", **OLD)
    context = client_context(Identity(cert=client.cert, key=client.private_key, chain=authority.cert + old.cert))
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shake_hands(context, server_context(issue("localhost", old), tmp_path))


def test_chain_without_a_valid_authority(client: Issued) -> None:
    """If no authority is valid, no server can be trusted: the chain itself is at fault."""
    chain = issue("Old", **OLD).cert + issue("Older", **OLD).cert
    identity = Identity(cert=client.cert, key=client.private_key, chain=chain)
    with pytest.raises(ConfigurationError, match="Old expired on 20"):
        describe_authorities(read_credentials(identity))


BESIDE: dict[str, Callable[[Issued, Issued], str]] = {
    "first": lambda root, middle: issue("Old", root, signs=True, **OLD).cert + middle.cert,
    "last": lambda root, middle: middle.cert + issue("Old", root, signs=True, **OLD).cert,
    "before its renewal with the same key": lambda root, middle: issue_again(middle, root, **OLD).cert + middle.cert,
    "after its renewal with the same key": lambda root, middle: middle.cert + issue_again(middle, root, **OLD).cert,
    "of the same name": lambda root, middle: issue("Middle", root, signs=True, **OLD).cert + middle.cert,
    "a root": lambda root, middle: middle.cert + issue_again(root, **OLD).cert,
    "not valid yet": lambda root, middle: issue_again(middle, root, days_from=5, days_to=9).cert + middle.cert,
}


@pytest.mark.parametrize("beside", BESIDE.values(), ids=BESIDE)
def test_intermediate_that_nobody_uses_does_no_harm(tmp_path: Path, beside: Callable[[Issued, Issued], str]) -> None:
    """An intermediate certificate of the client that is not valid now is not sent, and only marked."""
    root = issue("Root")
    middle = issue("Middle", root, signs=True)
    client = issue("client", middle)
    identity = Identity(cert=beside(root, middle) + client.cert, key=client.private_key, chain=root.cert)
    shake_hands(client_context(identity), server_context(issue("localhost", root), tmp_path, root))
    *good, last = describe_client(read_credentials(identity)).splitlines()
    assert [line.split(":")[0] for line in good] == ["client", "Middle"]
    assert "It is not sent; remove it." in last


def test_expired_intermediate_that_is_needed_is_named() -> None:
    """An expired certificate that signed the client certificate is called needed, since Devo may not know it."""
    root = issue("Root")
    middle = issue("Middle", root, signs=True, **OLD)
    client = issue("client", middle)
    identity = Identity(cert=client.cert + middle.cert, key=client.private_key, chain=root.cert)
    assert "Devo may need it: get the certificates anew" in describe_client(read_credentials(identity))


def test_intermediates_of_a_bundle_are_sent_beside_a_chain(tmp_path: Path) -> None:
    """With a `chain`, the other certificates of a PKCS12 bundle are those that vouch for the client."""
    root = issue("Root")
    middle = issue("Middle", root, signs=True)
    client = issue("client", middle)
    bundle = client.pkcs12(PASSWORD, issue_again(middle, root, **OLD), middle)
    identity = Identity(pkcs12=bundle, pkcs12_password=PASSWORD, chain=root.cert)
    shake_hands(client_context(identity), server_context(issue("localhost", root), tmp_path, root))


@pytest.mark.parametrize("others", [[(-30, -2)], [(5, 90)], [(-30, -2), (5, 90)], [(-400, -300), (200, 900)]])
def test_the_client_certificate_that_is_valid_now_counts(authority: Issued, others: list[tuple[int, int]]) -> None:
    """Of several certificates of the key, an expired one or one for later does no harm."""
    client = issue("client", authority)
    texts = [issue_again(client, authority, days_from=start, days_to=end).cert for start, end in others]
    identity = Identity(cert="".join([*texts, client.cert]), key=client.private_key, chain=authority.cert)
    client_context(identity)
    assert read_credentials(identity).certificate == client.certificate
