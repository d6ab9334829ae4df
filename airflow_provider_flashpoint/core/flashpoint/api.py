"""Names of API generations, data sets and types. Light, since every process of Airflow loads them."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit


class Api(StrEnum):
    """The API generation: which paths and parameters the host serves."""

    LEGACY = "legacy"
    IGNITE_V1 = "ignite_v1"
    IGNITE_V2 = "ignite_v2"


class DataSet(StrEnum):
    """The data sets, by the collector's names."""

    INDICATORS = "indicators"
    ALERTS = "alerts"
    KEYWORDS = "keywords"
    KEYWORD_CLASSES = "keyword_classes"
    CREDENTIALS = "credentials"
    VULNERABILITIES = "vulnerabilities"
    REPORTS = "reports"


EVENT_DATA_SETS = tuple(data_set for data_set in DataSet if data_set is not DataSet.INDICATORS)
"""The data sets that are delivered as events; indicators become lookups."""

FEED_DATA_SETS = (DataSet.KEYWORDS, DataSet.KEYWORD_CLASSES)
"""The data sets that belong to the input of the alerts."""

INPUT_NAMES = {
    DataSet.INDICATORS: "flashpoint_indicator",
    DataSet.ALERTS: "flashpoint_alert",
    DataSet.CREDENTIALS: "flashpoint_credential",
    DataSet.VULNERABILITIES: "flashpoint_vulnerability",
    DataSet.REPORTS: "flashpoint_report",
}
"""The inputs of the configuration file, which are the ids of their DAGs too, by the data set that they read."""


def input_of(data_set: DataSet) -> str:
    """Return the input of the configuration file that a data set belongs to."""
    return INPUT_NAMES[DataSet.ALERTS if data_set in FEED_DATA_SETS else data_set]


MISP_TYPES = (
    "AS", "attachment", "authentihash", "btc", "campaign-name", "comment", "cookie", "domain", "email", "email-dst",
    "email-src", "email-src-display-name", "email-subject", "filename", "first-name", "float", "github-username",
    "hostname", "imphash", "ip-dst", "ip-dst|port", "ip-src", "ip-src|port", "link", "malware-sample", "md5", "mutex",
    "other", "pattern-in-file", "pattern-in-memory", "pdb", "port", "regkey", "regkey|value", "sha1", "sha256",
    "sha512", "size-in-bytes", "snort", "ssdeep", "target-external", "target-machine", "target-org", "text",
    "threat-actor", "twitter-id", "uri", "url", "user-agent", "whois-creation-date", "whois-registrant-email",
    "whois-registrant-name", "whois-registrant-phone", "whois-registrar", "x509-fingerprint-md5",
    "x509-fingerprint-sha1", "x509-fingerprint-sha256", "yara",
)  # fmt: skip
"""The types of MISP that are known: of indicators of legacy and of version 1, which may have others too."""

IGNITE_TYPES = ("domain", "extracted_config", "file", "ipv4", "ipv6", "url")
"""The types of indicators of version 2."""

_HOSTS = {"fp.tools": Api.LEGACY, "api.flashpoint.io": Api.IGNITE_V2}


def host_of(api: Api) -> str:
    """Return the address that serves an API generation."""
    names = {served: name for name, served in _HOSTS.items()}
    return f"https://{names.get(api) or names[Api.IGNITE_V2]}"


def api_of_host(base_url: str) -> Api:
    """Return the API generation that a host is known to serve; legacy for every other host."""
    name = (urlsplit(base_url).hostname or "").lower()
    return _HOSTS.get(name, Api.LEGACY)
