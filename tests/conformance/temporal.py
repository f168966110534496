"""The saga on Temporal: this project's loop as a workflow of a real server, its jobs as activities."""

from __future__ import annotations

from collections.abc import Iterable

from playground.scenario import Scenario
from tests.conformance.outcome import Outcome, outcome_of
from tests.temporal import Temporal, create, drive_temporal


class OnTemporal:
    """Each go has a server of its own, since one hands work to workers of the go before. Needs open databases."""

    name = "Temporal"

    def perform(self, scenario: Scenario) -> Outcome:
        """Return what a scenario comes to."""
        (outcome,) = self.perform_all([scenario])
        return outcome

    def perform_all(self, scenarios: Iterable[Scenario]) -> list[Outcome]:
        """Return what several scenarios come to, side by side in one worker."""
        with Temporal() as server:
            runs = [create(scenario.full()) for scenario in scenarios]
            return [outcome_of(finished) for finished in drive_temporal(server, *runs)]
