"""A Flashpoint and a Devo on this machine, for tests, benchmarks and demonstrations. Run ``python -m sandbox``."""

from __future__ import annotations

from sandbox.devo.lookups.jobs import JobAnswers, JobPlan
from sandbox.devo.server import DevoServer
from sandbox.devo.settings import DevoSettings
from sandbox.devo.syslog_faults import SyslogFault
from sandbox.errors import InvalidSettingError, SandboxError
from sandbox.flashpoint.server import FlashpointServer
from sandbox.flashpoint.settings import FlashpointSettings
from sandbox.http_service.faults import Fault
from sandbox.sandbox import Sandbox
from sandbox.verdict import EventVerdict, LookupVerdict, judge_alerts, judge_events, judge_lookup

__all__ = [
    "DevoServer",
    "DevoSettings",
    "EventVerdict",
    "Fault",
    "FlashpointServer",
    "FlashpointSettings",
    "InvalidSettingError",
    "JobAnswers",
    "JobPlan",
    "LookupVerdict",
    "Sandbox",
    "SandboxError",
    "SyslogFault",
    "judge_alerts",
    "judge_events",
    "judge_lookup",
]
