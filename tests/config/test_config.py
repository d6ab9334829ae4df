"""Values that are read from a configuration in the collector's format."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.config import (
    KeywordFeed,
    LookupStatus,
    ObfuscationAction,
    ObfuscationRule,
    OnRerun,
    Verify,
    default_lookup_name,
    load_collector_config,
    parse_collector_config,
)
from airflow_provider_flashpoint.config.model import AlertInput, IndicatorInput, LookupConfig, LookupPullSettings
from airflow_provider_flashpoint.core.flashpoint.api import IGNITE_TYPES
from airflow_provider_flashpoint.errors import ConfigurationError

EXAMPLE = Path(__file__).parents[2] / "dags" / "flashpoint_collector.yaml"
DOMAIN = {"domain": {"lookup_key": "value.domain"}}
URL = {"url": {"lookup_key": "value.url"}}


def indicators(entry: dict[str, Any]) -> IndicatorInput:
    config = parse_collector_config({"inputs": {"flashpoint_indicator": entry}})
    assert config.indicators is not None
    return config.indicators


def alerts(entry: dict[str, Any] | None) -> AlertInput:
    config = parse_collector_config({"inputs": {"flashpoint_alert": entry}})
    assert config.alerts is not None
    return config.alerts


def names(service: dict[str, Any]) -> dict[str, str]:
    found = indicators({"services": {"indicators": service}})
    return {lookup.indicator_type: lookup.lookup_name for lookup in found.lookups}


def test_the_example_in_the_dags_folder_is_a_configuration() -> None:
    """The file that is shipped beside the DAGs is complete and valid as it is."""
    config = load_collector_config(EXAMPLE)
    assert config.indicators is not None
    assert config.alerts is not None
    assert {lookup.indicator_type for lookup in config.indicators.lookups} == {*IGNITE_TYPES} - {"extracted_config"}


def test_every_setting_that_the_example_keeps_in_a_comment_can_be_uncommented(tmp_path: Path) -> None:
    """The commented settings of the example have valid names, places and values."""
    setting = re.compile(r"^(\s*)# (\s*(?:- )?(?:\{path|[a-z_0-9]+:).*)$", re.MULTILINE)
    text, count = setting.subn(r"\1\2", EXAMPLE.read_text())
    (file := tmp_path / "collector.yaml").write_text(text)
    config = load_collector_config(file)
    assert count > 25
    assert config.indicators is not None
    assert len(config.indicators.obfuscation) == 3
    assert config.alerts is not None
    assert config.alerts.keyword_classes is not None


def test_the_nested_form_is_read() -> None:
    """Settings stand in services.indicators, as in the files of the collector."""
    found = indicators({
        "id": "1234",
        "enabled": True,
        "environment": "production",
        "services": {
            "indicators": {
                "initial_start_time": "2023-02-07T00:00:00Z",
                "request_period_in_seconds": 600,
                "lookups": [{"domain": {"lookup_key": "value.domain", "lookup_status": "Created"}}],
            }
        },
    })
    assert (found.id, found.environment) == ("1234", "production")
    assert found.initial_start_time == datetime(2023, 2, 7, tzinfo=UTC)
    assert found.request_period == timedelta(seconds=600)
    assert found.lookups[0].lookup_status is LookupStatus.CREATED


NESTED = {"services": {"indicators": {"lookup_name": "Mine", "lookups": [DOMAIN]}}}


@pytest.mark.parametrize(
    "entry",
    [
        {"lookup_name": "Mine", "lookups": [DOMAIN]},
        {"lookup_name": "Mine", "lookups": DOMAIN},
        {"indicators": {"lookup_name": "Mine", "lookups": [DOMAIN]}},
        {"indicators": {"lookup_name": "Mine"}, "lookups": [DOMAIN]},
        {"indicators.lookup_name": "Mine", "lookups": [DOMAIN]},
        {"indicators": {"domain": {"lookup_name": "Mine"}}, "lookups": [DOMAIN]},
        {"indicators.domain.lookup_name": "Mine", "lookups": [DOMAIN]},
        {"services": {"indicators": {"domain": {"lookup_name": "Mine"}, "lookups": [DOMAIN]}}},
        {"lookups": [{"domain": {"lookup_key": "value.domain", "lookup_name": "Mine"}}]},
        {"lookups": {"domain": {"lookup_name": "Mine"}}, "indicators": {"domain": {"lookup_key": "value.domain"}}},
    ],
)  # fmt: skip
def test_all_forms_of_an_input_mean_the_same(entry: dict[str, Any]) -> None:
    """A setting may be in the service, in the input, under the type or in a dotted key."""
    assert indicators(entry) == indicators(NESTED)


def test_inputs_may_stand_at_the_top() -> None:
    """A file without the key `inputs` has its inputs at the top level."""
    flat = parse_collector_config({"flashpoint_indicator": NESTED})
    assert flat == parse_collector_config({"inputs": {"flashpoint_indicator": NESTED}})


def test_the_deepest_setting_takes_precedence() -> None:
    """A setting of the lookup overrides the service's, and a setting of the service overrides the input's."""
    found = indicators({
        "lag_s": 1,
        "max_rejects": 1,
        "page_size": 10,
        "services": {
            "indicators": {
                "lag_s": 2,
                "max_rejects": 2,
                "lookups": [{"domain": {"lookup_key": "value.domain", "lag_s": 3}}],
            }
        },
    }).lookups[0]
    assert (found.lag, found.max_rejects, found.page_size) == (timedelta(seconds=3), 2, 10)


def test_settings_of_the_sender() -> None:
    """Statistics, telemetry and verification of the sender are settings of the alerts."""
    found = alerts({"services": {"alerts": {"statistics_period_s": 60, "verify": "query", "verify_timeout_s": 30}}})
    assert (found.statistics_period, found.verify_timeout) == (timedelta(minutes=1), timedelta(seconds=30))
    assert found.verify is Verify.QUERY
    assert not found.telemetry
    assert alerts({"telemetry": True}).telemetry
    assert (alerts({}).statistics_period, alerts({}).verify) == (timedelta(minutes=10), Verify.CONFIRM)


def test_defaults_are_those_of_the_collector() -> None:
    """By default a lookup starts as New and runs every 300 seconds, without rejects, obfuscation and catchup."""
    found = indicators({"lookups": [DOMAIN]})
    assert found.request_period == timedelta(seconds=300)
    assert found.lookups[0].lookup_status is LookupStatus.NEW
    assert (found.catchup, found.obfuscation, found.lookups[0].max_rejects) == (False, (), 0)
    assert (found.flashpoint_conn_id, found.devo_conn_id) == ("flashpoint_default", "devo_default")


@pytest.mark.parametrize("value", [300, "300", " 300 ", 300.0])
def test_numbers_may_be_texts(value: object) -> None:
    """A number may be written as text, as in many JSON files."""
    assert indicators({"lookups": [DOMAIN], "request_period_in_seconds": value}).request_period.seconds == 300


@pytest.mark.parametrize(
    ("value", "hour"),
    [
        ("2023-02-07T05:00:00Z", 5),
        ("2023-02-07T05:00:00", 5),
        ("2023-02-07T05:00:00+02:00", 3),
        ("2023-02-07", 0),
        (datetime(2023, 2, 7, 5, tzinfo=UTC), 5),
    ],
)
def test_times_are_aware_and_in_utc(value: object, hour: int) -> None:
    """Any ISO 8601 time is read; one without an offset is UTC."""
    found = indicators({"lookups": [DOMAIN], "initial_start_time": value}).initial_start_time
    assert found == datetime(2023, 2, 7, hour, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("off", [False, "false", "False"])
def test_an_input_that_is_switched_off_is_not_read(off: object) -> None:
    """`enabled: false` switches an input off, and its other settings are not read."""
    document = {"inputs": {"flashpoint_indicator": {"enabled": off, "lookups": 5}, "flashpoint_alert": None}}
    config = parse_collector_config(document)
    assert config.indicators is None
    assert config.alerts is not None


def test_a_service_can_be_switched_off() -> None:
    """`enabled: false` in a service switches off its input."""
    service = {"enabled": False, "lookups": [DOMAIN]}
    assert parse_collector_config({"flashpoint_indicator": {"services": {"indicators": service}}}).indicators is None


def test_the_rest_of_the_collectors_file_is_noted_and_not_used() -> None:
    """globals and outputs are allowed, and a note says what replaces them."""
    document = {"globals": {"debug": False}, "outputs": {"devo": {"config": {"key": "x.key"}}}}
    config = parse_collector_config({**document, "inputs": {"flashpoint_alert": {}}})
    assert [note.split()[0] for note in config.notes] == ["globals", "outputs"]
    assert "devo_default" in config.notes[1]
    assert "x.key" not in "".join(config.notes)


class TestNamesOfLookups:
    """Row 6 of the collector: the lookup's own name, else the service's, else the default."""

    def test_default(self) -> None:
        """Without any name, the name is made from the type."""
        assert names({"lookups": [DOMAIN]}) == {"domain": "Threatintel_Flashpoint_Intelligence_Domain"}

    def test_shared_by_one(self) -> None:
        """A single lookup uses the service's name unchanged."""
        assert names({"lookup_name": "Mine", "lookups": [DOMAIN]}) == {"domain": "Mine"}

    def test_shared_by_several(self) -> None:
        """Several lookups append their type to the service's name."""
        found = names({"lookup_name": "Mine", "lookups": [DOMAIN, URL]})
        assert found == {"domain": "Mine_Domain", "url": "Mine_Url"}

    def test_own(self) -> None:
        """A lookup with a name of its own does not use the service's name."""
        own = {"ip-dst|port": {"lookup_key": "value.ip-dst|port", "lookup_name": "Own"}}
        assert names({"lookup_name": "Mine", "lookups": [own, URL]}) == {"ip-dst|port": "Own", "url": "Mine"}

    @pytest.mark.parametrize(
        ("indicator_type", "name"),
        [("domain", "Domain"), ("ip-dst|port", "Ip_Dst_Port"), ("x509-fingerprint-md5", "X509_Fingerprint_Md5")],
    )
    def test_rule(self, indicator_type: str, name: str) -> None:
        """{Type} is the type title-cased, with _ for all but ASCII letters, digits and _."""
        assert default_lookup_name(indicator_type) == f"Threatintel_Flashpoint_Intelligence_{name}"

    @given(st.text())
    def test_a_default_name_is_always_a_name_that_devo_takes(self, indicator_type: str) -> None:
        """The name has only ASCII letters, digits and _, for any type."""
        assert re.fullmatch(r"[A-Za-z0-9_]+", default_lookup_name(indicator_type))


