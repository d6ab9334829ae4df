"""The answers of the button "Test" of a connection form."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_flashpoint.core.settings import ConnectionSettings


def in_words_of_the_form(said: str, model: type[ConnectionSettings], conn_id: str) -> str:
    """Return a message on one line, with the titles of the form for the names of fields, and without the id.

    Airflow tests a connection under an id that it makes up. The line that counts problems is left out.
    """
    first, *problems = said.split("\n")
    text = " ".join(line.strip() for line in problems or [first]).replace(f"connection {conn_id}", "connection")
    for name, field in model.model_fields.items():
        if field.title:
            for found, shown in ((f"extra.{name}:", f"{field.title}:"), (f"`{name}`", f"`{field.title}`")):
                text = text.replace(found, shown)
    return text
