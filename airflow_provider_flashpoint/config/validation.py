"""Errors of pydantic models, translated into problems: path of the key, its value, and the values that are allowed.

The values that a field allows follow from its type and bounds, or stand as an `Allowed` in its annotation. The
reference of the settings shows the same texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from airflow_provider_flashpoint.config.problems import Problems, child_path, close_match, shown, unknown_key
from airflow_provider_flashpoint.config.section import Section

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound="BaseModel")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The values that a field allows, in words. Stands in the field's ``Annotated``.

    :param text: completes "give ...".
    :param missing: the same for a required field that is absent; ``{name}`` inserts another key of the mapping.
    :param model: the model that reads the value, where the annotation names another type.
    :param is_secret: the value never appears in a message.
    """

    text: str
    missing: str | None = None
    model: type[BaseModel] | None = None
    is_secret: bool = False


def validated(model: type[M], document: Mapping[str, Any], problems: Problems) -> M | None:
    """Return ``document`` as a value of ``model``. If it is wrong, add its problems and return None."""
    from pydantic import ValidationError

    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems.add_all(problems_of(error, model, document))
        return None


def problems_of(error: ValidationError, model: type[BaseModel], document: Any) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each problem that ``model`` found in ``document``.

    :param document: the value that was validated. Paths come from its sections, and from the keys of others.
    """
    for each in error.errors(include_url=False):
        yield _problem(each, model, document)


def _problem(error: ErrorDetails, kind: Any, value: Any) -> tuple[str, str]:
    """Follow the location of an error through the models, and describe the last field that it reaches."""
    path = getattr(value, "path", "")
    metadata: tuple[Any, ...] = ()
    for step in error["loc"]:
        mark = _mark(metadata)
        kind = mark.model if mark and mark.model else kind
        if _is_model(kind):
            fields = fields_of(kind)
            path = value.place(str(step)) if isinstance(value, Section) else child_path(path, str(step))
            if step not in fields:
                return path, unknown_key(str(step), fields)
            if error["type"] == "missing" and step not in value:
                return path, _missing(fields[str(step)], value)
            kind, metadata = _unwrapped(fields[str(step)].annotation, fields[str(step)].metadata)
        else:
            item, of_item = _unwrapped(get_args(kind)[0]) if get_origin(kind) is tuple else (object, ())
            if not (_is_model(item) or _mark(of_item)):
                break  # a problem of a plain item is one of its list
            kind, metadata = item, of_item
            path = getattr(value[step], "path", f"{path}[{step}]")
        value = value.get(step) if isinstance(value, Mapping) else value[step]
    return path, not_allowed(value, kind, metadata)


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by their keys in the source."""
    return {field.alias or name: field for name, field in model.__pydantic_fields__.items()}


def allowed_values(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return the values that a field allows, in words: those of its `Allowed`, its choices or its bounds."""
    kind, metadata = _unwrapped(annotation, metadata)
    if mark := _mark(metadata):
        return mark.text
    if choices := _choices(kind):
        return " or ".join(choices)
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        least = next((mark.ge for mark in metadata if hasattr(mark, "ge")), 0)
        most = next((f"to {mark.le}" for mark in metadata if hasattr(mark, "le")), "up")
        return f"a {'whole ' if kind is int else ''}number from {least} {most}"
    return "a mapping" if _is_model(kind) else "a text that is not empty"


def not_allowed(value: object, annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return the text of a problem: the value, the values that are allowed, and the one that is most like it."""
    kind, metadata = _unwrapped(annotation, metadata)
    mark = _mark(metadata)
    match = close_match(value, _choices(kind)) if isinstance(value, str) else None
    hint = f" (did you mean {match}?)" if match else ""
    text = "the value" if mark and mark.is_secret else shown(value)
    return f"{text} is not allowed; give {allowed_values(kind, metadata)}{hint}"


def _missing(field: FieldInfo, siblings: Mapping[str, Any]) -> str:
    mark = _mark(field.metadata)
    if mark and mark.missing:
        return f"missing; give {mark.missing.format_map(siblings)}"
    return f"missing; give {allowed_values(field.annotation, field.metadata)}"


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [str(member.value) for member in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def _is_model(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_fields__")


def _mark(metadata: Iterable[Any]) -> Allowed | None:
    return next((mark for mark in metadata if isinstance(mark, Allowed)), None)


def _unwrapped(annotation: Any, metadata: Iterable[Any] = ()) -> tuple[Any, tuple[Any, ...]]:
    """Return the type of an annotation without ``Annotated`` and ``None``, and all metadata of the field."""
    found = tuple(metadata)
    while True:
        if get_origin(annotation) is Annotated:
            found += tuple(annotation.__metadata__)
            annotation = annotation.__origin__
        elif get_origin(annotation) in (Union, UnionType):
            annotation = next(part for part in get_args(annotation) if part is not type(None))
        else:
            return annotation, found
