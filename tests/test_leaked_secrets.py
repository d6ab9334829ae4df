"""The search for secrets and bodies in logs."""

from __future__ import annotations

import logging

import leaked_secrets
import pytest

from airflow_provider_flashpoint.core.http.client import BearerAuth
from sandbox.flashpoint.settings import FlashpointSettings
from tests.secret_forms import forms_of

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
    """A key, a credential, an event or a record is found inside other text."""
    assert len(leaked_secrets.secrets_in(f"before {text} after", "here")) == 1


@pytest.mark.parametrize(
    "text", ["POST /stream/acme/token!***/web1/x", "Authorization: ***", "0f" * 32, 'row["alert_id"]']
)
def test_harmless_text_passes(text: str) -> None:
    """Masked tokens, digests and field names are not secrets."""
    assert leaked_secrets.secrets_in(text, "here") == []


@pytest.mark.parametrize("form", list(forms_of("x")))
def test_every_form_of_a_token_is_found(form: str) -> None:
    """A token is found in each form, inside other text."""
    token = FlashpointSettings().token
    assert leaked_secrets.secrets_in(f"before {forms_of(token)[form]} after", "here")[0] == "a token here"


def test_log_records_are_searched_without_any_handler() -> None:
    """A client's token is found in a log without handlers, in its arguments and in its exception."""
    BearerAuth("logged-to-nobody")
    log = logging.getLogger("airflow_provider_flashpoint.leak")
    log.propagate = False
    log.addHandler(logging.NullHandler())
    log.debug("sent %s", "logged-to-nobody")
    try:
        raise ValueError("logged-to-nobody")
    except ValueError:
        log.exception("failed")
    found, leaked_secrets.leaks[:] = list(leaked_secrets.leaks), []
    assert [each.partition(",")[0] for each in found] == ["a token in the log airflow_provider_flashpoint.leak"] * 2
