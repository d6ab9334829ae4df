"""Certificates, keys and bundles are read in any form, and only as a whole."""

from __future__ import annotations

import base64
import json
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from airflow_provider_flashpoint.core.devo.connection.tls import Identity, client_context
from airflow_provider_flashpoint.core.pasted.certificate_reader import read_private_key
from airflow_provider_flashpoint.errors import ConfigurationError
from tests.core.devo.devo_peers import Issued, issue

Form = Callable[[str], str]
PASSWORD = "a pkcs12 password"


def body_of(pem: str) -> str:
    """Return the base64 of a PEM text in one line."""
    return "".join(pem.splitlines()[1:-1])


def with_body(pem: str, body: str) -> str:
    lines = pem.splitlines()
    return f"{lines[0]}\n{body}\n{lines[-1]}\n"


def with_plus(make: Callable[[], Issued]) -> Issued:
    """Return the first certificate whose texts all hold a plus sign, in the middle and not at the end of a line."""
    while True:
        issued = make()
        if all(re.search(r"[A-Za-z0-9]\+[A-Za-z0-9]", text) for text in (issued.cert, issued.private_key)):
            return issued


@pytest.fixture(scope="module")
def root() -> Issued:
    return with_plus(lambda: issue("Pasted authority"))


@pytest.fixture(scope="module")
def client(root: Issued) -> Issued:
    return with_plus(lambda: issue("client", root))


def trusted(context: ssl.SSLContext) -> list[str]:
    return [dict(pair[0] for pair in each["subject"])["commonName"] for each in context.get_ca_certs()]


