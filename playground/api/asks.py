"""Runs over HTTP, while they run: pause, resume, take one step, cancel."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from ninja import Router

from playground.api.asked import NAMELESS, body_of, reasons
from playground.api.runs import KEY_PARAMETER, post_guards
from playground.api.shapes import Accepted, Problems
from playground.api.wire import View, reply
from sagas.runs import ask_run

ASKS: Mapping[str, tuple[str, str]] = {
    "pause": (
        "Pause a run",
        "No call, settlement or delivery begins any more; what is under way ends. 409 for a run that is paused.",
    ),
    "step": (
        "Let a paused run make one move",
        "One call with its outcome, one settlement, or one delivery of an event.",
    ),
    "resume": ("Resume a paused run", "409 unless it is paused."),
    "cancel": (
        "Cancel a run",
        "Sagas that may still turn back undo what they did. 409 where none can, and in mode choreography.",
    ),
}

router = Router(tags=["runs"])


def _asks(kind: str, description: str) -> View:
    def view(request: HttpRequest, id: str) -> HttpResponse:
        said = reasons(request, f"a {kind}")
        ask_run(id, kind, who=said.get("who") or NAMELESS, why=said.get("why", ""))
        return reply({"id": id, "state": "accepted"}, 202)

    view.__name__, view.__doc__ = kind, description
    return view


for _kind, (_summary, _description) in ASKS.items():
    router.post(
        f"/runs/{{slug:id}}/{_kind}",
        response={202: Accepted, 403: Problems, 404: Problems, 409: Problems, 415: Problems, 422: Problems},
        summary=_summary,
        openapi_extra={"parameters": [KEY_PARAMETER], "requestBody": body_of()},
    )(post_guards()(_asks(_kind, _description)))
