"""Scenarios over HTTP: keep one under its short link."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from playground import limits, links
from playground.api.runs import KEY_PARAMETER, post_guards
from playground.api.shapes import Kept, Problems
from playground.api.wire import json_of, reply
from playground.scenario import Scenario

router = Router(tags=["scenarios"])


@router.post(
    "/scenarios",
    response={201: Kept, 403: Problems, 409: Problems, 413: Problems, 415: Problems, 422: Problems, 429: Problems},
    summary="Keep a scenario under a short link",
    openapi_extra={
        "parameters": [KEY_PARAMETER],
        "requestBody": {"content": {"application/json": {"schema": Scenario.model_json_schema()}}, "required": True},
    },
)
@post_guards()
def keep(request: HttpRequest) -> HttpResponse:
    """The slug is the scenario's own hash: the same one again gives the same link, on every server."""
    scenario = Scenario.parse(json_of(request))
    if not links.is_kept(scenario):
        limits.spend(request, limits.LINKS)
    page = request.build_absolute_uri(links.keep(scenario))
    response = reply({"slug": scenario.slug, "url": page}, 201)
    response.headers["Location"] = page
    return response
