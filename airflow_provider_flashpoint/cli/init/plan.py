"""What ``airflow-flashpoint init`` will write and add, by its options and by the answers to its questions."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_flashpoint.airflow_runtime import database, installation
from airflow_provider_flashpoint.cli.init.questions import Questions
from airflow_provider_flashpoint.cli.output.report import WrongUsage
from airflow_provider_flashpoint.config.dag_files import DEFAULT_TYPES, new_configuration
from airflow_provider_flashpoint.config.document import document_of, text_of
from airflow_provider_flashpoint.config.migration import collector_file
from airflow_provider_flashpoint.connections import commands
from airflow_provider_flashpoint.core.flashpoint.api import Api, DataSet
from airflow_provider_flashpoint.core.flashpoint.endpoints import check_types
from airflow_provider_flashpoint.core.secrets.known import remember
from airflow_provider_flashpoint.errors import ConfigurationError

FLASHPOINT, DEVO = commands.DEFAULT_CONN_IDS.values()
_GENERATION = f"API generation of Flashpoint ({', '.join(Api)})"


@dataclass(frozen=True, slots=True)
class Plan:
    """The configuration to write, and the connections that it needs.

    :param commands: the commands that add the connections, by their ids.
    :param connections: the fields of the connections to add.
    :param existing: the connections that are known to exist.
    """

    api: Api
    text: str
    commands: Mapping[str, str]
    connections: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    existing: Collection[str] = ()


def new_plan(options: argparse.Namespace, questions: Questions) -> Plan:
    """Return the plan for a new configuration.

    :raises WrongUsage: options or answers do not fit together.
    """
    api = Api(options.api or questions.choice(_GENERATION, [*map(str, Api)], default=Api.IGNITE_V2))
    default = ", ".join(DEFAULT_TYPES[api])
    given = options.types or questions.text("Indicator types, each a lookup in Devo, or none", default=default)
    types = [] if given.strip() == "none" else [each.strip() for each in given.split(",") if each.strip()]
    try:
        check_types(api, DataSet.INDICATORS, types)
    except ConfigurationError as error:
        raise WrongUsage(str(error)) from error
    has_alerts = not options.no_alerts and questions.yes("Alerts too, into a table of Devo", default=True)
    if not types and not has_alerts:
        raise WrongUsage("Neither indicators nor alerts: there is nothing to do.")
    host = options.devo_host or questions.text("Host where Devo takes events", default=commands.DEVO_HOST)
    domain = options.domain or questions.text("Name of the Devo domain")
    return Plan(api, new_configuration(types, has_alerts=has_alerts), _commands(api, host, domain))


def _commands(api: Api, host: str, domain: str, paths: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        FLASHPOINT: commands.flashpoint_command(FLASHPOINT, api),
        DEVO: commands.devo_command(DEVO, host=host, domain=domain, paths=paths),
    }


def collector_plan(options: argparse.Namespace, questions: Questions, notes: list[str]) -> Plan:
    """Return the plan for the file of a collector.

    :param notes: gets what was left out, and what people must check.
    :raises ConfigurationError: the file is wrong, or cannot be converted for the API generation.
    """
    file = options.source
    text = text_of(file)
    document = document_of(text, file)
    for _, _, token in collector_file.tokens(document):
        remember(token)
    # The collector reads legacy, so its token is good there alone.
    api = Api(options.api or questions.choice(_GENERATION, [*map(str, Api)], default=Api.LEGACY))
    configuration = collector_file.new_text(document, text, file, api, notes)
    devo = collector_file.devo_fields(document, file, notes)
    host = options.devo_host or devo.get("host") or commands.DEVO_HOST
    domain = options.domain or questions.text("Name of the Devo domain")
    paths = {name: value for name, value in devo.get("extra", {}).items() if not collector_file.is_pasted(value)}
    plan = Plan(api, configuration, _commands(api, host, domain, paths))
    question = f"Add the connections {FLASHPOINT} and {DEVO} to Airflow"
    if not options.connections and not questions.yes(question, default=False):
        return plan
    database.start()
    existing = [conn_id for conn_id in (FLASHPOINT, DEVO) if installation.has_connection(conn_id)]
    notes += [f"The connection {conn_id} exists, and stays as it is." for conn_id in existing]
    new = {}
    if FLASHPOINT not in existing:
        new[FLASHPOINT] = _flashpoint(collector_file.flashpoint_fields(document, notes), api, questions)
    if DEVO not in existing and devo:
        new[DEVO] = _devo({**devo, "host": host}, domain, questions, notes)
    return replace(plan, connections={conn_id: fields for conn_id, fields in new.items() if fields}, existing=existing)


def _flashpoint(found: dict[str, Any], api: Api, questions: Questions) -> dict[str, Any]:
    """Return the fields of the connection to Flashpoint; none without a token that its API generation accepts."""
    if api is not Api.LEGACY:
        token = questions.secret("API token of Ignite, since the collector's is one of legacy")
        found = {"password": token} if token else {}
    address = {"conn_type": "flashpoint", "extra": {}} | commands.flashpoint_fields(api)
    return {**address, **found, "extra": address["extra"] | found.get("extra", {})} if found else {}


def _devo(found: dict[str, Any], domain: str, questions: Questions, notes: list[str]) -> dict[str, Any]:
    """Return the fields of the connection to Devo."""
    token = questions.secret("Token of Devo's Lookups API, which the collector has not")
    for name, value in (("token of the Lookups API", token), ("domain", domain)):
        if not value:
            notes.append(f"{DEVO} has no {name}. Lookups need it: add it in the UI, under Admin, Connections.")
    extra = found["extra"] | ({"domain": domain} if domain else {})
    return {"conn_type": "devo", **found, "password": token or None, "extra": extra}