def test_columns_of_a_lookup() -> None:
    """The columns keep their order."""
    entry = {"domain": {"lookup_key": "value.domain", "columns": ["type", "value.domain"]}}
    assert indicators({"lookups": [entry]}).lookups[0].columns == ("type", "value.domain")


def test_all_columns_of_a_lookup() -> None:
    """`all` stands in place of the list, for operators too."""
    lookup = indicators({"lookups": [{"domain": {"lookup_key": "value", "columns": "all"}}]}).lookups[0]
    assert lookup.columns == "all"
    assert lookup.arguments(LookupPullSettings)["columns"] == "all"


@pytest.mark.parametrize(
    ("given", "read"), [("all", ["all"]), ("none", []), (["apt_description"], ["apt_description"]), (None, None)]
)
def test_embedded_parts(given: Any, read: Any) -> None:
    """`all` and `none` stand in place of the list of parts."""
    lookup = indicators({"embed": given, "lookups": [{"file": {}}]}).lookups[0]
    assert lookup.options() == {"lookup_key": None, "embed": read, "row_per_hash": False}


def test_other_columns_and_hashes_for_all_lookups() -> None:
    """What happens to other values, and one row per hash, may be said once for all lookups."""
    service = {"other_columns": "leave_out", "row_per_hash": "true", "lookups": [{"file": {"lookup_key": "value"}}]}
    lookup = indicators(service).lookups[0]
    assert lookup.arguments(LookupConfig).items() >= {"other_columns": "leave_out", "row_per_hash": True}.items()


