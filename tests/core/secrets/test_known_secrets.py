"""Known secrets are masked in every form, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_flashpoint.core.secrets.known import forget_all, masked, remember
from tests.secret_forms import forms_of, shows

SECRETS = [
    "made-up-token",
    "p#ss/w",
    "user:p#ss/w",
    "a+b/c==d",
    'quo"te\\back<slash>&amp',
    "with blank",
    "pässwörd",
    "key\U0001f511key",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYWRlIHVwIn0.c2lnbmF0dXJl_-c2lnbmF0dXJl",
    'a long one with blanks, quotes " and more than 32 characters',
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", list(forms_of("x")))
def test_a_secret_is_masked_in_every_form(secret: str, form: str) -> None:
    """A known secret is masked as it is, and escaped as in URLs, HTML, JSON and base64."""
    remember(secret)
    found = masked(f"the token ({forms_of(secret)[form]}) is unknown")
    assert "***" in found
    assert found.startswith("the token (")
    assert found.endswith(" is unknown")
    assert shows(found, secret) == []


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs"]), min_size=5, max_size=300), st.data())
def test_any_secret_is_masked_in_every_form(secret: str, data: st.DataObject) -> None:
    """Whatever characters a secret has, no form of it passes."""
    forget_all()
    remember(secret)
    form = data.draw(st.sampled_from(list(forms_of(secret).values())))
    assert "***" in masked(f"before {form} after")


def test_a_cut_secret_is_masked() -> None:
    """The start of a long secret is masked, since services cut what they repeat."""
    remember("0123456789" * 5)
    assert masked(f"token {'0123456789' * 2}... is unknown") == "token *** is unknown"


@pytest.mark.parametrize("end", ["", "...", "…", "'", '"}', ".", ") is unknown"])
def test_a_secret_that_a_service_cut_is_masked(end: str) -> None:
    """The beginning of a secret of usual length is masked where a text ends within it."""
    secret = "0f3a9c71be2d4856a0b1c2d3e4f50617"
    remember(secret)
    for number in range(12, 33):
        assert masked(f"the token {secret[:number]}{end}") == f"the token ***{end}"


@pytest.mark.parametrize("number", [0, 5, 11])
def test_a_text_that_begins_like_a_secret_stays(number: int) -> None:
    """A few characters of a secret, or a text that goes on in another way, are no secret."""
    secret = "threatintel.flashpoint-2026"
    remember(secret)
    text = f"{secret[:number]} threatintel.flashpoint.intelligence.alerts threatintel.other threatintel.flashpoint_x"
    assert masked(text) == text


@pytest.mark.parametrize("secret", ["", "a", "pw", "abc", "true", "2026", "None", "INFO", "good"])
def test_a_very_short_secret_leaves_texts_readable(secret: str) -> None:
    """A secret of less than five characters would hide half of each text: it is not masked alone."""
    remember(secret)
    text = "2026-01-01 INFO - a pw in abc: true, None, good"
    assert masked(text) == text


def test_a_key_is_masked_line_by_line() -> None:
    """A pasted key is masked, whatever separates its lines; the words around it are not."""
    lines = ["MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgN0d1bmFuZGVyZXI1" + str(n) for n in range(6)]
    remember("\n".join(["-----BEGIN EC PRIVATE KEY-----", *lines, "-----END EC PRIVATE KEY-----"]))
    for separator in (" ", "\n", r"\n", "\\r\\n"):
        assert masked(f"the PRIVATE KEY {separator.join(lines)}").count(lines[0][:20]) == 0
    assert masked("the PRIVATE KEY") == "the PRIVATE KEY"


def test_what_is_no_secret_stays() -> None:
    """Texts without a secret are unchanged, with escapes and base64 too."""
    remember("made-up-token")
    text = r"C:\made-up %2F%20 &amp; bWFkZQ== made-up token MADE-UP-TOKEN"
    assert masked(text) == text


@pytest.mark.parametrize("text", ["\\" * 20_000, "%25" * 20_000, "&amp;" * 20_000, "a" * 20_000 + "b", "a%2" * 20_000])
def test_the_search_in_hostile_text_ends(text: str) -> None:
    """No text makes the search endless: its work grows with the length of the text alone."""
    remember("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\a")
    assert masked(text) == text
