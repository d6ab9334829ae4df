"""Invalid configurations and their messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.config import lookups, parse_collector_config, shape
from airflow_provider_flashpoint.errors import ConfigurationError

DOMAIN = {"domain": {"lookup_key": "value.domain"}}
URL = {"url": {"lookup_key": "value.url"}}
SERVICE = "inputs.flashpoint_indicator.services.indicators"
ALERTS = "inputs.flashpoint_alert.services.alerts"


def refusal(document: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse_collector_config(document, source="/dags/collector.yaml")
    return str(caught.value)


def refused(**service: Any) -> list[str]:
    """Return the problems of a service of indicators, one line each, without the header."""
    entry = {"services": {"indicators": {"lookups": [DOMAIN], **service}}}
    return _problems({"inputs": {"flashpoint_indicator": entry}})


def refused_alerts(**service: Any) -> list[str]:
    return _problems({"inputs": {"flashpoint_alert": {"services": {"alerts": service}}}})


def refused_lookup(**settings: Any) -> list[str]:
    return refused(lookups=[{"domain": {"lookup_key": "value.domain", **settings}}])


def _problems(document: Any) -> list[str]:
    return [line.strip() for line in refusal(document).splitlines()[1:]]


def test_the_message_names_file_key_value_and_what_is_allowed() -> None:
    """A wrong value is reported with all information that is needed to fix it."""
    document = {"inputs": {"flashpoint_indicator": {"services": {"indicators": {
        "lookups": [DOMAIN, {"url": {"lookup_key": "value.url", "lookup_status": "Nwe"}}],
    }}}}}  # fmt: skip
    assert refusal(document) == (
        "/dags/collector.yaml: 1 problem found.\n"
        f"  {SERVICE}.lookups[1].url.lookup_status: 'Nwe' is not allowed; give New or Created (did you mean New?)."
    )


def test_all_problems_are_reported_at_once() -> None:
    """Each problem has one line, even if several lookups inherit the wrong setting."""
    problems = refused(
        lag_s="soon", max_active_runs=0, lookups=[DOMAIN, {"url": {"lookup_key": "", "lookup_status": "new"}}]
    )
    assert [line.split(":")[0].removeprefix(f"{SERVICE}.") for line in problems] == [
        "max_active_runs",
        "lag_s",
        "lookups[1].url.lookup_key",
        "lookups[1].url.lookup_status",
    ]


KNOWN_KEYS = {
    "inputs": shape.INPUTS,
    "inputs.flashpoint_indicator": shape.INPUT_KEYS | {"indicators"},
    SERVICE: shape.INDICATOR_KEYS,
    f"{SERVICE}.lookups[0].domain": lookups.OWN_KEYS,
    ALERTS: shape.ALERT_KEYS,
}


@st.composite
def typos(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw the place of a mapping, a key that is known there, and the same key with one letter changed."""
    place = draw(st.sampled_from(sorted(KNOWN_KEYS)))
    key = draw(st.sampled_from(sorted(KNOWN_KEYS[place])))
    position = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_"))
    typo = draw(
        st.sampled_from([
            key[:position] + key[position + 1 :],
            key[:position] + letter + key[position:],
            key[:position] + letter + key[position + 1 :],
        ])
    )
    return place, key, typo


@given(typos())
def test_any_typo_in_a_key_is_named(drawn: tuple[str, str, str]) -> None:
    """A misspelled key is reported with its full path and the intended key."""
    place, key, typo = drawn
    if typo in KNOWN_KEYS[place] or not typo:
        return
    service = {"lookups": [DOMAIN]}
    document: dict[str, Any] = {
        "flashpoint_indicator": {"services": {"indicators": service}},
        "flashpoint_alert": {"services": {"alerts": {}}},
    }
    targets = {
        "inputs": document,
        "inputs.flashpoint_indicator": document["flashpoint_indicator"],
        SERVICE: service,
        f"{SERVICE}.lookups[0].domain": {},
        ALERTS: document["flashpoint_alert"]["services"]["alerts"],
    }
    targets[place][typo] = None
    if place.endswith("domain"):
        service["lookups"] = [{"domain": {"lookup_key": "value.domain", **targets[place]}}]
    line = next(line for line in _problems({"inputs": document}) if line.startswith(f"{place}.{typo}: "))
    assert "unknown key" in line
    if len(key) > 3:
        assert f"did you mean {key}?" in line


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"services": {"alerts": {"foo": 1}}}, "services.alerts.foo"),
        ({"services": {"alerts": {"id": "7"}}}, "services.alerts.id"),
        ({"services": {"keywords": {"foo": 1, "path": "/k"}}}, "services.keywords.foo"),
        ({"alerts": {"lookup_key": "a"}}, "alerts.lookup_key"),
        ({"foo": None}, "foo"),
    ],
)
def test_an_unknown_key_is_reported_once(entry: dict[str, Any], path: str) -> None:
    """An unknown key has one problem, with the keys that are allowed in its place."""
    (line,) = _problems({"inputs": {"flashpoint_alert": entry}})
    assert line.startswith(f"inputs.flashpoint_alert.{path}: unknown key")


