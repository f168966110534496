"""The same driver, wire, services and rules, on virtual time and a seeded order of events.

A simulated run keeps nothing and waits for nothing, so that a race can be run two hundred
times and every order of two sagas' moves tried. The same definition, scenario and seed give
the same journal, to the byte, on every machine.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from itertools import combinations
from typing import Any, Self

from sagas import catalog
from sagas.definition import SagaDefinition
from sagas.drivers import driver_for
from sagas.entries import Entry, Kind, Lane
from sagas.errors import PlanInvalid
from sagas.journal_sql import Batch
from sagas.leases import Lease
from sagas.memory import MemoryDatabases, MemoryJournal
from sagas.network import DriverDied
from sagas.orchestrator import Ports
from sagas.plan import RunPlan, plan_from_json
from sagas.recovery import Loaded
from sagas.runs import ID_LENGTH, ID_LETTERS, payload_of
from sagas.services.base import Row, Service
from sagas.state import Phase, SagaState
from sagas.virtual import Calls, VirtualClock, play

EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, when every simulated run begins
OWNER = "simulator"


class Verdict(StrEnum):
    """What became of the stock: the colours of a race and of a map."""

    OVERSOLD = "oversold"
    SOLD = "sold"
    UNSOLD = "unsold"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRun:
    """A run that has ended. `states` are the sagas' in their order; `ledgers` and `pending` are by service."""

    run: str
    seed: int
    entries: Sequence[Entry]
    states: Sequence[str]
    facts: Mapping[str, int]
    ledgers: Mapping[str, Sequence[Row]]
    pending: Mapping[str, Sequence[Mapping[str, str]]]

    @property
    def verdict(self) -> Verdict:
        """Whether more was promised than there was, or somebody, or nobody, got what he asked for."""
        if self.facts["oversold"]:
            return Verdict.OVERSOLD
        return Verdict.SOLD if Phase.COMPLETED in self.states else Verdict.UNSOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a race ended with one seed; `simulate` with that seed and schedule `free` tells the whole of it."""

    seed: int
    verdict: Verdict
    states: Sequence[str]
    facts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interleaving:
    """One order of two sagas' moves, and how it ended.

    `decided` is the number of moves after which the verdict was certain: every order that
    begins with these has it.
    """

    moves: tuple[int, ...]
    outcome: Verdict
    decided: int
    states: Sequence[str]
    facts: Mapping[str, int]


class Simulator:
    """Databases in memory for any number of simulated runs, one after the other. Use it as a context manager."""

    def __init__(self) -> None:
        self._databases = MemoryDatabases()

    def __enter__(self) -> Self:
        self._databases.__enter__()
        return self

    def __exit__(self, *args: object) -> None:
        self._databases.__exit__(*args)

    def run(self, scenario: Mapping[str, Any], seed: int) -> SimulatedRun:
        """Return the run of a scenario in its full JSON form; `seed` replaces the scenario's own.

        Raises DefinitionUnknown for an unknown saga, SimulationStuck for a run without end.
        """
        plan = replace(plan_from_json(scenario), seed=seed)
        return self._databases.work(partial(_run, catalog.definition(plan.saga), plan))


def simulate(scenario: Mapping[str, Any], seed: int) -> SimulatedRun:
    """Return one simulated run of a scenario in its full JSON form. See `Simulator.run`."""
    with Simulator() as simulator:
        return simulator.run(scenario, seed)


def race(scenario: Mapping[str, Any], seeds: Iterable[int]) -> list[Outcome]:
    """Return how the scenario ends with schedule `free`, seed by seed."""
    free = {**scenario, "schedule": "free"}
    with Simulator() as simulator:
        runs = (simulator.run(free, seed) for seed in seeds)
        return [Outcome(seed=r.seed, verdict=r.verdict, states=r.states, facts=r.facts) for r in runs]


def interleavings(scenario: Mapping[str, Any], *, moves: int | None = None, seed: int = 1) -> list[Interleaving]:
    """Return every order of the first `moves` moves of each of two sagas, each really run with that schedule.

    By default these are the moves that reserve the unit: to look and to act without a lock,
    to ask with one. A turn for a saga that cannot move is skipped; what follows is free.
    Raises PlanInvalid unless the scenario has two orders.
    """
    plan = plan_from_json(scenario)
    if plan.orders != 2:
        raise PlanInvalid("orders", f"the orders of moves are those of two sagas, not of {plan.orders}")
    each = moves or _moves_to_reserve(plan)
    with Simulator() as simulator:
        runs = {o: simulator.run({**scenario, "schedule": list(o)}, seed) for o in orders_of_moves(each)}
    return [
        Interleaving(
            moves=order,
            outcome=run.verdict,
            decided=_decided(order, {order: run.verdict for order, run in runs.items()}),
            states=run.states,
            facts=run.facts,
        )
        for order, run in runs.items()
    ]


def orders_of_moves(each: int) -> list[tuple[int, ...]]:
    """Return every order of `each` moves of saga 0 and as many of saga 1."""
    firsts = combinations(range(2 * each), each)
    return [tuple(0 if n in first else 1 for n in range(2 * each)) for first in firsts]


def shortest_bad(found: Iterable[Interleaving]) -> Interleaving | None:
    """Return the order that oversells after the fewest moves, None where none does."""
    bad = [each for each in found if each.outcome is Verdict.OVERSOLD]
    return min(bad, key=lambda each: (each.decided, each.moves), default=None)


def journal_hash(entries: Iterable[Entry]) -> str:
    """Return the SHA-256 of a journal, in hex: of one line of canonical JSON per entry."""
    digest = hashlib.sha256()
    for entry in entries:
        text = json.dumps(entry.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()


def _run(definition: SagaDefinition, plan: RunPlan) -> SimulatedRun:
    services = {name: catalog.SERVICES[name] for name in definition.services}
    loaded = _new_run(definition, plan)
    for service in services.values():
        service.seed(loaded.run, orders=list(loaded.sagas.values()), stock=plan.stock, keep_back=plan.keep_back)
    book, clock, calls = MemoryJournal(loaded.run), VirtualClock(EPOCH_MS), Calls(plan.seed)
    twins = {name: service.on(calls) for name, service in services.items()}
    ports = Ports(journal=book, services=twins, clock=clock, owner=OWNER)
    states = play(_drive(ports, book, loaded, definition), clock, calls)
    return SimulatedRun(
        run=loaded.run,
        seed=plan.seed,
        entries=book.entries,
        states=[str(state.phase) for state in states],
        facts=_facts(services.values(), loaded.run),
        ledgers={name: service.ledger(loaded.run) for name, service in services.items()},
        pending={name: service.pending(loaded.run) for name, service in services.items()},
    )


def _new_run(definition: SagaDefinition, plan: RunPlan) -> Loaded:
    run = _world_of(plan.seed)
    return Loaded(
        run=run,
        definition=definition.name,
        version=definition.version,
        plan=plan,
        payload=payload_of(plan.saga),
        sagas={f"{run}-{n}": order for n, order in enumerate(plan.order_names, 1)},
        entries=[],
        created_ms=EPOCH_MS,
    )


def _world_of(seed: int) -> str:
    """Return the id of a simulated run, which looks like any other's."""
    digest = hashlib.sha256(f"simulated {seed}".encode()).digest()
    return "".join(ID_LETTERS[byte % len(ID_LETTERS)] for byte in digest[:ID_LENGTH])


