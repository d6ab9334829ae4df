"""The check before every pull: both connections answer, and both accept the credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_flashpoint.errors import as_setup_error
from airflow_provider_flashpoint.operators.task_errors import translated_errors


class SetupOperator(BaseOperator):
    """Checks the connections of one collector service. Pulls and sends nothing.

    :param module: the collector's name of the service, such as ``flashpoint_indicator``, ``flashpoint_alert`` or
        ``flashpoint_credential``.
    :param data_set: the data set that the service reads, such as ``indicators``, ``alerts`` or ``credentials``.
    :param indicator_types: (templated) the types that the service reads, which the API generation must have.
    :param filters: (templated) the filters of the streams, which the API generation must accept.
    :param lookups: options of lookups that the API generation must allow: ``lookup_key``, ``embed``, ``row_per_hash``.
    :param query_tag: the table whose events are verified by a query; None where none are.
    :param flashpoint_conn_id: (templated) the connection to Flashpoint.
    :param devo_conn_id: (templated) the connection to Devo.
    """

    template_fields: Sequence[str] = ("indicator_types", "filters", "flashpoint_conn_id", "devo_conn_id")
    ui_color = "#eeeeee"

    def __init__(
        self,
        *,
        module: str,
        data_set: str,
        indicator_types: Sequence[str] = (),
        filters: Sequence[Mapping[str, str | Sequence[str]]] = (),
        lookups: Sequence[Mapping[str, Any]] = (),
        query_tag: str | None = None,
        flashpoint_conn_id: str = "flashpoint_default",
        devo_conn_id: str = "devo_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.module = module
        self.data_set = data_set
        self.indicator_types = indicator_types
        self.filters = filters
        self.lookups = lookups
        self.query_tag = query_tag
        self.flashpoint_conn_id = flashpoint_conn_id
        self.devo_conn_id = devo_conn_id

    def execute(self, context: Any) -> None:
        """Make the cheapest request of each service; fail the task at once where a later attempt cannot help."""
        from airflow_provider_flashpoint.core.flashpoint.api import DataSet
        from airflow_provider_flashpoint.hooks.devo import DevoHook
        from airflow_provider_flashpoint.hooks.flashpoint import FlashpointHook

        with translated_errors(as_setup_error):
            self.log.info("The puller of <%s> waits until this setup has been executed.", self.module)
            data_set = DataSet(self.data_set)
            FlashpointHook(self.flashpoint_conn_id).check(
                data_set, types=self.indicator_types, filters=self.filters, lookups=self.lookups
            )
            devo = DevoHook(self.devo_conn_id)
            if data_set is DataSet.INDICATORS:
                devo.check_lookups()
            else:
                devo.check_events()
            if self.query_tag:
                devo.check_queries(self.query_tag)
            self.log.info("Setup for module <%s> has been successfully executed.", self.module)
