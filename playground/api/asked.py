"""What a person says with a command: who, why, and where it is needed by what right."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from playground.api.wire import json_of
from playground.scenario_errors import FieldError, ScenarioInvalid

NAMELESS = "someone, through the API"
VISIBLE = r"[^\p{C}\p{Z}]"  # what has a shape on paper
PRINTABLE = rf"(?:{VISIBLE}|[ \n])"
LIMITS = {"who": 150, "why": 1000, "evidence": 2000, "record": 64}  # characters


def body_of(*needed: str) -> dict[str, Any]:
    """Return the OpenAPI description of a body with who and why, and with what is needed besides."""
    fields = dict.fromkeys(("who", "why", *needed))
    shape: dict[str, Any] = {
        "type": "object",
        "properties": {field: _text(field, needed=field in needed) for field in fields},
        "additionalProperties": False,
    }
    if needed:
        shape["required"] = list(needed)
    return {"content": {"application/json": {"schema": shape}}, "required": bool(needed)}


def _text(field: str, *, needed: bool) -> dict[str, Any]:
    """Return the description of a text that somebody says; whether it may be blank."""
    pattern = rf"^{PRINTABLE}*$" if not needed else rf"^{PRINTABLE}*{VISIBLE}{PRINTABLE}*$"
    return {"type": "string", "maxLength": LIMITS[field], "pattern": pattern}


def reasons(request: HttpRequest, what: str, *needed: str) -> dict[str, str]:
    """Return what the body of `what` says. Raises ScenarioInvalid, which names every field that is wrong."""
    value: Any = json_of(request) if request.body.strip() else {}
    if not isinstance(value, dict):
        raise ScenarioInvalid([{"field": "", "message": "must be an object"}])
    known = ("who", "why", *needed)
    errors: list[FieldError] = []
    for key, given in value.items():
        if key not in known:
            errors.append({"field": key, "message": f"is not a key of {what}"})
        elif not isinstance(given, str) or len(given) > LIMITS[key] or not given.replace("\n", " ").isprintable():
            errors.append({"field": key, "message": f"must be printable text of at most {LIMITS[key]} characters"})
        elif key in needed and not given.strip():
            errors.append({"field": key, "message": "must not be empty"})
    errors += [{"field": key, "message": "is missing"} for key in needed if key not in value]
    if errors:
        raise ScenarioInvalid(errors, value)
    return value