def test_obfuscation_rules() -> None:
    """A path is keys joined by dots, or a list of keys if one contains a dot."""
    rules = [
        {"path": "Event.event_creator_email", "action": "hash"},
        {"path": ["source", "body", "text.plain"], "action": "mask"},
    ]
    assert indicators({"lookups": [DOMAIN], "obfuscation": rules}).obfuscation == (
        ObfuscationRule(("Event", "event_creator_email"), ObfuscationAction.HASH),
        ObfuscationRule(("source", "body", "text.plain"), ObfuscationAction.MASK),
    )


class TestAlerts:
    """The input flashpoint_alert."""

    @pytest.mark.parametrize("entry", [None, {}, {"services": {"alerts": None}}])
    def test_nothing_needs_to_be_set(self, entry: dict[str, Any] | None) -> None:
        """An empty input reads only alerts, into the collector's own table."""
        found = alerts(entry)
        assert found.tag == "threatintel.flashpoint.intelligence.alerts"
        assert found.on_rerun is OnRerun.SKIP
        assert (found.keywords, found.keyword_classes) == (None, None)

    @pytest.mark.parametrize("key", ["tag", "override_tag"])
    def test_the_tag(self, key: str) -> None:
        """`tag` and `override_tag`, its name in other collectors of Devo, name the table."""
        assert alerts({"services": {"alerts": {key: "my.app.flashpoint.alerts"}}}).tag == "my.app.flashpoint.alerts"

    def test_keywords_are_on_where_they_are_configured(self) -> None:
        """Any setting of keywords switches them on. Their default table is that of the alerts."""
        found = alerts({
            "services": {
                "alerts": {"tag": "my.app.a.b"},
                "keywords": {"path": "/api/alerting/v1/keywords"},
                "keyword_classes": {"tag": "my.app.c.d"},
            }
        })
        assert found.keywords == KeywordFeed(tag="my.app.a.b", path="/api/alerting/v1/keywords")
        assert found.keyword_classes == KeywordFeed(tag="my.app.c.d", path=None)

    def test_keywords_can_be_switched_off(self) -> None:
        """`enabled: false` switches keywords off."""
        assert alerts({"keywords": {"enabled": False, "path": "/k"}}).keywords is None

    def test_spans_of_time(self) -> None:
        """Settings with a unit in their name become spans of time."""
        found = alerts({"lag_s": 60, "ledger_retention_days": 7, "on_rerun": "resend"})
        assert (found.lag, found.ledger_retention) == (timedelta(minutes=1), timedelta(days=7))
        assert found.on_rerun is OnRerun.RESEND