def test_an_unknown_key_of_a_lookup_is_reported_once() -> None:
    """An unknown key of a lookup, or of the service of indicators, has one problem."""
    assert len(refused_lookup(foo=1)) == len(refused(foo=1)) == len(refused(environment="x")) == 1


def test_a_wrong_name_for_all_lookups_is_reported_even_if_each_has_its_own() -> None:
    """The service's lookup_name is checked whether it is used or not, once."""
    own = {"domain": {"lookup_key": "value.domain", "lookup_name": "Own"}}
    for listed in ([own], [DOMAIN, URL]):
        (line,) = refused(lookup_name="My-Lookup", lookups=listed)
        assert line.startswith(f"{SERVICE}.lookup_name: 'My-Lookup' is not allowed; give at most 200")


def test_the_value_of_an_unknown_key_is_not_shown() -> None:
    """An unknown key may hold a secret."""
    assert "hunter2" not in refusal({"inputs": {"flashpoint_alert": {"passphrase": "hunter2"}}})


SECRET = "c2VjcmV0LXRva2Vu"


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"credentials": {"bearer_token_base64": SECRET}}, "credentials"),
        ({"bearer_token_base64": SECRET}, "bearer_token_base64"),
        ({"indicators.credentials.bearer_token_base64": SECRET}, "indicators.credentials"),
        ({"services": {"credentials": SECRET}}, "services.credentials"),
        ({"services": {"indicators": {"credentials": SECRET}}}, "services.indicators.credentials"),
        ({"lookups": [{"domain": {"token": SECRET}}]}, "lookups[0].domain.token"),
        ({"lookups": [{"credentials": {"bearer_token_base64": SECRET}}]}, "lookups[0].credentials.bearer_token_base64"),
        ({"obfuscation": [{"password": SECRET}]}, "obfuscation[0].password"),
        ({"enabled": False, "credentials": SECRET}, "credentials"),
        ({"credentails": {"bearer_token_base64": SECRET}}, "credentails"),
        ({"Bearer_Token_Base64": SECRET}, "Bearer_Token_Base64"),
    ],
)
def test_a_secret_is_refused_and_not_shown(entry: dict[str, Any], path: str) -> None:
    """The message for credentials gives the command that replaces them, and never their value."""
    text = refusal({"inputs": {"flashpoint_indicator": {"lookups": [DOMAIN], **entry}}})
    line = next(line for line in text.splitlines() if f"  inputs.flashpoint_indicator.{path}: " in line)
    assert (
        "airflow connections add flashpoint_default --conn-type flashpoint --conn-host https://api.flashpoint.io "
        "--conn-password '<token>'"
    ) in line
    assert SECRET not in text


@pytest.mark.parametrize("name", ["staging_uri", "flashpoint_conn_id"])
def test_the_user_part_of_a_uri_is_not_shown(name: str) -> None:
    """A URI with a password is refused, and the message does not show the password."""
    (line,) = refused(**{name: "s3://key:hunter2@bucket/x"})
    assert line.startswith(f"{SERVICE}.{name}: 's3://…@bucket/x' is not allowed")


