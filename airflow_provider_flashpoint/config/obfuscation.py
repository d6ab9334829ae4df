"""The ``obfuscation`` of an input or an operator: rules that name the values to hide, and how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, ValidationError

from airflow_provider_flashpoint.config.fields import Settings
from airflow_provider_flashpoint.config.problems.collected import Problems
from airflow_provider_flashpoint.config.problems.section import Section
from airflow_provider_flashpoint.config.problems.validation import Allowed, validated
from airflow_provider_flashpoint.core.secrets.obfuscate import ObfuscationAction, ObfuscationRule

_EXAMPLE = "{path: Event.event_creator_email, action: hash}"


class RuleEntry(Settings):
    """A rule as the file gives it."""

    path: Annotated[
        tuple[Annotated[str, Field(pattern=r"\S")], ...],
        Field(min_length=1),
        BeforeValidator(
            lambda value: value.split(".") if isinstance(value, str) else value, json_schema_input_type=str | list[str]
        ),
        Allowed("keys joined by dots, such as Event.event_creator_email, or a list of keys"),
    ] = Field(
        description="Keys that lead to the value, joined by dots; a list where a key has a dot in it. A list in the "
        "record needs no key: `Event.Tag.name` means the name of every tag."
    )
    action: ObfuscationAction = Field(description="How the value is hidden: a digest, a constant, or left out.")


def _rule(value: object) -> ObfuscationRule:
    entry = RuleEntry.model_validate(value)
    return ObfuscationRule(entry.path, entry.action)


Rule = Annotated[
    ObfuscationRule,
    PlainValidator(_rule, json_schema_input_type=RuleEntry),
    Allowed(f"a rule such as {_EXAMPLE}", model=RuleEntry),
]


class ObfuscationSettings(Settings):
    """The rules of an input or an operator."""

    obfuscation: Annotated[tuple[Rule, ...], Allowed(f"a list of rules such as [{_EXAMPLE}]")] = Field(
        (), description="Values to hide before a record is kept or sent anywhere; see docs/obfuscation.md."
    )


def rules_of(
    values: Iterable[Any] | None, data_set: str, lookup_keys: Mapping[str, str], *, source: str
) -> tuple[ObfuscationRule, ...]:
    """Return the rules of an operator's argument, read as those of the configuration file.

    :param data_set: the name of the data set that the records belong to.
    :param lookup_keys: the lookup_key of each indicator type that the records are for, empty for the default.
    :param source: the name of the operator, for the message.
    :raises ConfigurationError: a rule is wrong, or hides a value that the work needs.
    """
    problems = Problems(source)
    given = Section({"obfuscation": list(values or ())}, "", problems)
    settings = validated(ObfuscationSettings, given, problems)
    check_rules(given, data_set, lookup_keys)
    problems.raise_if_any()
    return settings.obfuscation if settings else ()


def check_rules(settings: Section, data_set: str, lookup_keys: Mapping[str, str]) -> None:
    """Add a problem for each rule of ``settings`` that overlaps another one, or hides a value that the work needs.

    Rules that cannot be read are skipped, because the model reports them.
    """
    given = settings.get("obfuscation")
    if not given or not isinstance(given, list):
        return
    needed = dict.fromkeys(_needed(data_set, lookup_keys))
    rules: list[ObfuscationRule] = []
    for index, value in enumerate(given):
        try:
            rule = _rule(value)
        except ValidationError:
            continue
        path = f"{settings.place('obfuscation')}[{index}]"
        met = next((other for other in rules if all(map(str.__eq__, rule.path, other.path))), None)
        if met:
            relation = "has a rule already" if met.path == rule.path else f"overlaps the rule of {'.'.join(met.path)!r}"
            settings.problems.add(f"{path}.path", f"{'.'.join(rule.path)!r} {relation}; keep one")
            continue
        rules.append(rule)
        for name, role, is_hashable in needed:
            if _hides(rule, name, is_hashable=is_hashable):
                remedy = f"hash {name!r} itself, or leave it" if is_hashable else "leave it as it is"
                settings.problems.add(path, f"{rule} would hide the {role}; {remedy}")


def _hides(rule: ObfuscationRule, name: str, *, is_hashable: bool) -> bool:
    """Return whether ``rule`` takes away the field with this flattened name.

    :param is_hashable: a digest of the field serves as well as its value.
    """
    path = ".".join(rule.path)
    is_within = path.startswith(f"{name}.")
    if not (is_within or f"{name}.".startswith(f"{path}.")):
        return False
    return rule.action is not ObfuscationAction.HASH or not (is_within or (is_hashable and path == name))


def _needed(data_set: str, lookup_keys: Mapping[str, str]) -> Iterator[tuple[str, str, bool]]:
    """Yield the fields that the work needs: flattened name, role, and whether a digest serves as well."""
    # Only rules need the endpoint table, which imports the HTTP client.
    from airflow_provider_flashpoint.core.flashpoint.api import DataSet
    from airflow_provider_flashpoint.core.flashpoint.endpoints import endpoints_of

    endpoints = endpoints_of(DataSet(data_set))
    for endpoint in endpoints:
        if endpoint.id_field:
            yield endpoint.id_field, f"id {endpoint.id_field!r} of {data_set}", True
        for name in (endpoint.time_field, *endpoint.version_fields):
            if name:
                yield name, f"time {name!r} of {data_set}, which is needed as it is", False
    for indicator_type, given in lookup_keys.items():
        for key in [given] if given else [endpoint.lookup_key_of(indicator_type) for endpoint in endpoints]:
            yield key, f"lookup_key {key!r} of {indicator_type}", True
