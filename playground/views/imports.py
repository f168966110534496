"""A saga that ran elsewhere, on this stage: where its history is handed in, and the page of it. Read only."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from playground import imported, limits, replays
from playground.api.wire import problem, reply
from playground.imports import PLATFORMS, History, HistoryInvalid, read
from playground.imports import scenes as told
from playground.imports.scribe import SAGA
from playground.reads import counted
from playground.replays import number, wish
from playground.scenario_errors import FieldError
from playground.typing import Request

PAGE_FRAMES = 500  # as many as the page asks for at a time


@require_http_methods(["GET", "HEAD", "POST"])
def form(request: Request) -> HttpResponse:
    """Where a history is handed in, as a file or as text; a POST opens it."""
    if request.method != "POST":
        return _form(request, 200)
    platform = request.POST.get("platform", "")
    try:
        history = read(platform, _text(request, "history"), _text(request, "definition"))
    except HistoryInvalid as error:
        return _form(request, 422, platform, error.errors)
    if not imported.is_kept(history):
        limits.spend(request, limits.IMPORTS)
    return HttpResponseRedirect(reverse("imported", args=[imported.keep(history)]), status=303)


@require_safe
def page(request: Request, import_id: str) -> HttpResponse:
    """An imported history; `?at=SEQ&speed=2` is a moment of it, as of a run."""
    history = _find(import_id)
    head = len(history.entries)
    at, speed = request.GET.get("at", str(head)), request.GET.get("speed", "1")
    wrong = {
        "speed": replays.wrong_speed(speed),
        "at": replays.wrong_entry(at, head, f"the history has {head} entries"),
    }
    errors = [error for error in wrong.values() if error]
    context = _context(import_id, history, head if wrong["at"] else int(at), "1" if wrong["speed"] else speed, errors)
    return render(request, "imports/page.html", context, status=400 if errors else 200)


@require_safe
@counted
def scenes(request: Request, import_id: str) -> HttpResponse:
    """At most `limit` frames after `after`, as a run's own are read from the API."""
    history = _find(import_id)
    after, limit = (number(request.GET.get(name, str(usual))) for name, usual in (("after", 0), ("limit", PAGE_FRAMES)))
    if after < 0 or not 1 <= limit <= PAGE_FRAMES:
        return problem(
            422, "after" if after < 0 else "limit", f"must be a whole number, a limit from 1 to {PAGE_FRAMES}"
        )
    frames = list(told.frames(history, after, limit))
    return reply({"frames": frames, "finished": after + limit >= len(history.entries)})


def _context(name: str, history: History, at: int, speed: str, errors: list[FieldError]) -> dict[str, Any]:
    lines, scene = told.page(history, at)
    head = len(lines)
    return {
        "history": history,
        "platform": PLATFORMS[history.platform],
        "scene": scene,
        "journal": lines,
        "run": {
            "id": name,
            "saga": SAGA,
            "order": history.order,
            "url": reverse("imported", args=[name]),
            "socket": "",
            "after": head,
            "finished": True,
        },
        "replay": {
            **wish(at, head, speed),
            "errors": errors,
            "sagas": "",
            "scenes": reverse("imported-scenes", args=[name]),
        },
        "panels": {"trace": told.trace(history, at), "seq": head, "at": at},
    }


def _form(request: Request, status: int, platform: str = "asl", errors: Any = ()) -> HttpResponse:
    given = {"history": request.POST.get("history", ""), "definition": request.POST.get("definition", "")}
    platforms = [{"name": name, "chosen": name == platform, "shape": shape} for name, shape in PLATFORMS.items()]
    context = {"platforms": platforms, "errors": errors, "given": given}
    return render(request, "imports/form.html", context, status=status)


def _text(request: Request, field: str) -> str:
    """Return a field's file, or its text where there is no file. Raises HistoryInvalid for a file that is no text."""
    file = request.FILES.get(f"{field}-file")
    if file is None:
        return request.POST.get(field, "")
    try:
        return str(file.read(), "utf-8-sig")
    except UnicodeDecodeError:
        raise HistoryInvalid(field, "is a file that holds no UTF-8 text") from None


def _find(name: str) -> History:
    history = imported.find(name)
    if history is None:
        raise Http404(f"no import {name!r}")
    return history
