"""The home page, and the word that lets a run go on."""

from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from playground import latest, limits, shown
from playground.acts import act2
from playground.typing import Request
from playground.views import base
from sagas.errors import CommandRefused, RunUnknown
from sagas.runs import retry_saga

READER = "a reader of the page"


@require_GET
def home(request: Request) -> HttpResponse:
    """The question, and a stage that runs."""
    chosen = act2.Choice()
    stage = shown.idle(act2.scenario_of(chosen))
    context = {**stage.context(), "chosen": chosen, "action": reverse("act-2"), "rows": latest.rows()}
    return render(request, "home.html", context)


@require_POST
def retry(request: Request, run_id: str, saga_id: str) -> HttpResponse:
    """A person lets a saga that waits for one go on."""
    if not saga_id.startswith(f"{run_id}-"):
        raise Http404(f"no saga {saga_id!r} in run {run_id!r}")
    limits.spend(request, limits.ASKS)
    try:
        retry_saga(saga_id, who=request.user.get_username() or READER, why="the cause is mended")
    except RunUnknown as error:
        raise Http404(str(error)) from None
    except CommandRefused as error:
        return HttpResponse(f"{error}.", status=409, content_type="text/plain; charset=utf-8")
    if request.htmx:
        return HttpResponse(status=204)
    return HttpResponseRedirect(base.came_from(request) or reverse("run", args=[run_id]))
