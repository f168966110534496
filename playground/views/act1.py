"""Act 1, who is watching: choreography beside orchestration, two runs with one clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import push_url

from playground import shown, visits
from playground.acts import act1
from playground.acts.act1 import Pair
from playground.scenario import ScenarioInvalid, refuse_unbuilt
from playground.shown import Shown
from playground.typing import Request
from playground.views import base

ROUTE = "act-1"
FRAGMENT = "acts/_1_live.html"
LANES = (("c-", "Choreography"), ("o-", "Orchestration"))


@dataclass(frozen=True, slots=True)
class Stages:
    """The two stages of the page, each idle or with its run."""

    choreography: Shown
    orchestration: Shown

    def context(self) -> dict[str, Any]:
        """Return the template variables `lanes` (choreography first) and `pair`: None, or how the two runs stand."""
        both = (self.choreography, self.orchestration)
        lanes = [
            {"prefix": prefix, "title": title, **stage.context()}
            for (prefix, title), stage in zip(LANES, both, strict=True)
        ]
        runs = [stage.run for stage in both if stage.run is not None]
        return {"lanes": lanes, "pair": {"finished": all(run["finished"] for run in runs)} if runs else None}


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def page(request: Request) -> HttpResponse:
    """Return the page; a POST starts one run in each mode."""
    if request.method == "POST":
        return _start(request)
    try:
        pair = _buildable(act1.pair_from_address(request.META["QUERY_STRING"]))
        with base.or_404():
            stages = _stages(pair, request.GET.getlist("run"))
    except ScenarioInvalid as error:
        return _refused(request, error, status=400)
    return _page(request, stages, pair)


def _start(request: Request) -> HttpResponse:
    try:
        choice = act1.choice_from_form(request.POST)
        addressed = act1.pair_from_address(request.META["QUERY_STRING"])
        pair = _buildable(addressed if act1.choice_of(addressed) == choice else act1.pair_of(choice))
    except ScenarioInvalid as error:
        if request.htmx:
            return render(request, FRAGMENT, {"lanes": [], "errors": error.errors}, status=422)
        return _refused(request, error, status=422)
    runs = visits.start_all(request, pair.choreography, pair.orchestration)
    address = base.address(ROUTE, act1.query_of(pair), *(run.pk for run in runs))
    if not request.htmx:
        return HttpResponseRedirect(address, status=303)
    facts = [shown.run_facts(run, run.sagas.order_by("index")[0]) for run in runs]
    lanes = [{"prefix": prefix, "title": title, "run": run} for (prefix, title), run in zip(LANES, facts, strict=True)]
    context = {"lanes": lanes, "pair": {"finished": False}, "errors": [], "share": _share(pair)}
    return push_url(render(request, FRAGMENT, context), address)


def _stages(pair: Pair, run_ids: list[str]) -> Stages:
    """Return the stages of these runs, each in the lane of its own mode. Raises what `found.find` raises."""
    found = [shown.run_shown(run_id) for run_id in run_ids if run_id]
    by_mode = {stage.scenario.mode: stage for stage in found if stage.scenario is not None}
    return Stages(
        by_mode.get("choreography", shown.idle(pair.choreography)),
        by_mode.get("orchestration", shown.idle(pair.orchestration)),
    )


def _buildable(pair: Pair) -> Pair:
    for scenario in (pair.choreography, pair.orchestration):
        refuse_unbuilt(scenario)
    return pair


def _refused(request: Request, error: ScenarioInvalid, status: int) -> HttpResponse:
    pair = act1.pair_from_address("")
    return _page(request, _stages(pair, []), pair, error, status)


def _page(
    request: Request, stages: Stages, pair: Pair, error: ScenarioInvalid | None = None, status: int = 200
) -> HttpResponse:
    shows = Pair(stages.choreography.scenario or pair.choreography, stages.orchestration.scenario or pair.orchestration)
    context = {
        **stages.context(),
        "chosen": act1.choice_of(shows),
        "errors": error.errors if error else [],
        "action": base.address(ROUTE, act1.query_of(shows)),
        "share": _share(shows),
    }
    return render(request, "acts/1.html", context, status=status)


def _share(pair: Pair) -> dict[str, Any]:
    return base.share(
        ("Open choreography in the lab", pair.choreography), ("Open orchestration in the lab", pair.orchestration)
    )
