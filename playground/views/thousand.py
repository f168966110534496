"""A thousand runs of a scenario: the count as it grows, and any of its runs for real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods
from django.views.decorators.vary import vary_on_headers

from playground import limits, tally, thousand, visits, wording
from playground.scenario import Scenario, ScenarioInvalid, refuse_unbuilt
from playground.thousand import RUNS, Busy, Job
from playground.typing import Request

NOT_SCENARIO = ("n", "theme", "csrfmiddlewaretoken")  # keys of the address that are not the scenario's


@require_GET
@vary_on_headers("HX-Request")
def page(request: Request) -> HttpResponse:
    """Count a thousand runs of the scenario in the address, or show how far that has come."""
    template = "lab/_thousand.html" if request.htmx else "lab/thousand.html"
    try:
        base = _scenario(request)
        if not thousand.is_begun(base):
            limits.spend(request, limits.THOUSANDS)
        job = thousand.count(base)
    except ScenarioInvalid as error:
        return render(request, template, {"errors": error.errors}, status=422 if request.htmx else 400)
    except Busy:
        busy = {"query": base.query(), "busy": True}
        return render(request, template, busy, status=200 if request.htmx else 503)
    return render(request, template, {"query": base.query(), "thousand": _shown(job)})


@require_http_methods(["GET", "HEAD", "POST"])
def open_run(request: Request) -> HttpResponse:
    """Start run n for real and go to it; asked by GET, show its scenario in the lab and start nothing."""
    try:
        scenario = thousand.scenario_of(_scenario(request), _number(request))
    except ScenarioInvalid as error:
        return render(request, "lab/thousand.html", {"errors": error.errors}, status=400)
    if request.method != "POST":
        return HttpResponseRedirect(f"/lab/?{scenario.query()}")
    return HttpResponseRedirect(reverse("run", args=[visits.start(request, scenario).pk]), status=303)


def _scenario(request: Request) -> Scenario:
    scenario = Scenario.from_query(request.META["QUERY_STRING"], NOT_SCENARIO)
    refuse_unbuilt(scenario)
    return scenario


def _number(request: Request) -> int:
    text = request.POST.get("n") or request.GET.get("n", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= RUNS):
        raise Http404(f"no run {text!r}: they are numbered from 1 to {RUNS}")
    return int(text)


def _shown(job: Job) -> Mapping[str, Any]:
    """Return the template variable `thousand`."""
    counted = list(job.outcomes)
    return {
        "counted": len(counted),
        "runs": RUNS,
        "working": not job.done,
        "failed": job.failed,
        "orders": job.base.orders,
        "groups": tally.groups(counted, wording.goods_of(job.base.saga).sold),
        "broke": [
            {"n": n, "said": said, "url": f"/lab/?{thousand.scenario_of(job.base, n).query()}"}
            for n, said in list(job.broke.items())[: tally.MOST_LISTED]
        ],
    }