def test_parsing_leaves_the_document_as_it_was() -> None:
    """Parsing does not change the document."""
    document = {"inputs": {"flashpoint_indicator": {"indicators.lookup_name": "Mine", "lookups": [DOMAIN]}}}
    before = copy.deepcopy(document)
    parse_collector_config(document)
    assert document == before


def test_reading_a_configuration_imports_nothing_of_airflow() -> None:
    """Reading is fast enough for each task process, because it imports only the modules that it needs."""
    code = (
        "import sys; from airflow_provider_flashpoint.config import load_collector_config as load;"
        f"load({str(EXAMPLE)!r});"
        "print({name.split('.')[0] for name in sys.modules} & {'airflow', 'requests', 'pendulum', 'difflib'})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=EXAMPLE.parents[1]
    )
    assert run.stdout.strip() == "set()"


def test_filters() -> None:
    """Filters of the service are those of each lookup without its own, and reach the tasks as plain values."""
    lookups = [{"ipv4": {"lookup_key": "value"}}, {"url": {"lookup_key": "value", "filters": {"tags": ["a", 7]}}}]
    services = {"indicators": {"lookups": lookups, "filters": {"score": "malicious"}}}
    found = indicators({"services": services}).lookups
    first, second = (lookup.arguments(LookupConfig)["filters"] for lookup in found)
    assert (first, second) == ({"score": "malicious"}, {"tags": ["a", "7"]})


@pytest.mark.parametrize("wrong", ["malicious", ["x"], {}, {"score": ""}, {"score": {"a": 1}}, {"tags": ["{{ x }}"]}])
def test_wrong_filters(wrong: Any) -> None:
    """Filters are a mapping of names to a text or several, which are no templates."""
    with pytest.raises(ConfigurationError, match=r"filters: .* is not allowed; give filters and their texts"):
        alerts({"services": {"alerts": {"filters": wrong}}})


@pytest.mark.parametrize("entry", [None, {}, {"lookup_key": None}])
def test_a_lookup_without_a_key(entry: Any) -> None:
    """A lookup may leave out its key: each API generation has one of its own."""
    (lookup,) = indicators({"services": {"indicators": {"lookups": [{"ipv4": entry}]}}}).lookups
    assert lookup.lookup_key is None
