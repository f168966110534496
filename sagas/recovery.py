"""How a driver begins: a new run's first entries, or what a former driver left behind.

A ledger row that the journal lacks was committed by a service just before a crash; it is
copied as `effect` before the attempt that caused it is settled as unknown. The order is what
keeps belief and truth apart: the row is a fact, the lost answer is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sagas.decider import Call, key_of, settle_open
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.models import Command, JournalEntry, Run, Saga
from sagas.network import Participant, at_work
from sagas.plan import RunPlan, plan_from_json
from sagas.reports import row_facts
from sagas.services.base import Row
from sagas.state import Phase, Policy, SagaState

UNRECORDED = "the driver died before it heard an answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What the default database knows of a run. `sagas` maps ids to orders."""

    run: str
    definition: str
    version: int
    plan: RunPlan
    payload: Mapping[str, Any]
    sagas: Mapping[str, str]
    entries: Sequence[Entry]
    created_ms: int
    commands: Sequence[Command] = field(default_factory=list)


Find = Callable[[], Loaded]


def load(run: str) -> Loaded:
    """Return a run with its whole journal and the commands that wait. Raises KeyError when there is none."""
    return find_runs([run])[run]()


def find_runs(runs: Sequence[str]) -> dict[str, Find]:
    """Read runs, each with its whole journal and the commands that wait; return by id what makes sense of one.

    That raises what it raises for a run that cannot be read, and for no other one.
    """
    rows = Run.objects.in_bulk(runs)
    sagas: dict[str, dict[str, str]] = {run: {} for run in rows}
    for run, saga, order in Saga.objects.filter(run__in=rows).order_by("index").values_list("run_id", "pk", "order"):
        sagas[run][saga] = order
    entries: dict[str, list[JournalEntry]] = {run: [] for run in rows}
    for entry in JournalEntry.objects.filter(run__in=[run for run in rows if rows[run].last_seq]).order_by("seq"):
        entries[entry.run_id].append(entry)
    commands: dict[str, list[Command]] = {run: [] for run in rows}
    for command in waiting_commands(rows):
        commands[command.run_id].append(command)
    return {run: partial(loaded_run, row, sagas[run], entries[run], commands[run]) for run, row in rows.items()}


def loaded_run(
    row: Run, sagas: Mapping[str, str], entries: Sequence[JournalEntry] = (), commands: Sequence[Command] = ()
) -> Loaded:
    """Return what is known of a run, from its rows; without entries it is a new one."""
    return Loaded(
        run=row.pk,
        definition=row.definition,
        version=row.version,
        plan=plan_from_json(row.scenario),
        payload=row.payload,
        sagas=sagas,
        entries=[entry.entry() for entry in entries],
        created_ms=int(row.created_at.timestamp() * 1000),
        commands=commands,
    )


def waiting_commands(runs: Iterable[str]) -> list[Command]:
    """Return the commands of these runs that nobody has handled yet, oldest first."""
    return list(Command.objects.filter(run_id__in=list(runs), handled_seq=None).order_by("pk"))


async def ledger_rows(definition: SagaDefinition, services: Mapping[str, Participant], run: str) -> list[Row]:
    """Return all that the services of a saga wrote in the world of this run."""
    rows: list[Row] = []
    for name in definition.services:
        rows += await at_work(services[name].executor, services[name].ledger, run)
    return rows


def first_entries(loaded: Loaded, now: int) -> list[Entry]:
    """Return the `saga-started` of each saga of a new run."""
    plan = loaded.plan
    policy = Policy(
        retry=plan.retry,
        compensation_retry=plan.compensation_retry,
        timeout_ms=plan.timeout_ms,
        key_scope=plan.key_scope,
        seed=plan.seed,
    ).to_json()
    deadline = None if plan.deadline_ms is None else now + plan.deadline_ms
    return [
        Entry(
            kind=Kind.SAGA_STARTED,
            saga=saga,
            order=order,
            detail={
                "definition": loaded.definition,
                "version": loaded.version,
                "index": index,
                "payload": {"order": order, **loaded.payload},
                "policy": policy,
                "deadline_at": deadline,
            },
        )
        for index, (saga, order) in enumerate(loaded.sagas.items())
    ]


def late_starts(loaded: Loaded, states: Mapping[str, SagaState], now: int) -> list[Entry]:
    """Return the `saga-started` of the sagas that have none in a journal: a fork may begin between two of them."""
    return [entry for entry in first_entries(loaded, now) if states[entry.saga].phase is Phase.PENDING]


def recovery_entries(
    definition: SagaDefinition,
    states: Mapping[str, SagaState],
    entries: Sequence[Entry],
    rows: Iterable[Row],
    owner: str,
) -> list[Entry]:
    """Return what a new driver appends before it goes on with an interrupted run."""
    taken = Entry(kind=Kind.ORCHESTRATOR_RECOVERED, lane=Lane.OBSERVER, detail={"worker": owner})
    copied = missing_effects(definition, states, entries, rows)
    opened = [entry for state in states.values() for entry in settle_open(state, UNRECORDED)]
    return [taken, *copied, *opened]


def missing_effects(
    definition: SagaDefinition, states: Mapping[str, SagaState], entries: Iterable[Entry], rows: Iterable[Row]
) -> list[Entry]:
    """Return the entries of ledger rows that the journal lacks."""
    known = {(e.detail["service"], e.detail["n"]) for e in entries if e.kind is Kind.EFFECT}
    by_order = {state.order: state for state in states.values()}
    lacking = [row for row in rows if (row.service, row.n) not in known and row.order in by_order]
    return [
        fact
        for row in lacking
        for fact in row_facts(by_order[row.order], _origin(definition, by_order[row.order], row), row)
    ]


def _origin(definition: SagaDefinition, state: SagaState, row: Row) -> Call:
    """Return the call that wrote a row: by its key, or by its sign where keys do not tell."""
    step = next(s for s in definition.steps if s.service == row.service)
    op: Op | None = Op.COMPENSATION if row.amount < 0 else Op.ACTION
    for candidate in definition.steps:
        if candidate.service != row.service:
            continue
        names = {
            key_of(row.order, candidate.name): Op.ACTION,
            key_of(row.order, candidate.compensation_name): Op.COMPENSATION,
            key_of(row.order, f"settle-{candidate.service}"): None,
        }
        if row.key in names:
            step, op = candidate, names[row.key]
            break
    attempt = state.calls(step.name, op).attempts if op else 0
    return Call(step=step.name, op=op or Op.ACTION, attempt=attempt, key=row.key, action_key="", timeout_ms=0)