@pytest.mark.parametrize("value", ["file://var/flashpoint", "file:///", "s3:///key", "file://~nosuchuser/x"])
def test_an_address_of_storage_that_cannot_be_meant_is_refused(value: str) -> None:
    """The file is refused with the reason that a task would give."""
    (line,) = refused(staging_uri=value)
    assert line.startswith(f"{SERVICE}.staging_uri: The address of the staging storage ")


@pytest.mark.parametrize("value", [None, [], {}])
def test_missing_lookups(value: object) -> None:
    """The message for missing lookups shows an example."""
    (line,) = refused(lookups=value)
    assert line == (
        f"{SERVICE}.lookups: at least one lookup is needed, such as "
        "lookups: [{domain: {lookup_key: value.domain, lookup_status: New}}]."
    )


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ("domain", "lookups", "'domain' is not allowed; give a list such as [{domain: {"),
        (["domain"], "lookups[0]", "'domain' is not allowed; give a type and its settings, such as {domain: {"),
        ([{}], "lookups[0]", "a mapping is not allowed"),
        ([{"domain": "x"}], "lookups[0].domain", "'x' is not allowed; give a mapping"),
        ([{"domain": None, "lookup_key": "value.domain"}], "lookups[0]", "lookup_key must be inside of the type"),
        ({"lookup_key": "value.domain"}, "lookups", "lookup_key must be inside of the type"),
        ([{"a b": {"lookup_key": "x"}}], "lookups[0]", "'a b' is not allowed; give an indicator type"),
        ([{"a,b": {"lookup_key": "x"}}], "lookups[0]", "'a,b' is not allowed; give an indicator type"),
        ([{5: {"lookup_key": "x"}}], "lookups[0]", "the key 5 is not a text"),
        ([DOMAIN, DOMAIN], "lookups[1].domain", f"this type has its lookup already, at {SERVICE}.lookups[0].domain"),
    ],
)
def test_lookups_of_the_wrong_shape(value: object, path: str, message: str) -> None:
    """Each mistake in `lookups` is reported with its path and its remedy."""
    line = refused(lookups=value)[0]
    assert line.startswith(f"{SERVICE}.{path}: {message}")


@pytest.mark.parametrize(
    ("setting", "value", "shown", "allowed"),
    [
        ("lookup_status", "Creatd", "'Creatd'", "New or Created (did you mean Created?)"),
        ("lookup_status", "new", "'new'", "New or Created (did you mean New?)"),
        ("lookup_status", True, "true", "New or Created"),
        ("lookup_name", "My-Lookup", "'My-Lookup'", "at most 200 ASCII letters, digits and _"),
        ("lookup_name", "Name\n", "'Name\\n'", "at most 200"),
        ("lookup_name", "A" * 201, f"'{'A' * 59}…", "at most 200"),
        ("lookup_name", "", "''", "at most 200"),
        ("lookup_name", "Größe", "'Größe'", "at most 200"),
        ("lookup_key", " ", "' '", "a text that is not empty"),
        ("lookup_key", ["a"], "a list", "a text that is not empty"),
        ("lookup_key", True, "true", "a text that is not empty"),
        ("max_rejects", -1, "-1", "a whole number from 0 to"),
        ("max_rejects", True, "true", "a whole number from 0 to"),
        ("max_rejects", "1.5", "'1.5'", "a whole number from 0 to"),
        ("max_rejects", 1.5, "1.5", "a whole number from 0 to"),
        ("page_size", 1, "1", "a whole number from 2 to 1000"),
        ("page_size", 1001, "1001", "a whole number from 2 to 1000"),
        ("lag_s", "5m", "'5m'", "a whole number of seconds from 0 to"),
        ("heal_gaps", "yes", "'yes'", "true or false"),
        ("initial_start_time", "07/02/2023", "'07/02/2023'", "a time in ISO 8601"),
        ("initial_start_time", 1675728000, "1675728000", "a time in ISO 8601"),
        ("initial_start_time", "2023-02-30", "'2023-02-30'", "a time in ISO 8601"),
        ("columns", "a, b", "'a, b'", "a list of flattened keys"),
        ("columns", [], "an empty list", "a list of flattened keys"),
        ("columns", "al", "'al'", "a list of flattened keys"),
        ("other_columns", "drop", "'drop'", "extra or leave_out"),
        ("row_per_hash", "maybe", "'maybe'", "true or false"),
    ],
)
def test_wrong_settings_of_a_lookup(setting: str, value: object, shown: str, allowed: str) -> None:
    """Each setting of a lookup refuses invalid values."""
    (line,) = refused_lookup(**{setting: value})
    assert line.startswith(f"{SERVICE}.lookups[0].domain.{setting}: {shown} is not allowed; give {allowed}")


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("request_period_in_seconds", 0, "a whole number of seconds from 1 to"),
        ("request_period_in_seconds", "5 minutes", "a whole number of seconds"),
        ("max_active_runs", 0, "a whole number from 1 to"),
        ("execution_timeout_s", 59, "a whole number of seconds from 60 to 2592000"),
        ("execution_timeout_s", 2_592_001, "a whole number of seconds from 60 to"),
        ("execution_timeout_s", "24h", "a whole number of seconds"),
        ("execution_timeout_s", True, "a whole number of seconds"),
        ("catchup", 1, "true or false"),
        ("staging_uri", "/data", "a URI without a password, such as file:///data/flashpoint"),
        ("flashpoint_conn_id", "a b", "the id of an Airflow connection"),
        ("obfuscation", {"a": "hash"}, "a list of rules"),
    ],
)
def test_wrong_settings_of_a_service(setting: str, value: object, allowed: str) -> None:
    """Each setting of a service refuses invalid values."""
    (line,) = refused(**{setting: value})
    assert line.startswith(f"{SERVICE}.{setting}: ")
    assert f"is not allowed; give {allowed}" in line


