"""Pages for a frame in somebody else's page: a run, or a scenario with one button.

These alone may be framed by anybody, and they alone set no cookie: whoever reads the page around
them is nobody here. The button starts its run through the JSON API, which takes no cookie as
authority and answers our own pages only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from csp.decorators import csp_replace
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from playground import subjects
from playground.scenario import Scenario, ScenarioInvalid, refuse_unbuilt
from playground.subjects import Subject
from playground.typing import Request
from playground.views.base import or_404

THEMES = ("", "light", "dark")
SEQ = re.compile(r"[0-9]{1,9}")

View = Callable[..., HttpResponseBase]


class Misasked(ValueError):
    """A query value that a frame does not know."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")


def _framed(view: View) -> View:
    """Return a view that only reads, whose page anybody may frame."""
    free: View = csp_replace({"frame-ancestors": ["*"]})(xframe_options_exempt(require_safe(view)))
    return free


@_framed
def run(request: Request, run_id: str) -> HttpResponse:
    """A run: live while it runs, its end afterwards, or one moment of it (`?at=SEQ`)."""
    try:
        with or_404():
            subject = subjects.of_run(run_id, saga_id=request.GET.get("saga", ""), at=_at(request))
        return _page(request, subject, {"run": _line(subject)})
    except Misasked as error:
        return _wrong(request, str(error))


@_framed
def lab(request: Request) -> HttpResponse:
    """A scenario, and a button that runs it in the frame."""
    try:
        scenario = Scenario.from_query(request.META["QUERY_STRING"], subjects.PAGE_KEYS)
        refuse_unbuilt(scenario)
        return _page(request, subjects.of_scenario(scenario), {"scenario": json.dumps(scenario.compact())})
    except (ScenarioInvalid, Misasked) as error:
        return _wrong(request, str(error))


def _page(request: Request, subject: Subject, more: dict[str, Any]) -> HttpResponse:
    context = {"subject": subject, "scene": subject.scene, "bare": True, "theme": _theme(request), **more}
    return render(request, "embed/page.html", context)


def _wrong(request: Request, error: str) -> HttpResponse:
    return render(request, "embed/wrong.html", {"error": error}, status=400)


def _line(subject: Subject) -> dict[str, Any]:
    """Return the template variable `run`: where the socket is, and whether it has anything more to say."""
    return {
        "id": subject.run,
        "saga": subject.saga,
        "socket": f"/ws/runs/{subject.run}/scenes",
        "after": subject.scene["seq"],
        "finished": subject.ended,
    }


def _at(request: Request) -> int | None:
    asked = request.GET.get("at", "")
    if not asked:
        return None
    if not SEQ.fullmatch(asked):
        raise Misasked("at", "must be the number of a journal entry")
    return int(asked)


def _theme(request: Request) -> str:
    theme = request.GET.get("theme", "")
    if theme not in THEMES:
        raise Misasked("theme", "must be light or dark")
    return theme
