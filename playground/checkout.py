"""The saga in focus where five calls are made in a row and nobody undoes any of them. Pure."""

from __future__ import annotations

from dataclasses import replace

from playground import wording
from playground.focus import Focus
from playground.outcomes import Known
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind
from sagas.plan import RunPlan


class Checkout(Focus):
    """One order of mode `none`."""

    plan, title, driver = "naive", "Checkout", wording.CALLER

    def __init__(self, plan: RunPlan, definition: SagaDefinition, order: str) -> None:
        super().__init__(plan, definition, order)
        for leg in self.legs.values():
            leg.passed_over(later=False)

    def add(self, entry: Entry) -> None:
        """Take the next entry that concerns this order."""
        super().add(entry)
        if entry.kind is Kind.SAGA_ABANDONED:
            for leg in self.legs.values():
                leg.passed_over(later=True)

    def known(self, entry: Entry) -> Known:
        """Return what a sentence about this entry may say beyond it."""
        known, cause = super().known(entry), self.state.cause or {}
        in_line = self.state.step(str(cause.get("step"))).action.parked
        return replace(known, cause={**cause, "outcome": "waiting"}) if in_line else known
