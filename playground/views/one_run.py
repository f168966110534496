"""An act whose form starts one run: the page, and the start of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import push_url

from playground import shown, visits
from playground.acts.base import ChoiceT, Room
from playground.scenario import Scenario, ScenarioInvalid, refuse_unbuilt
from playground.typing import Request
from playground.views import base
from sagas.models import Run

IN_LAB = "Open in the lab"

View = Callable[[Request], HttpResponse]
More = Callable[[str], Mapping[str, Any]]  # a run's id, or "" before any: what else the templates are given


def no_more(run_id: str) -> Mapping[str, Any]:
    """Return nothing."""
    return {}


@dataclass(frozen=True, slots=True)
class OneRun(Generic[ChoiceT]):
    """How an act's page is made. `started` is told of each run that the form has started."""

    room: Room[ChoiceT]
    template: str
    fragment: str = "parts/_live.html"
    more: More = no_more
    started: Callable[[Run, Scenario], object] | None = None

    def view(self) -> View:
        """Return the view of the act's address."""
        return require_http_methods(["GET", "HEAD", "POST"])(vary_on_headers("HX-Request")(self._answer))

    def _answer(self, request: Request) -> HttpResponse:
        if request.method == "POST":
            return self._start(request)
        act = self.room.ACT
        try:
            scenario = act.from_address(request.META["QUERY_STRING"])
            refuse_unbuilt(scenario)
            with base.or_404():
                stage = _asked_for(request, scenario)
        except ScenarioInvalid as error:
            return self._refused(request, error, status=400)
        return self._page(request, stage, stage.scenario or scenario)

    def _start(self, request: Request) -> HttpResponse:
        try:
            choice = self.room.choice_from_form(request.POST)
            scenario = self._chosen(request.META["QUERY_STRING"], choice)
            refuse_unbuilt(scenario)
        except ScenarioInvalid as error:
            if request.htmx:
                return render(request, self.fragment, {"run": None, "errors": error.errors}, status=422)
            return self._refused(request, error, status=422)
        run = visits.start(request, scenario)
        if self.started is not None:
            self.started(run, scenario)
        address = base.address(self.room.ACT.name, self.room.ACT.query_of(scenario), run.pk)
        if not request.htmx:
            return HttpResponseRedirect(address, status=303)
        facts = shown.run_facts(run, run.sagas.order_by("index")[0])
        context = {"run": facts, "errors": [], **self.more(run.pk)}
        if base.from_home(request):  # whose address stays as it is, and says nothing of the run
            return render(request, self.fragment, context)
        context["share"] = base.share((IN_LAB, scenario))
        return push_url(render(request, self.fragment, context), address)

    def _chosen(self, query: str, choice: ChoiceT) -> Scenario:
        """Return the address's own scenario while the form still shows it, else what the form says."""
        addressed = self.room.ACT.from_address(query)
        return addressed if self.room.choice_of(addressed) == choice else self.room.scenario_of(choice)

    def _refused(self, request: Request, error: ScenarioInvalid, status: int) -> HttpResponse:
        scenario = self.room.ACT.from_address("")
        return self._page(request, shown.idle(scenario), scenario, error, status)

    def _page(
        self,
        request: Request,
        stage: shown.Shown,
        scenario: Scenario,
        error: ScenarioInvalid | None = None,
        status: int = 200,
    ) -> HttpResponse:
        context: dict[str, Any] = {
            **stage.context(),
            "chosen": self.room.choice_of(scenario),
            "errors": error.errors if error else [],
            "action": base.address(self.room.ACT.name, self.room.ACT.query_of(scenario)),
            "share": base.share((IN_LAB, scenario)),
            **self.more(stage.run["id"] if stage.run else ""),
        }
        return render(request, self.template, context, status=status)


def _asked_for(request: Request, scenario: Scenario) -> shown.Shown:
    run_id = request.GET.get("run", "")
    return shown.run_shown(run_id, request.GET.get("saga", "")) if run_id else shown.idle(scenario)
