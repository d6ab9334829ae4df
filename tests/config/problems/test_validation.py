"""Problems of pydantic models in the words of this provider."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_flashpoint.config import parse_collector_config
from airflow_provider_flashpoint.config.problems.collected import Problems
from airflow_provider_flashpoint.config.problems.validation import Allowed, validated
from airflow_provider_flashpoint.errors import ConfigurationError


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int | None = Field(None, ge=2, le=1000, alias="page_size")
    wait: float = Field(1.5, ge=0)
    kind: Literal["one", "two"] = "one"
    names: tuple[str, ...] = ()
    token: Annotated[str, Allowed("a token")] = Field("", repr=False)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"page_size": 1}, "page_size: 1 is not allowed; give a whole number from 2 to 1000."),
        ({"wait": -1}, "wait: -1 is not allowed; give a number from 0 up."),
        ({"kind": "tow"}, "kind: 'tow' is not allowed; give one or two (did you mean two?)."),
        ({"names": [1]}, "names: a list is not allowed; give a text that is not empty."),
        ({"token": 5}, "token: the value is not allowed; give a token."),
        ({"page_siez": 5}, "page_siez: unknown key (did you mean page_size?); allowed are kind, names, page_size, "),
    ],
)
def test_a_problem_has_the_key_the_value_and_the_allowed_values(document: dict[str, object], problem: str) -> None:
    """The allowed values follow from the type, the bounds or the choices of the field."""
    problems = Problems("The source")
    assert validated(Model, document, problems) is None
    with pytest.raises(ConfigurationError) as caught:
        problems.raise_if_any()
    assert f"\n  {problem}" in str(caught.value)


def test_the_error_does_not_carry_the_values_of_the_file() -> None:
    """No cause or context of the error holds the document, since a traceback would show it."""
    with pytest.raises(ConfigurationError) as caught:
        parse_collector_config({"flashpoint_alert": {"tag": "hunter2", "obfuscation": ["hunter2"]}})
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
