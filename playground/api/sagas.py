"""Sagas over HTTP: what a person may ask of one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from playground.api.runs import KEY_PARAMETER, post_guards
from playground.api.shapes import Accepted, Problems
from playground.api.wire import json_of, reply
from playground.scenario_errors import FieldError, ScenarioInvalid
from sagas.runs import retry_saga

NAMELESS = "someone, through the API"
LIMITS = {"who": 150, "why": 1000}  # characters

router = Router(tags=["sagas"])

_REASONS = {
    "type": "object",
    "properties": {
        "who": {"type": "string", "maxLength": LIMITS["who"]},
        "why": {"type": "string", "maxLength": LIMITS["why"]},
    },
}


@router.post(
    "/sagas/{slug:id}/retry",
    response={202: Accepted, 403: Problems, 404: Problems, 409: Problems, 415: Problems, 422: Problems},
    summary="Let a saga that waits for a person go on",
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        "requestBody": {"content": {"application/json": {"schema": _REASONS}}, "required": False},
    },
)
@post_guards()
def retry(request: HttpRequest, id: str) -> HttpResponse:
    """It tries again with a fresh budget. 409 unless it is `needs-operator`."""
    said = _reasons(request)
    retry_saga(id, who=said.get("who") or NAMELESS, why=said.get("why", ""))
    return reply({"id": id, "state": "accepted"}, 202)


def _reasons(request: HttpRequest) -> dict[str, str]:
    value: Any = json_of(request) if request.body.strip() else {}
    if not isinstance(value, dict):
        raise ScenarioInvalid([{"field": "", "message": "must be an object"}])
    errors: list[FieldError] = []
    for key, given in value.items():
        if key not in LIMITS:
            errors.append({"field": key, "message": "is not a key of a retry"})
        elif not isinstance(given, str) or len(given) > LIMITS[key] or not given.replace("\n", " ").isprintable():
            errors.append({"field": key, "message": f"must be text of at most {LIMITS[key]} characters"})
    if errors:
        raise ScenarioInvalid(errors, value)
    return value
