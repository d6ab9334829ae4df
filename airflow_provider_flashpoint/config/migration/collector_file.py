"""The parts of a collector's file that do not belong in a configuration: its tokens, and where Devo is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_flashpoint.config.migration.inputs import migrated, without_secrets
from airflow_provider_flashpoint.config.migration.rewrite import rewritten
from airflow_provider_flashpoint.config.problems.collected import child_path, names_secret, shown
from airflow_provider_flashpoint.config.shape import UNUSED
from airflow_provider_flashpoint.core.flashpoint.api import Api
from airflow_provider_flashpoint.core.secrets.known import remember
from airflow_provider_flashpoint.errors import ConfigurationError

Fields = dict[str, Any]
_DEVO, _CERTIFICATES = "devo_platform", {"cert": "cert", "key": "private_key", "chain": "chain"}
_BASE64 = "bearer_token_base64"
_HEAD = """\
# From the collector's {file}, for {api}. docs/configuration.md lists all settings.
# Secrets do not belong in this file, but in the Airflow connections.

"""
_COMMENT = re.compile(r"#.*")
_PASTED = re.compile(r"-----|[\r\n]|.{256}")  # no path: names of files are shorter
_TOKENS = (_BASE64, "bearer_token", "api_token", "api_key", "token")


def tokens(document: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the tokens of a file: where each is, the name of its key, and its value."""
    entries: Any = document.items() if isinstance(document, Mapping) else ()
    if isinstance(document, list):
        entries = enumerate(document)
    for key, value in entries:
        place = child_path(path, str(key))
        if isinstance(value, str) and value and str(key).lower() in _TOKENS:
            yield place, str(key).lower(), value
        else:
            yield from tokens(value, place)


def flashpoint_fields(document: Any, notes: list[str]) -> Fields:
    """Return the field of a Flashpoint connection that holds the token of a file, by its name; none without a token."""
    found = [*tokens(document)]
    if not found:
        return {}
    first, name, token = found[0]
    notes += [f"{place} is another token than {first}, which is used." for place, _, other in found if other != token]
    return {"extra": {_BASE64: token}} if name == _BASE64 else {"password": token}


def devo_fields(document: Any, file: Path, notes: list[str]) -> Fields:
    """Return the fields of a Devo connection: address and certificates of the first output into Devo, if there is one.

    Certificates may be texts. Paths are looked up beside the file as the collector's container has them: in ``certs``.
    """
    outputs = document.get("outputs") if isinstance(document, Mapping) else None
    fields: Fields = {}
    for name, output in outputs.items() if isinstance(outputs, Mapping) else ():
        kind = output.get("type") if isinstance(output, Mapping) else None
        if kind != _DEVO or fields:
            why = "it is the second into Devo" if kind == _DEVO else f"it is of type {kind}, not {_DEVO}"
            notes.append(f"outputs.{name} is not used: {why}.")
            continue
        given = output.get("config") or {}
        if not isinstance(given, Mapping):
            raise ConfigurationError(f"{file}: outputs.{name}.config: {shown(given)} is not allowed; give a mapping.")
        port = str(given.get("port") or 443)
        if not port.isdecimal():
            raise ConfigurationError(f"{file}: outputs.{name}.config.port: {shown(port)} is not a number.")
        fields = {"host": given.get("address", ""), "port": int(port)}
        paths = {own: given[key] for key, own in _CERTIFICATES.items() if given.get(key)}
        fields["extra"] = {own: _certificate(file, str(path), notes) for own, path in paths.items()}
    return fields


def is_pasted(value: str) -> bool:
    """Return whether a certificate or a key is given as its text, not as the path of a file."""
    return _PASTED.search(value) is not None


def _certificate(file: Path, name: str, notes: list[str]) -> str:
    """Return the path of a file of certificates, or a text in its place."""
    if is_pasted(name):
        for line in name.splitlines():
            remember(line)
        return name
    folder = file.absolute().parent
    places = [folder / "certs" / name, folder.parent / "certs" / name, folder / name]
    found = next((place for place in places if place.is_file()), None)
    if not found:
        notes.append(f"{name} is not at {' nor at '.join(map(str, places))}. Put it at the first of them.")
    return str(found or places[0])


def new_text(document: Any, text: str, file: Path, api: Api, notes: list[str]) -> str:
    """Return the configuration of a collector's file in YAML, without its secrets and without what Airflow replaces.

    :param document: the content of ``text``, which is that of ``file``.
    :raises ConfigurationError: the file is not valid, or cannot be converted for the API generation.
    """
    from airflow_provider_flashpoint.config import parse_collector_config

    kept = without_secrets(document, api, [])
    parse_collector_config(kept, source=str(file))
    after = {key: value for key, value in migrated(kept, api, notes).items() if key not in UNUSED}
    parse_collector_config(after, source=f"{file}, for {api}")
    if file.suffix.lower() != ".json":
        result, has_comments = rewritten(text, file, after)
        if has_comments and not _may_hold_secrets(result, document):
            return result
        notes.append("The comments of the file are not kept.")
    import yaml

    return _HEAD.format(file=file.name, api=api) + yaml.safe_dump(after, sort_keys=False, allow_unicode=True, width=120)


def _may_hold_secrets(text: str, document: Any) -> bool:
    """Return whether a comment of a text has the name of a secret, or a token of the file."""
    comments = "\n".join(_COMMENT.findall(text))
    return names_secret(comments) or any(token in text for _, _, token in tokens(document))
