"""The page of one run: live, then a replay that can stand at any entry; and a fork from there."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import HttpResponseClientRedirect

from playground import replays, visits
from playground.forking import faults_of, form_of
from playground.replays import Moment, Told
from playground.scenario import Scenario, ScenarioInvalid
from playground.typing import Request
from playground.views import base
from sagas.errors import DefinitionUnknown, RunUnknown, SagaError

IN_LAB = "Open in the lab"


@require_safe
def page(request: Request, run_id: str) -> HttpResponse:
    """The permalink of a run; `?at=SEQ&speed=2` is a moment of it, `?saga=ID` whom it is seen from."""
    told = _find(run_id, request.GET.get("saga", ""))
    moment = replays.asked(told, request.GET.get("at"), request.GET.get("speed"))
    return _page(request, told, moment, status=400 if moment.error else 200)


@require_safe
def panels(request: Request, run_id: str) -> HttpResponse:
    """The panels beside the stage, at the newest entry: read again while the run goes on."""
    return render(request, "run/_read_again.html", replays.panels(_find(run_id, request.GET.get("saga", ""))))


@require_POST
@vary_on_headers("HX-Request")
def fork(request: Request, run_id: str) -> HttpResponse:
    """Starts a run that has this one's past up to `at` and other faults from there on."""
    told = _find(run_id)
    at = request.POST.get("at", "")
    try:
        moment = replays.asked(told, at, None)
        if moment.error or moment.at is None:
            raise ScenarioInvalid([moment.error or {"field": "at", "message": "is missing"}])
        faults = faults_of(Scenario.parse(told.run.scenario), request.POST.getlist("fault"))
        forked = visits.fork(request, told.run, moment.at, faults)
    except ScenarioInvalid as error:
        return _not_forked(request, told, error)
    except SagaError as error:
        return _not_forked(request, told, ScenarioInvalid([{"field": "at", "message": str(error)}]))
    address = reverse("run", args=[forked.pk])
    return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address, status=303)


def _not_forked(request: Request, told: Told, error: ScenarioInvalid) -> HttpResponse:
    if request.htmx:
        return render(request, "parts/_errors.html", {"errors": error.errors}, status=422)
    return _page(request, told, Moment(), status=422, errors=error.errors)


def _page(request: Request, told: Told, moment: Moment, status: int, errors: Any = ()) -> HttpResponse:
    context = replays.page(told, moment)
    if errors:
        context["fork"] = form_of(context["scenario"], told.definition, errors)
    context["share"] = base.share((IN_LAB, context["scenario"]))
    return render(request, "run.html", context, status=status)


def _find(run_id: str, saga_id: str = "") -> Told:
    try:
        return replays.find(run_id, saga_id)
    except (RunUnknown, DefinitionUnknown) as error:
        raise Http404(str(error)) from None
