"""Chaos over the simulator: scenarios drawn by a seed, each really run on virtual time and judged.

The driver, the wire, the services and the rules are those of every other run; see
`sagas.simulation`. `poisoned` and `anything` say what is run, `playground.verdicts` what came
of it, and a trial holds both.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from playground.anything import anything
from playground.poison import poisoned
from playground.scenario import Scenario
from playground.shrinking import shortest
from playground.verdicts import Judgement, Outcome, judged
from sagas.entries import Entry
from sagas.errors import SimulationStuck
from sagas.simulation import SimulatedRun, Simulator, journal_hash

__all__ = ["Trial", "anything", "poisoned", "quietly", "scenario_of", "shrunk", "tried", "tries"]

Sign = Callable[[Sequence[Entry]], bool]

TWICE_EVERY = 25  # of so many runs one is made a second time, and must not differ by a byte


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run of one scenario: by which seed it was drawn, what became of it, which rules it broke."""

    seed: int
    scenario: Scenario
    outcome: Outcome
    violations: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Where a reader sees this very scenario."""
        return f"/lab/?{self.scenario.query()}"


def scenario_of(base: Scenario | None, seed: int) -> Scenario:
    """Return the scenario of a seed: the base's with its calls failing at random, or without a base anything."""
    return anything(seed) if base is None else poisoned(base, seed)


def tries(base: Scenario | None, seeds: Iterable[int]) -> Iterator[Trial]:
    """Yield the trial of each seed."""
    with Simulator() as simulator:
        for seed in seeds:
            yield tried(simulator, scenario_of(base, seed), seed, twice=seed % TWICE_EVERY == 0)


def tried(
    simulator: Simulator, scenario: Scenario, seed: int, *, twice: bool = False, sign: Sign | None = None
) -> Trial:
    """Return what became of a scenario.

    `twice` runs it again and holds it to the same journal (rule 37); `sign` says of the journal
    whether what was to happen did (rule 38).
    """
    try:
        run = simulator.run(scenario.full(), scenario.seed)
        judgement = judged(scenario, run)
        violations = judgement.violations
        if twice and not _same(run, simulator.run(scenario.full(), scenario.seed)):
            violations = (*violations, "rule 37: the same seed gave another journal")
        if sign is not None and not sign(run.entries):
            violations = (*violations, "rule 38: the fault was not met where it was aimed")
    except SimulationStuck as error:
        judgement, violations = _UNJUDGED, (f"rule 25: it does not end: {error}",)
    except Exception as error:  # whatever breaks a run is a finding, and the next one has to be run all the same
        judgement, violations = _UNJUDGED, (f"it broke: {type(error).__name__}: {error}",)
    outcome = Outcome.VIOLATION if violations else judgement.outcome
    return Trial(seed=seed, scenario=scenario, outcome=outcome, violations=violations)


def shrunk(trial: Trial) -> Trial:
    """Return the trial of the shortest scenario that still breaks a rule which this one broke.

    Each try is made with the scenario's own seed, so that its address alone shows it again. Where
    that breaks nothing, as when only a second run differed, the trial itself is returned.
    """
    rules = {_rule(said) for said in trial.violations}
    with Simulator() as simulator, quietly():

        def judge(scenario: Scenario) -> Trial:
            return tried(simulator, scenario, trial.seed)

        def breaks(scenario: Scenario) -> bool:
            return any(_rule(said) in rules for said in judge(scenario).violations)

        if not breaks(trial.scenario):
            return trial
        return judge(shortest(trial.scenario, breaks))


@contextmanager
def quietly() -> Iterator[None]:
    """Keep the engine's log still: what simulated services refuse is counted, and nobody has to be woken."""
    engine = logging.getLogger("sagas")
    level = engine.level
    engine.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        engine.setLevel(level)


_UNJUDGED = Judgement(outcome=Outcome.VIOLATION)


def _rule(said: str) -> str:
    """Return the rule that a sentence is about: `rule 33`, or whatever else it begins with."""
    return said.partition(":")[0]


def _same(one: SimulatedRun, other: SimulatedRun) -> bool:
    return journal_hash(one.entries) == journal_hash(other.entries) and one.facts == other.facts
