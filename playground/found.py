"""One saga of one run, looked up for whoever shows it."""

from __future__ import annotations

from typing import NamedTuple

from playground.scene import Fold
from sagas import catalog
from sagas.errors import RunUnknown
from sagas.models import Run, Saga
from sagas.plan import plan_from_json


class Found(NamedTuple):
    """A run, and the one of its sagas that it is seen from."""

    run: Run
    saga: Saga

    def fold(self) -> Fold:
        """Return the fold of this run's entries, as they are seen from this saga."""
        plan = plan_from_json(self.run.scenario)
        return Fold(plan, catalog.definition(self.run.definition, self.run.version), self.saga.pk)


def find(run_id: str, saga_id: str = "") -> Found:
    """Return a run and one of its sagas, by default the first.

    Raises RunUnknown for an id that is no run, or a saga that is not of this run.
    """
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        raise RunUnknown("run", run_id)
    sagas = Saga.objects.filter(run=run).order_by("index")
    saga = sagas.filter(pk=saga_id).first() if saga_id else sagas.first()
    if saga is None:
        raise RunUnknown("saga", saga_id)
    return Found(run, saga)
