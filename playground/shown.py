"""A run as the templates show it: its scene, its journal lines, and where its socket is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from playground import found
from playground.scenario import Scenario
from playground.scene import idle_scene
from sagas import catalog, journal
from sagas.models import Run, Saga


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page with a stage needs. `run` is None before anything ran."""

    scene: dict[str, Any]
    journal: list[dict[str, Any]]
    run: dict[str, Any] | None = None
    scenario: Scenario | None = None

    def context(self) -> dict[str, Any]:
        """Return the template variables `scene`, `journal` and `run`."""
        return {"scene": self.scene, "journal": self.journal, "run": self.run}


def idle(scenario: Scenario) -> Shown:
    """Return the empty stage of a scenario."""
    return Shown(idle_scene(scenario.plan(), catalog.definition(scenario.saga)), [])


def run_shown(run_id: str, saga_id: str = "") -> Shown:
    """Return a run at its last committed entry, seen from one of its sagas (default: the first).

    Raises what `found.find` raises.
    """
    one = found.find(run_id, saga_id)
    fold, lines = one.fold(), []
    for entry in journal.read_all(run_id):
        fold.add(entry)
        lines.append(fold.scene()["entry"])
    scene = fold.scene()
    facts = run_facts(one.run, one.saga, after=scene["seq"])
    return Shown(scene, lines, facts, Scenario.parse(one.run.scenario))


def run_facts(run: Run, saga: Saga, after: int = 0) -> dict[str, Any]:
    """Return the template variable `run`; `after` is the last `seq` that the page already shows."""
    return {
        "id": run.pk,
        "saga": saga.pk,
        "order": saga.order,
        "url": reverse("run", args=[run.pk]),
        "socket": f"/ws/runs/{run.pk}/scenes",
        "retry": reverse("retry", args=[run.pk, saga.pk]),
        "after": after,
        "finished": run.state == Run.State.FINISHED,
    }
