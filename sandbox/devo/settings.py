"""The settings of a sandbox Devo."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sandbox.devo.lookups.jobs import JobAnswers


@dataclass(frozen=True)
class DevoSettings:
    """What a sandbox Devo is told when it is made.

    :param domain: the one domain it serves; the API answers 403 for any other.
    :param api_token: opens the Lookups API.
    :param http_token: opens the HTTP ingestion; the vendor's have 32 characters.
    :param read_only_token: opens what only reads, and gets 403 elsewhere; None for no such token.
    :param message_column: the column in which queries find an event as it came.
    :param job_polls: how many polls a job takes; 0 finishes it before the call that made it is answered.
    :param job_answers: how the API speaks of jobs.
    :param memory_bytes: what syslog connections may hold in memory; the rest goes to temporary files.
    :param directory: where the certificates are, or will be; None for a temporary place.
    :param syslog_port: of TLS ingestion; 0 takes a free one, here and below.
    """

    domain: str = "sandbox"
    api_token: str = field(default="devo-sandbox-token", repr=False)
    http_token: str = field(default="0123456789abcdefSandboxHttpToken", repr=False)
    read_only_token: str | None = field(default=None, repr=False)
    message_column: str = "rawMessage"
    job_polls: int = 3
    job_answers: JobAnswers = field(default_factory=JobAnswers)
    memory_bytes: int = 1024**3
    directory: Path | None = None
    syslog_port: int = 0
    plain_port: int = 0
    api_port: int = 0
