"""Errors of pydantic models, translated into problems: path of the key, its value, and the values that are allowed.

The values that a field allows follow from its type and bounds, or stand as an `Allowed` in its annotation. The
reference of the settings shows the same texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from airflow_provider_flashpoint.config.problems.collected import Problems, child_path, close_match, shown, unknown_key
from airflow_provider_flashpoint.config.problems.section import Section
from airflow_provider_flashpoint.errors import ConfigurationError

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The values that a field allows, in words. Stands in the field's ``Annotated``.

    :param text: completes "give ...".
    :param model: the model that reads the value, where the annotation names another type.
    """

    text: str
    model: type[BaseModel] | None = None


def validated(model: type[M], document: Mapping[str, Any], problems: Problems) -> M | None:
    """Return ``document`` as a value of ``model``. If it is wrong, add its problems and return None.

    A ConfigurationError of a field's validator completes ``<key>: ...`` with its own text.

    :raises ConfigurationError: the problems so far, or the error of a validator of the whole model.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    # Outside of the handler, so that no traceback shows the ValidationError, which holds the values.
    found: list[tuple[str, str, bool]] = []
    for each in errors:
        if not each["loc"]:
            problems.raise_if_any()
            raise each["ctx"]["error"]
        if each["type"] != "default_factory_not_called":  # the value that the default depends on is wrong
            found.append((*_problem(each, model, document), _reason(each) is not None))
    explained = {path for path, _, is_explained in found if is_explained}
    for path, text, is_explained in found:
        if is_explained or path not in explained:  # a field of several types has an error of each
            problems.add(path, text)
    return None


def _reason(error: Mapping[str, Any]) -> ConfigurationError | None:
    reason = error.get("ctx", {}).get("error")
    return reason if isinstance(reason, ConfigurationError) else None


def _problem(error: Mapping[str, Any], model: type[BaseModel], document: Any) -> tuple[str, str]:
    """Follow the location of an error through the models; return the path and text of the last field that it reaches.

    Paths come from the sections of ``document``, and from the keys of other mappings.
    """
    value, path = document, getattr(document, "path", "")
    field = FieldInfo.from_annotation(model)
    for step in error["loc"]:
        kind, _ = _unwrapped(field)
        if _is_model(kind):
            fields = fields_of(kind)
            path = value.place(str(step)) if isinstance(value, Section) else child_path(path, str(step))
            if step not in fields:
                return path, unknown_key(str(step), fields)
            field = fields[step]
            if error["type"] == "missing" and step not in value:
                return path, f"missing; give {allowed_values(field)}"
        else:
            item = FieldInfo.from_annotation(get_args(kind)[0] if get_origin(kind) is tuple else object)
            if not (_is_model(item.annotation) or _mark(item.metadata)):
                break  # a problem of a plain item is one of its list
            field = item
            path = getattr(value[step], "path", f"{path}[{step}]")
        value = value.get(step) if isinstance(value, Mapping) else value[step]
    return path, str(_reason(error) or _not_allowed(value, field))


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by their keys in the source."""
    return {field.alias or name: field for name, field in model.__pydantic_fields__.items()}


def allowed_values(field: FieldInfo) -> str:
    """Return the values that a field allows, in words: its `Allowed`, an example, its choices or its bounds."""
    kind, metadata = _unwrapped(field)
    if mark := _mark(metadata):
        return mark.text
    if field.examples:
        return f"a text such as {field.examples[0]}"
    if choices := _choices(kind):
        return " or ".join(choices)
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        least = next((mark.ge for mark in metadata if hasattr(mark, "ge")), 0)
        most = next((f"to {mark.le}" for mark in metadata if hasattr(mark, "le")), "up")
        return f"a {'whole ' if kind is int else ''}number from {least} {most}"
    return "a mapping" if _is_model(kind) else "a text that is not empty"


def _not_allowed(value: object, field: FieldInfo) -> str:
    """Return the text of a problem: the value, the values that are allowed, and the one that is most like it.

    The value of a field without ``repr`` is a secret, so the text does not contain it.
    """
    match = close_match(value, _choices(_unwrapped(field)[0])) if isinstance(value, str) else None
    hint = f" (did you mean {match}?)" if match else ""
    return f"{shown(value) if field.repr else 'the value'} is not allowed; give {allowed_values(field)}{hint}"


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [str(member.value) for member in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def _is_model(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_fields__")


def _mark(metadata: list[Any]) -> Allowed | None:
    return next((mark for mark in metadata if isinstance(mark, Allowed)), None)


def _unwrapped(field: FieldInfo) -> tuple[Any, list[Any]]:
    """Return the type that reads the field, without ``Annotated`` and ``None``, and all metadata of the field."""
    kind: Any = field.annotation
    metadata = list(field.metadata)
    while get_origin(kind) in (Annotated, Union, UnionType):
        if get_origin(kind) is Annotated:
            metadata += kind.__metadata__
            kind = kind.__origin__
        else:
            kind = next(part for part in get_args(kind) if part is not type(None))
    mark = _mark(metadata)
    return mark.model if mark and mark.model else kind, metadata
