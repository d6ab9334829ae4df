"""The forms in which a service may write a secret back, made by the libraries that write them."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus


def forms_of(secret: str) -> dict[str, str]:
    """Return texts that hold ``secret`` in some form, by the name of the form."""
    octets = secret.encode()
    percent = quote(secret, safe="")
    units = secret.encode("utf-16-be").hex()
    forms = {
        "plain": secret,
        "repr": repr(secret),
        "repr of bytes": repr(octets),
        "percent": percent,
        "percent, lower case": "".join(part.lower() if part[:1] == "%" else part for part in _steps(percent)),
        "percent, twice": quote(percent, safe=""),
        "percent, all": "".join(f"%{octet:02X}" for octet in octets),
        "form": quote_plus(secret),
        "html": html.escape(secret),
        "html, twice": html.escape(html.escape(secret)),
        "html, decimal": "".join(f"&#{ord(each)};" for each in secret),
        "html, hexadecimal": "".join(f"&#x{ord(each):X};" for each in secret),
        "json": json.dumps(secret),
        "json in json": json.dumps(json.dumps(secret)),
        "json, solidus": json.dumps(secret).replace("/", r"\/"),
        "json, all": "".join(rf"\u{units[at : at + 4]}" for at in range(0, len(units), 4)),
    }
    for before in ("", "u:", "user:", "Bearer "):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode((before + secret + ("" if before else "\n")).encode()).decode()
            forms[f"{encode.__name__} after {before!r}"] = text
            forms[f"{encode.__name__} after {before!r}, percent"] = quote(text, safe="")
            forms[f"{encode.__name__} after {before!r}, json"] = text.replace("/", r"\/")
    return forms


def shows(text: str, secret: str) -> list[str]:
    """Return the names of the forms of ``secret`` that stand in ``text``."""
    core = base64.b64encode(secret.encode())
    inner = {f"base64 at {n}": base64.b64encode(bytes(n) + secret.encode()).decode()[n + 1 : -4] for n in range(3)}
    forms = {**forms_of(secret), **inner, "base64": core.decode()[:-4]}
    return [name for name, form in forms.items() if form.strip("'\"") in text]


def _steps(percent: str) -> list[str]:
    steps = []
    while percent:
        size = 3 if percent[0] == "%" else 1
        steps.append(percent[:size])
        percent = percent[size:]
    return steps