@pytest.mark.parametrize("value", ["e" * 65, " e", "a\nb", ""])
def test_the_environment_can_be_a_tag(value: str) -> None:
    """The environment becomes a tag of the DAG, and Airflow limits the length of tags."""
    (line,) = _problems({"flashpoint_alert": {"environment": value}})
    assert line.startswith("flashpoint_alert.environment: ")
    assert line.endswith("is not allowed; give a text of 1 to 64 characters.")


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("tag", "alerts", "ASCII letters, digits, _ and - in parts joined by dots"),
        ("tag", "a.b: <14>", "ASCII letters"),
        ("tag", "a.b\n<14>x", "ASCII letters"),
        ("tag", "a..b", "ASCII letters"),
        ("override_tag", "a.b.", "ASCII letters"),
        ("on_rerun", "skp", "skip or resend (did you mean skip?)"),
        ("ledger_retention_days", 0, "a whole number of days from 1 to"),
        ("page_size", 5001, "a whole number from 2 to 5000"),
    ],
)
def test_wrong_settings_of_alerts(setting: str, value: object, allowed: str) -> None:
    """Each setting of the alerts refuses invalid values. A tag can never start a second event."""
    (line,) = refused_alerts(**{setting: value})
    assert line.startswith(f"{ALERTS}.{setting}: ")
    assert f"is not allowed; give {allowed}" in line


@pytest.mark.parametrize("path", ["keywords", "//evil.example.com/x", "/k?x=1", "/a b", ""])
def test_paths_of_keywords_stay_on_the_host(path: str) -> None:
    """A path begins with one slash, so that the token is never sent to another host, and has no query."""
    (line,) = _problems({"inputs": {"flashpoint_alert": {"services": {"keywords": {"path": path}}}}})
    assert line.startswith(f"inputs.flashpoint_alert.services.keywords.path: '{path}' is not allowed")


@pytest.mark.parametrize(
    ("rule", "path", "message"),
    [
        ("Event.info", "", "'Event.info' is not allowed; give a rule such as {path: "),
        ({"path": "a"}, ".action", "missing; give hash or mask or drop"),
        ({"path": "a", "action": "hsh"}, ".action", "'hsh' is not allowed; give hash or mask or drop (did"),
        ({"action": "hash"}, ".path", "missing; give keys joined by dots"),
        ({"path": "a..b", "action": "hash"}, ".path", "'a..b' is not allowed"),
        ({"path": [], "action": "hash"}, ".path", "an empty list is not allowed"),
        ({"path": "a", "action": "hash", "salt": 1}, ".salt", "unknown key; allowed are action, path"),
    ],
)  # fmt: skip
def test_wrong_obfuscation_rules(rule: object, path: str, message: str) -> None:
    """Each mistake in a rule is reported with its path."""
    (line,) = refused(obfuscation=[rule])
    assert line.startswith(f"{SERVICE}.obfuscation[0]{path}: {message}")


