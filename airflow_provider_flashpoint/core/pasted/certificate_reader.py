"""Certificates and private keys in every form in which people store and paste them.

A text is decoded in each possible way, see `base64_text`. A decoding counts only if it is one whole certificate, key
or bundle.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key, pkcs7, pkcs12

from airflow_provider_flashpoint.core.pasted.base64_text import decodings
from airflow_provider_flashpoint.core.secrets.foreign_text import MAX_CHARACTERS, safe_to_show
from airflow_provider_flashpoint.errors import ConfigurationError

_BEGIN = re.compile(r"-----\s*BEGIN")
_BLOCK = re.compile(r"-----\s*BEGIN([A-Z0-9\s]+)-----(.*?)-----\s*END", re.DOTALL)
_FILE = re.compile(r"[^\r\n]*\.(pem|crt|cer|der|key|p12|pfx|p7[bc])", re.IGNORECASE)  # no base64 holds a dot
_SEQUENCE = b"\x30"  # the first byte of every certificate, key and bundle in DER
_MIN_DER_BYTES = 32  # the shortest key; a shorter text may be a path
_CERTIFICATE_LABELS = ("CERTIFICATE", "X509CERTIFICATE", "PKCS7")

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class _Block:
    """One object, with every possible decoding of its text.

    :param label: the label of its BEGIN line, without blanks; empty for an object without such a line.
    """

    label: str
    decodings: Sequence[bytes]

    def load(self, loader: Callable[[bytes], Loaded]) -> Loaded | None:
        """Return the first decoding that ``loader`` accepts, else None."""
        for der in self.decodings:
            try:
                return loader(der)
            except (ValueError, UnsupportedAlgorithm):
                continue
        return None


def read_certificates(name: str, given: str | None) -> list[x509.Certificate]:
    """Return the certificates, X.509 or PKCS7, in a file or a text; an empty list where nothing is given.

    :param name: the connection field that ``given`` comes from, for messages.
    :param given: the path of a file in PEM or DER, a PEM text, or base64.
    :raises ConfigurationError: a file or a text holds none, or one of them cannot be read.
    """
    if not given or not given.strip():
        return []
    blocks = [each for each in _blocks(name, given) if each.label in (*_CERTIFICATE_LABELS, "")]
    certificates: list[x509.Certificate] = []
    for number, block in enumerate(blocks, start=1):
        found = block.load(_load_certificates)
        if found is None:
            if not block.label:
                raise ConfigurationError(f"`{name}` is neither X.509 nor PKCS7. Give a PKCS12 file as `pkcs12`.")
            which = f"certificate {number} of {len(blocks)}"
            raise ConfigurationError(f"`{name}`: {which} cannot be read. Copy it again, from BEGIN to END.")
        certificates += found
    if not certificates:
        raise ConfigurationError(f"`{name}` holds no certificate in PEM, DER or PKCS7 form: is it the right file?")
    return certificates


def read_private_key(name: str, given: str | None) -> PrivateKeyTypes | None:
    """Return the private key in a file or a text; None where nothing is given. See `read_certificates`.

    :raises ConfigurationError: a file or a text holds none, it cannot be read, or it is encrypted.
    """
    if not given or not given.strip():
        return None
    blocks = [each for each in _blocks(name, given) if each.label.endswith("PRIVATEKEY") or not each.label]
    if not blocks:
        raise ConfigurationError(f"`{name}` holds no private key in PEM or DER form. Use the key file from Devo.")
    key, encrypted = None, blocks[0].label.startswith("ENCRYPTED")
    try:
        key = blocks[0].load(lambda der: load_der_private_key(der, None))
    except TypeError:  # a password is missing
        encrypted = True
    if encrypted:
        raise ConfigurationError(f"`{name}` is encrypted: decrypt it, or use `pkcs12` with `pkcs12_password`.")
    if key is None:
        raise ConfigurationError(f"`{name}`: the private key cannot be read. Copy it again, from BEGIN to END.")
    return key


def read_pkcs12(given: str | bytes, password: str | None) -> tuple[list[x509.Certificate], PrivateKeyTypes | None]:
    """Return the certificates and the key of a PKCS12 bundle: a path, its bytes, or its base64 text.

    :raises ConfigurationError: it is not a bundle, or ``password`` does not open it.
    """
    blocks = _blocks("pkcs12", given)
    secret = password.encode() if password else None
    bundle = blocks[0].load(lambda der: pkcs12.load_pkcs12(der, secret)) if blocks else None
    if bundle is None:
        raise ConfigurationError("`pkcs12` cannot be opened: is `pkcs12_password` right, and is it a PKCS12 file?")
    held = [bundle.cert, *bundle.additional_certs]
    return [each.certificate for each in held if each is not None], bundle.key


def _load_certificates(der: bytes) -> list[x509.Certificate]:
    try:
        return [x509.load_der_x509_certificate(der)]
    except ValueError:
        return pkcs7.load_der_pkcs7_certificates(der)


def _blocks(name: str, given: str | bytes) -> list[_Block]:
    """Return the objects in ``given``, or else in the file that it names; an empty list where the file has none."""
    if isinstance(given, bytes):
        return _blocks_of_file(name, given)
    return _blocks_of_text(name, given) or _blocks_of_file(name, _read_file(name, given))


def _blocks_of_file(name: str, content: bytes) -> list[_Block]:
    encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    found = _blocks_of_text(name, content.decode(encoding, "replace"))  # comments may be in any encoding
    return found or ([_Block("", (content,))] if content.startswith(_SEQUENCE) else [])


def _blocks_of_text(name: str, text: str) -> list[_Block]:
    if _BEGIN.search(unquote(text)):
        text = unquote(text)
        blocks = [_block(label, body) for label, body in _BLOCK.findall(text)]
        if len(blocks) != len(_BEGIN.findall(text)):
            raise ConfigurationError(f"`{name}` is cut short: a BEGIN line has no END line. Copy the whole text.")
        return blocks
    contents = list(decodings(text))
    for each in contents:
        if each.startswith(b"-----BEGIN "):  # base64 of PEM, as in a Kubernetes secret
            return _blocks_of_text(name, each.decode("utf-8", "replace"))
    whole = [each for each in contents if each.startswith(_SEQUENCE) and len(each) >= _MIN_DER_BYTES]
    return [_Block("", whole)] if whole else []


def _block(label: str, body: str) -> _Block:
    encrypted = "ENCRYPTED" if "Proc-Type" in body else ""  # the header of older encrypted keys
    return _Block(encrypted + "".join(label.split()), list(decodings(body)))


def _read_file(name: str, path: str) -> bytes:
    try:
        return Path(path.strip()).expanduser().read_bytes()
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "not a path"
    except RuntimeError:
        reason = "no such user, or one without a home directory"
    # The error is not chained: it may quote a key that was pasted in part.
    raise ConfigurationError(
        f"`{name}` is neither PEM text nor a file that can be read here ({_shown(path)}: {reason}). Write the whole "
        "path on the machine that runs the task, or paste the text from BEGIN to END."
    )


def _shown(path: str) -> str:
    """Return a path as a message shows it, or only its length where it may be a part of a key."""
    text = path.strip()
    top = next(iter(Path(text).parts[1:-1]), "")
    is_path = _FILE.fullmatch(text) or (text.startswith("/") and top and Path("/", top[:255]).is_dir())
    return safe_to_show(text) if is_path and len(text) < MAX_CHARACTERS else f"a text of {len(text)} characters"
