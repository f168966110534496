"""The saga on this project's own worker: what the other engines are held against."""

from __future__ import annotations

from collections.abc import Iterable

from playground.scenario import Scenario
from tests.conformance.outcome import Outcome, outcome_of
from tests.engine import drive


class BuiltIn:
    """The real worker on real databases, which have to be open."""

    name = "built-in"

    def perform(self, scenario: Scenario) -> Outcome:
        """Return what a scenario comes to."""
        (outcome,) = self.perform_all([scenario])
        return outcome

    def perform_all(self, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Return what several scenarios come to, side by side in one worker."""
        return [outcome_of(finished) for finished in drive(*[scenario.full() for scenario in scenarios])]