def test_two_rules_for_one_path() -> None:
    """Two rules for one path are ambiguous."""
    rules = [{"path": "a.b", "action": "hash"}, {"path": ["a", "b"], "action": "drop"}]
    assert refused(obfuscation=rules) == [f"{SERVICE}.obfuscation[1].path: 'a.b' has a rule already; keep one."]


@pytest.mark.parametrize(("path", "outer"), [("a", "a.b"), ("a.b.c", "a.b")])
def test_two_rules_of_which_one_leads_into_the_other(path: str, outer: str) -> None:
    """A rule that lies within another would never act."""
    rules = [{"path": outer, "action": "hash"}, {"path": path, "action": "drop"}]
    assert refused(obfuscation=rules) == [
        f"{SERVICE}.obfuscation[1].path: {path!r} overlaps the rule of {outer!r}; keep one."
    ]


@pytest.mark.parametrize(
    ("path", "action", "hidden"),
    [
        ("value", "hash", "lookup_key 'value.domain' of domain"),
        ("fpid", "mask", "id 'fpid' of indicators"),
        ("fpid", "drop", "id 'fpid' of indicators"),
        ("timestamp", "hash", "time 'timestamp' of indicators, which is needed as it is"),
        ("header_", "drop", "time 'header_.indexed_at' of indicators, which is needed as it is"),
    ],
)
def test_a_rule_must_not_hide_what_tells_indicators_and_their_versions_apart(
    path: str, action: str, hidden: str
) -> None:
    """Key, id and times are needed by the pipeline. The message names the rule and the hidden field."""
    lines = refused(obfuscation=[{"path": path, "action": action}])
    assert any(f"{action} of '{path}' would hide the {hidden}; " in line for line in lines)


@pytest.mark.parametrize(
    ("path", "action", "hidden"),
    [
        ("alert_id", "mask", "id 'alert_id' of alerts"),
        ("alert_id", "drop", "id 'alert_id' of alerts"),
        ("ts", "hash", "time 'ts' of alerts, which is needed as it is"),
    ],
)
def test_a_rule_must_not_hide_what_tells_alerts_apart(path: str, action: str, hidden: str) -> None:
    """Repeated alerts are recognised by id, and found by time."""
    lines = refused_alerts(obfuscation=[{"path": path, "action": action}])
    assert any(f"{action} of '{path}' would hide the {hidden}; " in line for line in lines)


def test_the_id_of_an_alert_may_be_hashed() -> None:
    """A hashed id still tells alerts apart."""
    rule = {"path": "alert_id", "action": "hash"}
    parse_collector_config({"flashpoint_alert": {"obfuscation": [rule]}})


@pytest.mark.parametrize("path", ["value", "value.domain"])
@pytest.mark.parametrize("action", ["mask", "drop"])
def test_a_rule_must_not_hide_the_key_of_a_lookup(path: str, action: str) -> None:
    """Masking or dropping the key would leave one row, or none."""
    (line,) = refused(obfuscation=[{"path": path, "action": action}])
    assert f"{action} of '{path}' would hide the lookup_key 'value.domain' of domain" in line


@pytest.mark.parametrize("path", ["value", "value.url"])
def test_a_rule_must_not_hide_the_default_key_of_a_lookup(path: str) -> None:
    """A lookup without a key of its own needs the default keys of all API generations."""
    lines = refused(lookups=[{"url": {}}], obfuscation=[{"path": path, "action": "drop"}])
    assert any(f"drop of '{path}' would hide the lookup_key 'value.url' of url" in line for line in lines)


@pytest.mark.parametrize("rule", [{"path": "value.domain", "action": "hash"}, {"path": "val", "action": "drop"}])
def test_a_rule_that_leaves_the_key_of_a_lookup_is_allowed(rule: dict[str, str]) -> None:
    """A hashed key still tells rows apart, and a path matches whole keys."""
    parse_collector_config({"flashpoint_indicator": {"lookups": [DOMAIN], "obfuscation": [rule]}})


