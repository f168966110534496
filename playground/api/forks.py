"""Runs over HTTP: fork one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from playground import visits
from playground.api.runs import KEY_PARAMETER, find_run, made, post_guards
from playground.api.shapes import Made, Problems
from playground.api.wire import json_of
from playground.scenario import MAX_FAULTS, FaultSpec, ScenarioInvalid

router = Router(tags=["runs"])

_FIELDS = {
    "at": {"type": "integer", "minimum": 1, "description": "The last entry that both runs share"},
    "faults": {"type": "array", "maxItems": MAX_FAULTS, "items": FaultSpec.model_json_schema()},
}
_ASKED = {"type": "object", "required": ["at"], "properties": _FIELDS, "additionalProperties": False}


@router.post(
    "/runs/{slug:id}/fork",
    response={
        201: Made,
        403: Problems,
        404: Problems,
        409: Problems,
        413: Problems,
        415: Problems,
        422: Problems,
        429: Problems,
    },
    summary="Fork a run",
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        "requestBody": {"content": {"application/json": {"schema": _ASKED}}, "required": True},
    },
)
@post_guards()
def fork(request: HttpRequest, id: str) -> HttpResponse:
    """A new run with the same past up to `at` and a new future. Without `faults` it keeps the run's own."""
    run, value = find_run(id), json_of(request)
    if not isinstance(value, dict):
        raise ScenarioInvalid([{"field": "", "message": "must be an object"}], value)
    unknown = [key for key in value if key not in _FIELDS]
    if unknown:
        raise ScenarioInvalid([{"field": key, "message": "is not a key of a fork"} for key in unknown], value)
    return made(request, visits.fork_asked(request, run, value.get("at"), value.get("faults")))
