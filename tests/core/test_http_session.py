"""The session that all requests use, whatever is installed beside the provider."""

from __future__ import annotations

import base64
import gc
import importlib.metadata
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from airflow_provider_flashpoint import __version__
from airflow_provider_flashpoint.core.http import session
from tests.core.devo.devo_peers import Issued, issue, server_context

OURS = f"airflow-provider-flashpoint/{__version__}"
DISTRIBUTIONS = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk")


@pytest.fixture(autouse=True)
def uncached() -> Iterator[None]:
    session.installed_airflow.cache_clear()
    yield
    session.installed_airflow.cache_clear()


@pytest.mark.parametrize(
    ("installed", "agent"),
    [
        ({}, OURS),
        ({"apache-airflow": "2.11.2"}, f"{OURS} apache-airflow/2.11.2"),
        ({"apache-airflow": "3.3.2", "apache-airflow-core": "3.3.2"}, f"{OURS} apache-airflow/3.3.2"),
        ({"apache-airflow-core": "3.3.2"}, f"{OURS} apache-airflow-core/3.3.2"),
        ({"apache-airflow-task-sdk": "1.3.2"}, f"{OURS} apache-airflow-task-sdk/1.3.2"),
        ({"apache-airflow": "2.11.2+composer"}, f"{OURS} apache-airflow/2.11.2+composer"),
    ],
)
def test_user_agent_names_product_version_and_airflow(
    monkeypatch: pytest.MonkeyPatch, installed: dict[str, str], agent: str
) -> None:
    """The User-Agent is ours, followed by the Airflow that is installed, whole or in part; without one, ours alone."""

    def version(name: str) -> str:
        if name not in installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return installed[name]

    monkeypatch.setattr(session, "version", version)
    assert session.new_session().headers["User-Agent"] == agent
    assert re.fullmatch(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+ ?)+", agent)


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue("Authority of a proxy")


@pytest.fixture(scope="module")
def url(root: Issued, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server whose certificate ``root`` has signed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("localhost", 0), Handler) as server:
        context = server_context(issue("localhost", root), tmp_path_factory.mktemp("server"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"https://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def der(root: Issued) -> bytes:
    return root.certificate.public_bytes(Encoding.DER)


TEXTS: dict[str, Callable[[Issued], str]] = {
    "PEM": lambda root: root.cert,
    "one line": lambda root: root.cert.replace("\n", " ").strip(),
    "literal line breaks": lambda root: root.cert.replace("\n", r"\r\n"),
    "comment": lambda root: f"# Autorité du proxy\n{root.cert}# fin",
    "comment in one line": lambda root: f"# Autorité {root.cert}".replace("\n", " "),
    "comment between": lambda root: f"# 1: 100 % -- old --\n{issue('x').cert}\n# 2\n{root.cert}",
    "base64 of DER": lambda root: base64.b64encode(der(root)).decode(),
    "base64 of PEM": lambda root: base64.b64encode(root.cert.encode()).decode(),
    "expired one beside it": lambda root: issue("old", days_from=-9, days_to=-1).cert + root.cert,
}
FILES: dict[str, Callable[[Issued], bytes]] = {
    "PEM": lambda root: root.cert.encode(),
    "byte order mark and comment": lambda root: f"# é\n{root.cert}".encode("utf-8-sig"),
    "Latin-1": lambda root: f"# é\n{root.cert}".encode("latin-1"),
    "DER": der,
    "PKCS7": lambda root: pkcs7.serialize_certificates([root.certificate], Encoding.DER),
}


def answers(url: str, authorities: str) -> bool:
    with session.new_session() as made:
        session.trust(made, authorities)
        try:
            return made.get(url, verify=made.verify, timeout=60).status_code == 204
        except requests.exceptions.SSLError:
            return False


@pytest.mark.parametrize("form", TEXTS.values(), ids=TEXTS)
def test_authorities_of_a_text_are_trusted(url: str, root: Issued, form: Callable[[Issued], str]) -> None:
    """Pasted authorities are read as those of the connection to Devo."""
    assert answers(url, form(root))


@pytest.mark.parametrize("place", ["{}", " {}\n", "~/{}"])
@pytest.mark.parametrize("form", FILES.values(), ids=FILES)
def test_authorities_of_a_file_are_trusted(
    url: str,
    root: Issued,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: Callable[[Issued], bytes],
    place: str,
) -> None:
    """A file of authorities may be in every form, and its path may begin with `~`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.crt").write_bytes(form(root))
    assert answers(url, place.format("ca.crt" if "~" in place else tmp_path / "ca.crt"))


def test_a_directory_of_authorities_is_left_to_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL finds the authorities in a directory by their hashes; the path may begin with `~`."""
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    made = session.new_session()
    session.trust(made, f"~/{tmp_path.name}")
    assert made.verify == str(tmp_path)


def test_other_authorities_are_not_trusted(url: str) -> None:
    """Only the given authorities are trusted."""
    assert not answers(url, issue("Another authority").cert)


def test_the_file_of_a_session_is_removed_with_it(root: Issued) -> None:
    """No file is left behind."""
    made = session.new_session()
    session.trust(made, root.cert)
    file = Path(str(made.verify))
    assert file.exists()
    del made
    gc.collect()
    assert not file.exists()
