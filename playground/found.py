"""One saga of one run, looked up for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass

from playground.scene import Fold
from sagas import catalog
from sagas.definition import SagaDefinition
from sagas.errors import RunUnknown
from sagas.models import Run, Saga
from sagas.plan import RunPlan, plan_from_json


@dataclass(frozen=True, slots=True)
class Found:
    """A run, the one of its sagas that it is seen from, and what both were told to do."""

    run: Run
    saga: Saga
    plan: RunPlan
    definition: SagaDefinition

    def fold(self) -> Fold:
        """Return the empty fold of this run's entries, as they are seen from this saga."""
        return Fold(self.plan, self.definition, self.saga.pk)


def find(run_id: str, saga_id: str = "") -> Found:
    """Return a run seen from one of its sagas, by default the first.

    Raises RunUnknown for an id that is no run, or a saga that is not of this run; DefinitionUnknown for a
    run whose definition this process does not have.
    """
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        raise RunUnknown("run", run_id)
    sagas = Saga.objects.filter(run=run).order_by("index")
    saga = sagas.filter(pk=saga_id).first() if saga_id else sagas.first()
    if saga is None:
        raise RunUnknown("saga", saga_id)
    return Found(run, saga, plan_from_json(run.scenario), catalog.definition(run.definition, run.version))
