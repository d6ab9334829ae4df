"""The whole configuration file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from airflow_provider_flashpoint.config.fields import ConfigName, Settings
from airflow_provider_flashpoint.config.model.events import AlertInput
from airflow_provider_flashpoint.config.model.ignite_events import CredentialInput, ReportInput, VulnerabilityInput
from airflow_provider_flashpoint.config.model.indicators import IndicatorInput
from airflow_provider_flashpoint.config.model.inputs import InputConfig, if_enabled
from airflow_provider_flashpoint.core.flashpoint.api import INPUT_NAMES, DataSet


class CollectorConfig(Settings):
    """The whole file. An input that is absent or off is None; ``notes`` name the parts that are not used, and why."""

    name: Annotated[
        ConfigName,
        Field(
            description="Name of the configuration, where there are several. It ends the ids of its DAGs: "
            "`flashpoint_indicator__<name>`, `flashpoint_alert__<name>` and so on."
        ),
    ] = ""
    indicators: Annotated[IndicatorInput | None, AfterValidator(if_enabled)] = None
    alerts: Annotated[AlertInput | None, AfterValidator(if_enabled)] = None
    credentials: Annotated[CredentialInput | None, AfterValidator(if_enabled)] = None
    vulnerabilities: Annotated[VulnerabilityInput | None, AfterValidator(if_enabled)] = None
    reports: Annotated[ReportInput | None, AfterValidator(if_enabled)] = None
    notes: tuple[str, ...] = ()

    def inputs(self) -> Iterator[tuple[DataSet, InputConfig]]:
        """Yield the inputs that are on, with the data set that each reads."""
        for data_set in INPUT_NAMES:
            if (found := getattr(self, data_set)) is not None:
                yield data_set, found


CollectorConfig.model_rebuild()
