"""The page of one run: live, then a replay that can stand at any entry; and a fork from there."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from playground import replays, visits
from playground.forking import faults_of, form_of
from playground.found import Found
from playground.replays import Moment
from playground.scenario import Scenario, ScenarioInvalid
from playground.typing import Request
from playground.views import base
from playground.views.base import find_or_404
from sagas.errors import SagaError

IN_LAB = "Open in the lab"


@require_safe
def page(request: Request, run_id: str) -> HttpResponse:
    """The permalink of a run; `?at=SEQ&speed=2` is a moment of it, `?saga=ID` whom it is seen from."""
    one = find_or_404(run_id, request.GET.get("saga", ""))
    moment = replays.asked(one, request.GET.get("at"), request.GET.get("speed"))
    return _page(request, one, moment, status=400 if moment.error else 200)


@require_safe
def panels(request: Request, run_id: str) -> HttpResponse:
    """The panels beside the stage, at the newest entry: read again while the run goes on."""
    return render(request, "run/_read_again.html", replays.panels(find_or_404(run_id, request.GET.get("saga", ""))))


@require_POST
@vary_on_headers("HX-Request")
def fork(request: Request, run_id: str) -> HttpResponse:
    """Starts a run that has this one's past up to `at` and other faults from there on."""
    one = find_or_404(run_id)
    at = request.POST.get("at", "")
    try:
        moment = replays.asked(one, at, None)
        if moment.error or moment.at is None:
            raise ScenarioInvalid([moment.error or {"field": "at", "message": "is missing"}])
        faults = faults_of(Scenario.parse(one.run.scenario), request.POST.getlist("fault"))
        forked = visits.fork(request, one.run, moment.at, faults)
    except ScenarioInvalid as error:
        return _not_forked(request, one, error)
    except SagaError as error:
        return _not_forked(request, one, ScenarioInvalid([{"field": "at", "message": str(error)}]))
    address = reverse("run", args=[forked.pk])
    return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address, status=303)


def _not_forked(request: Request, one: Found, error: ScenarioInvalid) -> HttpResponse:
    if request.htmx:
        return render(request, "parts/_errors.html", {"errors": error.errors}, status=422)
    return _page(request, one, Moment(), status=422, errors=error.errors)


def _page(request: Request, one: Found, moment: Moment, status: int, errors: Any = ()) -> HttpResponse:
    context = replays.page(one, moment)
    if errors:
        context["fork"] = form_of(context["scenario"], one.definition, errors)
    context["share"] = base.share((IN_LAB, context["scenario"]))
    return render(request, "run.html", context, status=status)
