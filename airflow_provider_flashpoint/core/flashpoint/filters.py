"""Filters: values by the names in the configuration, turned into the parameters of a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from airflow_provider_flashpoint.core.secrets.foreign_text import safe_to_show
from airflow_provider_flashpoint.errors import ConfigurationError

FilterValue = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of an endpoint.

    :param parameter: its parameter in a request.
    :param is_list: whether it takes several values, of which one must hold. Of a list under another parameter some
        servers use the last value alone.
    :param choices: the values that exist; empty where others may.
    """

    parameter: str
    is_list: bool = False
    choices: tuple[str, ...] = ()

    def text(self, value: FilterValue) -> str:
        """Return the value of the parameter.

        :raises ValueError: the value is not allowed; the message says which are.
        """
        values: list[str] = []
        for each in [value] if isinstance(value, str) or not self.is_list else value:
            if not isinstance(each, str):
                raise ValueError(f"must be of type str{' or a list of it' if self.is_list else ''}")
            values.append(each)
            if not each.strip() or (self.is_list and "," in each):
                raise ValueError("must not be empty" if not each.strip() else "must have no comma: write a list")
            if self.choices and each not in self.choices:
                raise ValueError(f"must be {'some' if self.is_list else 'one'} of {', '.join(self.choices)}")
        if not values:
            raise ValueError("must not be empty")
        return self.joined(sorted(set(values)))

    def joined(self, values: Iterable[str]) -> str:
        """Return the values as a request has them."""
        return ",".join(values)


def filter_texts(filters: Mapping[str, Filter], given: Mapping[str, FilterValue], *, place: str) -> dict[str, str]:
    """Return the texts of the given values, by the names of their filters.

    :param place: names the endpoint in errors.
    :raises ConfigurationError: a filter does not exist, or its value is not allowed.
    """
    texts = {}
    for name, value in given.items():
        if name not in filters:
            allowed = f"; allowed are: {', '.join(sorted(filters))}" if filters else ", which has no filters"
            raise ConfigurationError(f"{safe_to_show(repr(name))} is not a filter of {place}{allowed}.")
        try:
            texts[name] = filters[name].text(value)
        except ValueError as error:
            shown = safe_to_show(repr(value))
            raise ConfigurationError(f"The filter {name} of {place} is {shown}; it {error}.") from None
    return texts