async def _drive(ports: Ports, book: MemoryJournal, loaded: Loaded, definition: SagaDefinition) -> list[SagaState]:
    """Return the sagas at the end of the run. When its driver dies, another one begins with the journal alone."""
    while True:
        loaded = replace(loaded, entries=list(book.entries))
        driver = driver_for(ports, Lease(loaded.run, book.epoch), loaded, definition)
        try:
            await driver.drive()
            return list(driver.tape.states.values())
        except DriverDied:
            died = Entry(
                kind=Kind.ORCHESTRATOR_CRASHED, lane=Lane.OBSERVER, detail={"worker": OWNER, "epoch": book.epoch}
            )
            placed = died.placed(driver.tape.submitted_seq + 1, ports.clock.now())
            await book.append(Batch(run=book.run, epoch=book.epoch, entries=[placed]))
            await ports.clock.sleep(loaded.plan.latency_ms)
            book.epoch += 1


def _facts(services: Iterable[Service], run: str) -> dict[str, int]:
    facts: Counter[str] = Counter()
    for service in services:
        facts.update(service.facts(run))
    return dict(facts)


def _moves_to_reserve(plan: RunPlan) -> int:
    step = catalog.definition(plan.saga).contested
    return 2 if step and catalog.SERVICES[step.service].looks_first(step.action, plan.lock) else 1


def _decided(order: tuple[int, ...], verdicts: Mapping[tuple[int, ...], Verdict]) -> int:
    def all_alike(n: int) -> bool:
        return len({verdict for other, verdict in verdicts.items() if other[:n] == order[:n]}) == 1

    return next(n for n in range(len(order) + 1) if all_alike(n))