FORMS: dict[str, Form] = {
    "as it is": lambda pem: pem,
    "line breaks as blanks": lambda pem: pem.replace("\n", " "),
    "line breaks as blanks, trimmed": lambda pem: pem.replace("\n", " ").strip(),
    "CRLF as two blanks": lambda pem: pem.replace("\n", "  "),
    "line breaks as tabs": lambda pem: pem.replace("\n", "\t"),
    "line breaks dropped": lambda pem: pem.replace("\n", ""),
    "all blanks dropped": lambda pem: "".join(pem.split()),
    "literal CRLF": lambda pem: pem.replace("\n", r"\r\n"),
    "literal LF": lambda pem: pem.replace("\n", r"\n"),
    "literal LF, escaped twice": lambda pem: pem.replace("\n", r"\\n"),
    "literal LF and real ones": lambda pem: pem.replace("\n", "\\n\n"),
    "bare CR": lambda pem: pem.replace("\n", "\r"),
    "CRLF": lambda pem: pem.replace("\n", "\r\n"),
    "doubled line breaks": lambda pem: pem.replace("\n", "\n\n"),
    "indented": lambda pem: pem.replace("\n", "\n    "),
    "comment in another language": lambda pem: f"# Autorité de Génève\n{pem}",
    "attributes of OpenSSL": lambda pem: f"Bag Attributes\n    friendlyName: é\nsubject=CN = x\n{pem}",
    "byte order mark": lambda pem: f"\ufeff{pem}",
    "quoted": lambda pem: f'"{pem.strip()}"',
    "a JSON string": json.dumps,
    "non-breaking and invisible blanks": lambda pem: pem.replace("\n", "\u00a0\u200b\n"),
    "long lines": lambda pem: with_body(pem, body_of(pem)),
    "lines of MIME": lambda pem: with_body(pem, "\n".join(re.findall(r".{1,76}", body_of(pem)))),
    "percent encoded": quote,
    "plus as blank": lambda pem: pem.replace("+", " "),
    "plus as blank, CRLF": lambda pem: pem.replace("+", " ").replace("\n", "\r\n"),
    "plus as blank, literal LF": lambda pem: pem.replace("+", " ").replace("\n", r"\n"),
    "plus as blank, line breaks too": lambda pem: pem.replace("+", " ").replace("\n", " "),
    "plus as blank, CRLF too": lambda pem: pem.replace("+", " ").replace("\n", "  "),
    "plus as blank, line breaks dropped": lambda pem: pem.replace("+", " ").replace("\n", ""),
    "plus as blank, lines of MIME as blanks": lambda pem: with_body(
        pem, " ".join(re.findall(r".{1,76}", body_of(pem))).replace("+", " ")
    ),
    "a query string": lambda pem: parse_qs(f"cert={quote(pem, safe='+/ ')}")["cert"][0],
    "base64 alone": body_of,
    "base64 of PEM": lambda pem: base64.b64encode(pem.encode()).decode(),
    "base64 of PEM, folded": lambda pem: base64.encodebytes(pem.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("in_files", [False, True], ids=["text", "files"])
def test_every_form_of_a_text_is_read(client: Issued, root: Issued, tmp_path: Path, form: Form, in_files: bool) -> None:
    """Whatever happened to line breaks, plus signs and encoding, the same certificates and key are read."""
    given = {"cert": form(client.cert), "key": form(client.private_key), "chain": form(root.cert)}
    if in_files:
        for name, text in given.items():
            (tmp_path / name).write_bytes(text.encode())
            given[name] = str(tmp_path / name)
    assert trusted(client_context(Identity(**given))) == ["Pasted authority"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_every_encoding_of_a_file_is_read(client: Issued, root: Issued, tmp_path: Path, encoding: str) -> None:
    """A file may be in the encoding of its editor, with or without a byte order mark."""
    given = {}
    for name, text in {"cert": client.cert, "key": client.private_key, "chain": root.cert}.items():
        given[name] = str(tmp_path / name)
        Path(given[name]).write_bytes(f"# clé\n{text}".encode(encoding))
    assert trusted(client_context(Identity(**given))) == ["Pasted authority"]


def test_der_is_read(client: Issued, root: Issued, tmp_path: Path) -> None:
    """Certificate, key and chain may be DER files."""
    key = client.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    given = {
        "cert": client.certificate.public_bytes(serialization.Encoding.DER),
        "key": key,
        "chain": root.certificate.public_bytes(serialization.Encoding.DER),
    }
    for name, content in given.items():
        (tmp_path / name).write_bytes(content)
    identity = Identity(**{name: str(tmp_path / name) for name in given})
    assert trusted(client_context(identity)) == ["Pasted authority"]


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
def test_pkcs7_is_read(client: Issued, root: Issued, tmp_path: Path, encoding: serialization.Encoding) -> None:
    """The chain may be a PKCS7 bundle with several authorities."""
    path = tmp_path / "chain.p7b"
    path.write_bytes(pkcs7.serialize_certificates([root.certificate, issue("Second").certificate], encoding))
    context = client_context(Identity(cert=client.cert, key=client.private_key, chain=str(path)))
    assert sorted(trusted(context)) == ["Pasted authority", "Second"]


@pytest.mark.parametrize(
    "form",
    [
        lambda text: text.replace("+", " "),
        lambda text: "\n".join(re.findall(r".{1,64}", text)).replace("+", " "),
        lambda text: " ".join(re.findall(r".{1,76}", text)).replace("+", " "),
        lambda text: r"\n".join(re.findall(r".{1,76}", text)),
        lambda text: f"-----BEGIN PKCS12-----\n{text}\n-----END PKCS12-----",
    ],
    ids=["plus as blank", "and folded", "and folded by blanks", "literal line breaks", "PEM"],
)
def test_every_form_of_a_bundle_is_read(client: Issued, root: Issued, form: Form) -> None:
    """The base64 of a PKCS12 bundle is as tolerant as PEM text."""
    text = base64.b64encode(client.pkcs12(PASSWORD, root)).decode()
    context = client_context(Identity(pkcs12=form(text), pkcs12_password=PASSWORD))
    assert trusted(context) == ["Pasted authority"]


def test_order_in_a_file_does_not_matter(client: Issued, root: Issued) -> None:
    """The client certificate is the one of the key, wherever it stands, beside others and the key."""
    together = root.cert + client.private_key + client.cert
    context = client_context(Identity(cert=together, key=together, chain=together))
    assert "Pasted authority" in trusted(context)


def test_renewed_certificate_replaces_the_expired_one(client: Issued, root: Issued) -> None:
    """Of several certificates of the key, the one that is valid longest counts."""
    old = x509.CertificateBuilder(
        issuer_name=root.certificate.subject,
        subject_name=client.certificate.subject,
        public_key=client.key.public_key(),
        serial_number=7,
        not_valid_before=client.certificate.not_valid_before_utc.replace(year=2001),
        not_valid_after=client.certificate.not_valid_before_utc.replace(year=2002),
    ).sign(root.key, hashes.SHA256())
    text = old.public_bytes(serialization.Encoding.PEM).decode() + client.cert
    client_context(Identity(cert=text, key=client.private_key, chain=root.cert))


DAMAGES: dict[str, Form] = {
    "no END": lambda pem: pem[: pem.index("-----END")],
    "last line missing": lambda pem: with_body(pem, "\n".join(pem.splitlines()[1:-2])),
    "one character missing": lambda pem: with_body(pem, body_of(pem)[:100] + body_of(pem)[101:]),
    "four characters missing": lambda pem: with_body(pem, body_of(pem)[:80] + body_of(pem)[84:]),
    "something appended": lambda pem: with_body(pem, body_of(pem).rstrip("=") + "AAAAAAAA"),
    "a foreign character": lambda pem: pem.replace(body_of(pem)[50], "*"),
    "an ellipsis": lambda pem: with_body(pem, f"{body_of(pem)[:64]}\n...\n{body_of(pem)[-64:]}"),
    "empty": lambda pem: with_body(pem, ""),
    "a mask": lambda pem: with_body(pem, "***"),
    "another kind": lambda pem: pem.replace("PRIVATE KEY", "PUBLIC KEY").replace("CERTIFICATE", "CERTIFICATE REQUEST"),
    "another kind by its content": lambda pem: with_body(pem, base64.b64encode(b"0" + bytes(40)).decode()),
}


@pytest.mark.parametrize("part", ["cert", "key", "chain"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_content_is_refused(client: Issued, root: Issued, part: str, damage: Form) -> None:
    """A text that is not whole is refused by the name of its part, and the message shows nothing of it."""
    given = {"cert": client.cert, "key": client.private_key, "chain": root.cert}
    damaged = damage(given[part])
    with pytest.raises(ConfigurationError, match=rf"^`(private_)?{part}`") as caught:
        client_context(Identity(**given | {part: damaged}))
    assert not any(line in str(caught.value) for line in damaged.splitlines()[1:-1] if line)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_damaged_certificate_of_a_bundle_is_told(client: Issued, root: Issued, number: int) -> None:
    """Nothing of a bundle is left out in silence: the message counts to the damaged certificate."""
    parts = [root.cert] * 3
    parts[number - 1] = DAMAGES["four characters missing"](root.cert)
    with pytest.raises(ConfigurationError, match=f"`chain`: certificate {number} of 3 cannot be read"):
        client_context(Identity(cert=client.cert, key=client.private_key, chain="".join(parts)))


def test_bundle_in_the_wrong_field(client: Issued, root: Issued, tmp_path: Path) -> None:
    """For a PKCS12 file in another field, the message names the right field."""
    path = tmp_path / "client.p12"
    path.write_bytes(client.pkcs12(PASSWORD, root))
    with pytest.raises(ConfigurationError, match=r"`cert` is neither X\.509 nor PKCS7.*as `pkcs12`"):
        client_context(Identity(cert=str(path), key=client.private_key, chain=root.cert))


@pytest.mark.parametrize("part", ["cert", "key", "chain", "pkcs12"])
@pytest.mark.parametrize(
    "path", ["~nosuchuser/x.crt", "~nosuchuser", "~ /x.crt", "nowhere.crt", "/", "a\0b", "x" * 5000, "\ud800", "é.crt"]
)
def test_path_that_cannot_be_read(client: Issued, root: Issued, part: str, path: str) -> None:
    """For any path that leads nowhere, the message names part, reason and remedy, and what is surely a path."""
    given = {"cert": client.cert, "key": client.private_key, "chain": root.cert} | {part: path}
    name = "private_key" if part == "key" else part
    with pytest.raises(
        ConfigurationError, match=rf"`{name}` is neither PEM text nor a file.*\(.+\)\. Write the"
    ) as caught:
        client_context(Identity(**given))
    assert len(path) == 1 or (path in str(caught.value)) == path.endswith(".crt")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("/certs/my.crt", "/certs/my.crt: No such file"),
        (" ~/keys/Devo.KEY\n", "~/keys/Devo.KEY: No such file"),
        ("/etc/nothing/devo_key", "/etc/nothing/devo_key: No such file"),
        ("/etc", "a text of 4 characters: Is a directory"),
        ("/b64+of/a+key/that/is/cut", "a text of 25 characters: No such file"),
        ("MIIEvQIBADANBgkqhkiG9w0B", "a text of 24 characters: No such file"),
    ],
)
def test_a_missing_file_is_named_and_a_part_of_a_key_is_not(given: str, shown: str) -> None:
    """A path with the ending of a certificate, or in a folder of this machine, is named; base64 can be neither."""
    with pytest.raises(ConfigurationError) as caught:
        read_private_key("private_key", given)
    assert f"({shown}" in str(caught.value)


def test_path_with_blanks_around_it(client: Issued, root: Issued, tmp_path: Path) -> None:
    """Blanks and line breaks around a path are no part of it."""
    (tmp_path / "chain.crt").write_text(root.cert)
    identity = Identity(cert=client.cert, key=client.private_key, chain=f" {tmp_path / 'chain.crt'}\n")
    assert trusted(client_context(identity)) == ["Pasted authority"]


@pytest.mark.parametrize("traditional", [False, True])
def test_each_kind_of_encrypted_key_is_told(client: Issued, root: Issued, traditional: bool) -> None:
    """An encrypted key is called encrypted in the older form too."""
    formats = serialization.PrivateFormat
    key = client.key.private_bytes(
        serialization.Encoding.PEM,
        formats.TraditionalOpenSSL if traditional else formats.PKCS8,
        serialization.BestAvailableEncryption(b"a password"),
    ).decode()
    with pytest.raises(ConfigurationError, match="`private_key` is encrypted"):
        client_context(Identity(cert=client.cert, key=key, chain=root.cert))
