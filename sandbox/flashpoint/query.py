"""The parameters of a Flashpoint request, checked at least as strictly as by the service."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from sandbox.http_service.message import Refusal, Request

_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


class Parameters:
    """The query of a request.

    :param allowed: the parameter names of the endpoint.
    :raises Refusal: 400, a name is unknown or repeated.
    """

    def __init__(self, request: Request, allowed: Iterable[str]) -> None:
        known = set(allowed)
        for name, values in request.query.items():
            if name not in known:
                raise _invalid("parameter", name)
            if len(values) > 1:
                raise _invalid("repeated parameter", name)
        self._values = {name: values[0] for name, values in request.query.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str = "") -> str:
        """Return the unchecked value."""
        return self._values.get(name, default)

    def choice(self, name: str, default: str, allowed: Iterable[str]) -> str:
        """Return the value.

        :raises Refusal: 400, it is not one of ``allowed``.
        """
        value = self._values.get(name, default)
        if value not in allowed:
            raise _invalid("value", name)
        return value

    def whole_number(self, name: str, default: int, low: int, high: int) -> int:
        """Return the value as a number.

        :raises Refusal: 400, it is not a whole number from ``low`` to ``high``.
        """
        value = self._values.get(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise _invalid("number", name)
        return int(value)

    def moment(self, name: str) -> datetime | None:
        """Return the value as an aware time, or None if it is absent.

        :raises Refusal: 400, it is not ``YYYY-MM-DDTHH:MM:SSZ``.
        """
        value = self._values.get(name)
        if value is None:
            return None
        try:
            if _DATETIME.fullmatch(value):
                return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError as error:
            raise _invalid("datetime", name) from error
        raise _invalid("datetime", name)


def _invalid(what: str, name: str) -> Refusal:
    return Refusal(400, {"detail": f"Invalid {what}: {name}"})
