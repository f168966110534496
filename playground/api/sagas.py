"""Sagas over HTTP: what a person may ask of one."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from playground.api.asked import NAMELESS, body_of, reasons
from playground.api.runs import KEY_PARAMETER, post_guards
from playground.api.shapes import Accepted, Problems
from playground.api.wire import reply
from sagas.runs import fail_step, release_lock, resolve_saga, retry_saga

ANSWERS = {202: Accepted, 403: Problems, 404: Problems, 409: Problems, 415: Problems, 422: Problems, 429: Problems}

router = Router(tags=["sagas"])


@router.post(
    "/sagas/{slug:id}/retry",
    response=ANSWERS,
    summary="Let a saga that waits for a person go on",
    openapi_extra={"parameters": [KEY_PARAMETER], "requestBody": body_of()},
)
@post_guards()
def retry(request: HttpRequest, id: str) -> HttpResponse:
    """It tries again with a fresh budget. 409 unless it is `needs-operator`."""
    said = reasons(request, "a retry")
    retry_saga(id, who=said.get("who") or NAMELESS, why=said.get("why", ""))
    return reply({"id": id, "state": "accepted"}, 202)


@router.post(
    "/sagas/{slug:id}/resolve",
    response=ANSWERS,
    summary="Say that what a saga is stuck at has been done by hand",
    openapi_extra={"parameters": [KEY_PARAMETER], "requestBody": body_of("who", "why", "evidence")},
)
@post_guards()
def resolve(request: HttpRequest, id: str) -> HttpResponse:
    """It counts as the success of that call, and the saga goes on. 409 unless it is `needs-operator` at a call."""
    said = reasons(request, "a resolve", "who", "why", "evidence")
    resolve_saga(id, who=said["who"], why=said["why"], evidence=said["evidence"])
    return reply({"id": id, "state": "accepted"}, 202)


@router.post(
    "/sagas/{slug:id}/fail",
    response=ANSWERS,
    summary="Wait no longer for the answer of a saga's call",
    openapi_extra={"parameters": [KEY_PARAMETER], "requestBody": body_of("who", "why")},
)
@post_guards()
def fail(request: HttpRequest, id: str) -> HttpResponse:
    """The call counts as unknown and its step as failed. 409 unless a call of the saga awaits its answer."""
    said = reasons(request, "a fail", "who", "why")
    fail_step(id, who=said["who"], why=said["why"])
    return reply({"id": id, "state": "accepted"}, 202)


@router.post(
    "/sagas/{slug:id}/release",
    response=ANSWERS,
    summary="Take a locked record away from a saga that waits for a person",
    openapi_extra={"parameters": [KEY_PARAMETER], "requestBody": body_of("who", "why", "record")},
)
@post_guards()
def release(request: HttpRequest, id: str) -> HttpResponse:
    """The next in line gets it. 409 unless the saga is being undone, is `needs-operator` and holds the record."""
    said = reasons(request, "a release", "who", "why", "record")
    release_lock(id, said["record"], who=said["who"], why=said["why"])
    return reply({"id": id, "state": "accepted"}, 202)
