"""The settings of a sandbox Devo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sandbox.devo.lookups.jobs import JobAnswers


@dataclass(frozen=True)
class DevoSettings:
    """The settings of a sandbox Devo.

    :param domain: its only domain; the API answers 403 for any other.
    :param api_token: token of the Lookups API.
    :param http_token: token of the HTTP ingestion; the vendor's tokens have 32 characters.
    :param read_only_token: token that may only read, and gets 403 elsewhere; None for no such token.
    :param message_column: the column in which queries find an event as it was received.
    :param job_polls: number of polls until a job ends; 0 ends it before the call that made it is answered.
    :param job_answers: the form of the API's answers about jobs.
    :param keeps_cells: keep the rows of lookups; otherwise only their keys, which take a twentieth of the memory.
    :param memory_bytes: memory for syslog connections; further bytes go to temporary files.
    :param directory: directory of the certificates, which are made if missing; None for a temporary one.
    :param syslog_port: port of the TLS ingestion; 0 takes a free one, here and below.
    """

    domain: str = "sandbox"
    api_token: str = field(default="devo-sandbox-token", repr=False)
    http_token: str = field(default="0123456789abcdefSandboxHttpToken", repr=False)
    read_only_token: str | None = field(default=None, repr=False)
    message_column: str = "rawMessage"
    job_polls: int = 3
    job_answers: JobAnswers = field(default_factory=JobAnswers)
    keeps_cells: bool = True
    memory_bytes: int = 1024**3
    directory: Path | None = None
    syslog_port: int = 0
    plain_port: int = 0
    api_port: int = 0
