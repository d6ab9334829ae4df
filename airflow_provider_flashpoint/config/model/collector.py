"""The whole configuration file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from airflow_provider_flashpoint.config.fields import ConfigName, Settings
from airflow_provider_flashpoint.config.model.events import AlertInput
from airflow_provider_flashpoint.config.model.indicators import IndicatorInput
from airflow_provider_flashpoint.config.model.inputs import if_enabled


class CollectorConfig(Settings):
    """The whole file. An input that is absent or off is None; ``notes`` name the parts that are not used, and why."""

    name: Annotated[
        ConfigName,
        Field(
            description="Name of the configuration, where there are several. It ends the ids of its DAGs: "
            "`flashpoint_indicator__<name>`, `flashpoint_alert__<name>`."
        ),
    ] = ""
    indicators: Annotated[IndicatorInput | None, AfterValidator(if_enabled)] = None
    alerts: Annotated[AlertInput | None, AfterValidator(if_enabled)] = None
    notes: tuple[str, ...] = ()


CollectorConfig.model_rebuild()
