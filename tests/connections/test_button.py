"""The button "Test" of a connection form answers in the words of the form."""

from __future__ import annotations

import pytest
from connection_models import MODELS, read

from airflow_provider_flashpoint.connections.button import in_words_of_the_form
from airflow_provider_flashpoint.errors import ConfigurationError

ID = "wq8zjx"  # as Airflow makes one up for a test


def test_each_bad_value_is_one_sentence() -> None:
    """A person who fills in the form finds the titles of its fields, each with its reason, on one line."""
    with pytest.raises(ConfigurationError) as caught:
        read("devo", {"event_transport": "sylog", "tls_security_level": 6}, conn_id=ID)
    assert in_words_of_the_form(str(caught.value), MODELS["devo"], ID) == (
        "Transport of events: 'sylog' is not allowed; give syslog or http (did you mean syslog?). "
        "TLS security level: 6 is not allowed; give a whole number from 0 to 5."
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"The connection {ID} has no `api_base_url`.", "The connection has no `Lookups API`."),
        (f"In the connection {ID}, there is no `cert`.", "In the connection, there is no `Certificate`."),
        ("ready in the domain acme.", "ready in the domain acme."),
    ],
)
def test_names_and_the_id_of_the_test_are_not_shown(said: str, shown: str) -> None:
    """Names of the extra become titles, and the id that Airflow made up goes."""
    assert in_words_of_the_form(said, MODELS["devo"], ID) == shown
