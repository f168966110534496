"""How a simulated run is judged: what became of it, and which rules it broke.

Two things that must not be mixed up:

    outcome     what the settings led to. Without protection that may be a card charged twice;
                it is what such settings are there to show, and it is counted.
    violation   what no settings excuse: the engine broke a rule of its own. In a protected
                scenario that includes every disagreement of the books, except the one that a
                saga which honestly waits for a person has left for that person.

The books are the services' own (`playground.facts`); the rules are numbered as in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from playground import facts
from playground.facts import Books
from playground.scenario import Scenario
from sagas import catalog
from sagas.entries import Entry, Kind, Lane, Op
from sagas.language import sentence_violations
from sagas.simulation import SimulatedRun
from sagas.state import Phase


class Outcome(StrEnum):
    """What became of a run, the worst thing first."""

    VIOLATION = "violation"
    OVERSOLD = "oversold"
    DOUBLE_CHARGE = "double-charge"
    NEEDS_OPERATOR = "needs-operator"
    HALF_DONE = "half-done"
    COMPENSATED = "compensated"
    MIXED = "mixed"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of a run, and a sentence for each rule that it broke."""

    outcome: Outcome
    violations: tuple[str, ...] = ()


ENDS: Mapping[str, frozenset[str]] = {
    "orchestration": frozenset({Phase.COMPLETED, Phase.COMPENSATED, Phase.NEEDS_OPERATOR}),
    "choreography": frozenset({Phase.COMPLETED, Phase.COMPENSATED, Phase.LOST}),
    "none": frozenset({Phase.COMPLETED, Phase.ABANDONED}),
}


def is_protected(scenario: Scenario) -> bool:
    """Return whether a scenario has every protection, so that its books have to agree."""
    keys = scenario.idempotency and scenario.key_scope == "step"
    return scenario.mode == "orchestration" and keys and scenario.lock in ("fail-fast", "wait")


def judged(scenario: Scenario, run: SimulatedRun) -> Judgement:
    """Return what became of a run that has ended."""
    books = facts.books_of(run)
    counted = books.facts(facts.price_in(run.entries), at_rest=True)
    broken = tuple(_broken(scenario, run, books, counted))
    return Judgement(outcome=Outcome.VIOLATION if broken else outcome_of(run.states, counted), violations=broken)


def outcome_of(states: Sequence[str], counted: Mapping[str, Any]) -> Outcome:
    """Return what became of a run, by its sagas' states and the facts at rest."""
    if counted["oversold"]:
        return Outcome.OVERSOLD
    if counted["double_charges"]:
        return Outcome.DOUBLE_CHARGE
    if Phase.NEEDS_OPERATOR in states:
        return Outcome.NEEDS_OPERATOR
    ends = set(states)
    if not counted["consistent"] or not ends <= {Phase.COMPLETED, Phase.COMPENSATED, Phase.ABANDONED}:
        return Outcome.HALF_DONE
    if ends == {Phase.COMPLETED}:
        return Outcome.COMPLETED
    return Outcome.MIXED if Phase.COMPLETED in ends else Outcome.COMPENSATED


def _broken(scenario: Scenario, run: SimulatedRun, books: Books, counted: Mapping[str, Any]) -> Iterator[str]:
    yield from _ends(scenario, run)
    yield from _journal(run.entries)
    if scenario.mode == "orchestration":
        yield from (f"rule 2: {said}" for said in _sentence(scenario, run.entries))
        yield from _evidence(run.entries)
    if is_protected(scenario):
        yield from _books(scenario, run, books, counted)


def _ends(scenario: Scenario, run: SimulatedRun) -> Iterator[str]:
    """Rule 1: each saga is at one of its mode's ends, or waits for a lock.

    With every protection only a saga that waits for a person keeps a lock; without, one may be forgotten.
    """
    may_wait = Phase.NEEDS_OPERATOR in run.states or not is_protected(scenario)
    for n, state in enumerate(run.states):
        waits = may_wait and scenario.mode == "orchestration" and scenario.lock == "wait" and state == Phase.RUNNING
        if state not in ENDS[scenario.mode] and not waits:
            yield f"rule 1: saga {n} ended as {state}"


def _sentence(scenario: Scenario, entries: Sequence[Entry]) -> Iterator[str]:
    """Rule 2. Where a lock may be forgotten, the end of the run is for rule 1 to judge."""
    ends_count = is_protected(scenario)
    read = [entry for entry in entries if ends_count or entry.kind is not Kind.RUN_FINISHED]
    yield from sentence_violations(read, catalog.definition(scenario.saga))


def _journal(entries: Sequence[Entry]) -> Iterator[str]:
    """Rule 7: no gaps, and one end that nothing follows."""
    if [entry.seq for entry in entries] != list(range(1, len(entries) + 1)):
        yield "rule 7: the journal has gaps"
    ends = [entry.seq for entry in entries if entry.kind is Kind.RUN_FINISHED]
    if ends != [len(entries)]:
        yield f"rule 7: run-finished at {ends} of {len(entries)}"


def _evidence(entries: Sequence[Entry]) -> Iterator[str]:
    """Rule 10: what may have happened is undone, what definitely did not is left alone."""
    may: set[tuple[str, str]] = set()
    sure: set[tuple[str, str]] = set()
    undone: set[tuple[str, str]] = set()
    for entry in entries:
        step = (entry.saga, entry.step)
        if entry.lane is not Lane.ORCHESTRATOR:
            continue
        if entry.kind is Kind.SAGA_COMPENSATED:
            for name in sorted(name for saga, name in sure - undone if saga == entry.saga):
                yield f"rule 10: {entry.order} is compensated without an undo of {name}"
        elif entry.op is Op.COMPENSATION:
            if entry.kind is Kind.ATTEMPT_STARTED and step not in may:
                yield f"rule 10: {entry.order} undoes {entry.step}, which never happened"
            if entry.kind is Kind.ATTEMPT_SUCCEEDED:
                undone.add(step)
        elif entry.kind in (Kind.ATTEMPT_SUCCEEDED, Kind.ATTEMPT_UNKNOWN, Kind.LOCK_DENIED):
            may.add(step)
            if entry.kind is Kind.ATTEMPT_SUCCEEDED:
                sure.add(step)


def _books(scenario: Scenario, run: SimulatedRun, books: Books, counted: Mapping[str, Any]) -> Iterator[str]:
    """Rules 31 and 33: the services' books agree with each other, with the stock and with the sagas' ends."""
    if Phase.NEEDS_OPERATOR in run.states:
        yield from (f"rule 31: {said}" for said in books.never_right())
    else:
        yield from (f"rule 33: {said}" for said in counted["violations"])
    stock = counted["stock_left"] + counted["units_held"] + counted["units_sold"]
    if stock != scenario.stock:
        yield f"rule 33: of {scenario.stock} units {stock} are on hand, held or sold"
    orders = [entry.order for entry in run.entries if entry.kind is Kind.SAGA_STARTED]
    for order, state in zip(orders, run.states, strict=True):
        stands = books.stands(order)
        if state == Phase.COMPLETED and (lacking := [name for name, net in stands.items() if net <= 0]):
            yield f"rule 1: {order} is completed, and nothing of it stands in {', '.join(lacking)}"
        if state == Phase.COMPENSATED and (left := [name for name, net in stands.items() if net]):
            yield f"rule 1: {order} is compensated, and something of it stands in {', '.join(left)}"
