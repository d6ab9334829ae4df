"""Errors of the sandbox.

They are the sandbox's own: an imitation that shared the provider's code would share its mistakes.
"""

from __future__ import annotations


class SandboxError(Exception):
    """Root of all errors of the sandbox."""


class InvalidSettingError(SandboxError, ValueError):
    """A setting, an argument or a request contradicts the rules of the service, or comes too early."""


class InvalidRowsError(SandboxError):
    """The rows of a lookup cannot be read."""


class RefusedError(SandboxError):
    """The request is understood and refused with the HTTP ``status``."""

    def __init__(self, message: str, *, status: int) -> None:
        self.status = status
        super().__init__(message)