def test_two_lookups_of_one_name() -> None:
    """Two types must not write one lookup, with given or generated names."""
    (line,) = refused(lookups=[{"ip-dst": {"lookup_key": "a"}}, {"ip_dst": {"lookup_key": "b"}}])
    assert line == (
        f"{SERVICE}.lookups[1].ip_dst.lookup_name: 'Threatintel_Flashpoint_Intelligence_Ip_Dst' "
        "is the lookup of ip-dst too; give one of them a lookup_name of its own."
    )


def test_a_setting_given_twice_with_different_values() -> None:
    """The list of lookups and the mapping of a type must not contradict each other."""
    lines = refused(lookups=[{"domain": {"lookup_key": "a", "lookup_name": "X"}}], domain={"lookup_name": "Y"})
    assert lines == [
        f"{SERVICE}.domain.lookup_name: {SERVICE}.lookups[0].domain.lookup_name has another value; keep one of the two."
    ]


def test_a_service_given_twice() -> None:
    """A service is in `services` or beside it, not both."""
    entry = {"indicators": {"lookups": [DOMAIN]}, "services": {"indicators": {"lookups": [URL]}}}
    (line,) = _problems({"inputs": {"flashpoint_indicator": entry}})
    assert line == f"inputs.flashpoint_indicator.indicators: it is also at {SERVICE}; keep one of the two."


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("name", ["flashpoint_alert_2", "flashpoint_alert2", "flashpoint_alert-02"])
def test_a_second_input_of_one_kind(name: str, nested: bool) -> None:
    """A second input of one kind is told where it belongs."""
    document: dict[str, Any] = {"flashpoint_alert": {}, name: {"tag": "my.app.second"}}
    (line,) = _problems({"inputs": document} if nested else document)
    assert line == (
        f"{'inputs.' if nested else ''}{name}: a file has one flashpoint_alert; "
        "put this one into a file of its own, with a `name`."
    )


def test_a_dotted_key_given_twice() -> None:
    """A dotted key and the mapping that it means must not both give a setting."""
    entry = {"indicators.lookup_name": "X", "indicators": {"lookup_name": "Y"}, "lookups": [DOMAIN]}
    assert _problems({"inputs": {"flashpoint_indicator": entry}}) == [
        "inputs.flashpoint_indicator.indicators.lookup_name: the key is there twice; keep one."
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "the file holds an empty list; it must hold a mapping with the key inputs."),
        ({}, "inputs: at least one input is needed, of flashpoint_indicator, flashpoint_alert, "
            "flashpoint_credential, flashpoint_vulnerability, flashpoint_report."),
        ({"inputs": None}, "inputs: at least one input is needed, of flashpoint_indicator, flashpoint_alert, "
            "flashpoint_credential, flashpoint_vulnerability, flashpoint_report."),
        ({"inputs": {"flashpoint_alert": "on"}}, "inputs.flashpoint_alert: 'on' is not allowed; give a mapping."),
        ({"flashpoint_alert": {1: 1}}, "flashpoint_alert: the key 1 is not a text; put it in quotes."),
    ],
)  # fmt: skip
def test_files_of_the_wrong_shape(document: object, message: str) -> None:
    """The message for a file without inputs, or with invalid inputs, says what is needed."""
    assert _problems(document) == [message]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["lookups", "indicators", "services", "domain", "lookup_key", "obfuscation", "path", "x"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_document_is_read_or_refused_in_words(document: object) -> None:
    """Any document is read, or refused with a ConfigurationError."""
    for name in ("flashpoint_indicator", "flashpoint_alert"):
        try:
            parse_collector_config({"inputs": {name: document}})
        except ConfigurationError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (["value", "value"], "'value' is there twice; give each column once."),
        (["a", "b", "a", "b"], "'a', 'b' is there twice; give each column once."),
        (["_extra"], "_extra is reserved: the provider adds it to the columns; leave it out."),
    ],
)
def test_a_wrong_column_is_named(columns: list[str], reason: str) -> None:
    """A list of columns that is wrong in one name says which, and nothing else."""
    assert refused_lookup(columns=columns) == [f"{SERVICE}.lookups[0].domain.columns: {reason}"]
