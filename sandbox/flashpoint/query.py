"""The parameters of a Flashpoint request, checked at least as strictly as by the service."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from sandbox.http_service.message import Refusal, Request

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
RESULT_WINDOW = 10_000


class Parameters:
    """The query of a request.

    :param allowed: the parameter names of the endpoint.
    :raises Refusal: 400, a name is unknown or repeated.
    """

    def __init__(self, request: Request, allowed: Iterable[str]) -> None:
        self._values = {name: values[-1] for name, values in request.query.items()}
        known = set(allowed)
        for name, values in request.query.items():
            if name not in known:
                raise self.refusal("parameter", name)
            if len(values) > 1:
                self._check_repeated(name)

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
            raise self.refusal("value", name)
        return value

    def whole_number(self, name: str, default: int, low: int, high: int) -> int:
        """Return the value as a number.

        :raises Refusal: 400, it is not a whole number from ``low`` to ``high``.
        """
        value = self._values.get(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise self.refusal("number", name)
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
            raise self.refusal("datetime", name) from error
        raise self.refusal("datetime", name)

    def refusal(self, what: str, name: str) -> Refusal:
        """Return the answer to an invalid parameter."""
        return Refusal(400, {"detail": f"Invalid {what}: {name}"})

    def _check_repeated(self, name: str) -> None:
        raise self.refusal("repeated parameter", name)


class IgniteParameters(Parameters):
    """The query of a request of Ignite, which takes the last value of a repeated parameter.

    :param relative: a pattern of times relative to now, with groups ``number`` and ``unit``; None if there are none.
    :param detail_is_list: how a 422 names the parameter: in a list under ``detail``, or under ``errors``.
    """

    def __init__(
        self,
        request: Request,
        allowed: Iterable[str],
        *,
        relative: re.Pattern[str] | None = None,
        detail_is_list: bool,
    ) -> None:
        self._relative = relative
        self._detail_is_list = detail_is_list
        super().__init__(request, allowed)

    def moment(self, name: str) -> datetime | None:
        """Return the value as an aware time, or None if it is absent.

        :raises Refusal: 400, it is neither ``YYYY-MM-DDTHH:MM:SSZ`` nor a date nor a relative time.
        """
        value = self._values.get(name, "")
        if self._relative and (match := self._relative.fullmatch(value)):
            unit = {"M": 30 * 86_400, "d": 86_400, "h": 3600, "m": 60, None: 0}[match["unit"]]
            return datetime.now(UTC) - timedelta(seconds=int(match["number"] or 0) * unit)
        if _DATE.fullmatch(value):
            self._values[name] = f"{value}T00:00:00Z"
        return super().moment(name)

    def list(self, name: str, allowed: Iterable[str] | None = None) -> list[str] | None:
        """Return the values of a comma list, or None if it is absent.

        :raises Refusal: 422, one is empty or not one of ``allowed``.
        """
        if name not in self._values:
            return None
        values = self._values[name].split(",")
        if not all(values) or (allowed is not None and not set(values) <= set(allowed)):
            raise self.refusal("value", name)
        return values

    def flag(self, name: str) -> bool:
        """Return a boolean value, false if it is absent."""
        return self.choice(name, "false", ("true", "True", "false", "False")).lower() == "true"

    def refusal(self, what: str, name: str) -> Refusal:
        """Return 400 for a time, 422 for everything else."""
        if what == "datetime":
            return super().refusal(what, name)
        found = {"loc": ["query", name], "msg": f"Input is an invalid {what}", "input": self._values.get(name)}
        if self._detail_is_list:
            return Refusal(422, {"detail": [found]})
        return Refusal(422, {"detail": "Validation failed", "errors": [found]})

    def _check_repeated(self, name: str) -> None:
        """Accept it: the last value counts."""


def check_result_window(end: int, window: int | None = RESULT_WINDOW) -> None:
    """Check the end of a page, counted from the first record that matches; None is no limit.

    :raises Refusal: 400, it is beyond the result window.
    """
    if window is not None and end > window:
        raise Refusal(400, {"message": "Result window is too large"})
