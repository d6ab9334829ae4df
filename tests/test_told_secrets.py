"""The search of all logs for secrets and bodies finds them."""

from __future__ import annotations

import logging

import pytest
import told_secrets

from airflow_provider_flashpoint.core.http.client import BearerAuth

LINE_OF_A_KEY = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgN0d1bmFuZGVyZXI1"


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN EC PRIVATE KEY-----",
        LINE_OF_A_KEY,
        "{'Authorization': 'Bearer abc'}",
        "POST /stream/acme/token!abc/web1/my.app.x",
        "b'<14>Jan  1 00:00:00 web1 my.app.x: x'",
        '{"ts": 1, "alert_id": "x"}',
        "{'fpid': 'x'}",
    ],
)
def test_shape_of_a_secret_is_found(text: str) -> None:
    """A key, a credential, an event or a record is found within other words."""
    assert len(told_secrets.secrets_in(f"it said {text} again", "here")) == 1


@pytest.mark.parametrize(
    "text", ["POST /stream/acme/token!***/web1/x", "Authorization: ***", "0f" * 32, 'row["alert_id"]']
)
def test_what_tells_nothing_passes(text: str) -> None:
    """Hidden tokens, digests and names of fields are no secrets."""
    assert told_secrets.secrets_in(text, "here") == []


def test_what_is_logged_is_searched_wherever_it_goes() -> None:
    """A token that a client has is found in a log that nobody listens to, in its arguments and in its exception."""
    BearerAuth("told-to-nobody")
    log = logging.getLogger("airflow_provider_flashpoint.told")
    log.propagate = False
    log.addHandler(logging.NullHandler())
    log.debug("sent %s", "told-to-nobody")
    try:
        raise ValueError("told-to-nobody")
    except ValueError:
        log.exception("failed")
    found, told_secrets.told[:] = list(told_secrets.told), []
    assert [each.partition(",")[0] for each in found] == ["a token in the log airflow_provider_flashpoint.told"] * 2
