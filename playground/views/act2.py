"""Act 2, the way back: pick the step that fails, run the order, watch the undo, and see how right the bet was."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from playground.acts import act2
from playground.acts.bet import settle
from playground.typing import Request
from playground.views.one_run import OneRun
from sagas.models import Run

page = OneRun(act2, "acts/2.html").view()


@require_GET
def bet(request: Request) -> HttpResponse:
    """Return how right a bet on a run was; empty while there is nothing to say."""
    run = Run.objects.filter(pk=request.GET.get("run", "")).first()
    if run is None:
        raise Http404("no such run")
    settled = settle(run, request.GET.get("order", ""), request.GET.get("ends", ""))
    return render(request, "acts/_2_settled.html", {"settled": settled})
