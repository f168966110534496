"""A fork: a run with the same past as another one and a new future.

The entries up to a moment are copied into a run and a world of its own, moved in time so that
the moment is now: waits and deadlines have as much left as they had. What was under way then is
treated as after a crash, and whoever claims the run goes on from its journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from sagas import catalog, journal, journal_sql
from sagas.clock import SystemClock
from sagas.databases import atomic, on_commit
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind
from sagas.errors import PlanInvalid
from sagas.journal_sql import Batch
from sagas.models import Command, Run, Saga, Step
from sagas.observer import witness
from sagas.pausing import RESUME, pause_after
from sagas.plan import plan_from_json
from sagas.projection import project
from sagas.rebuild import Rebuild
from sagas.recovery import missing_effects
from sagas.runs import engine_of, new_id, step_rows, wake
from sagas.state import evolve
from sagas.tape import Evolve, fold

THE_FORK = "the fork"
MOMENTS = ("at", "due_at", "deadline_at")  # what a detail holds in milliseconds since the epoch


def fork_run(parent: Run, at: int, scenario: Mapping[str, Any]) -> Run:
    """Return a new run that has the entries 1 … `at` of another one and goes on by `scenario`.

    `scenario` is the parent's in its full JSON form, but for its faults. A fork of a paused run
    is told to go on. Raises PlanInvalid for an `at` that the journal does not have,
    WorldNotRebuilt where the journal cannot say what its services held.
    """
    if not 1 <= at <= parent.last_seq:
        raise PlanInvalid("at", f"must be 1 to {parent.last_seq}, the last entry of the run")
    definition = catalog.definition(parent.definition, parent.version)
    run = Run(
        id=new_id(),
        definition=parent.definition,
        version=parent.version,
        scenario=dict(scenario),
        payload=parent.payload,
        forked_from=parent,
        forked_at=at,
    )
    told = journal.read(parent.pk, limit=at)
    copies = _copies(told, run.pk, SystemClock().now() - told[-1].at)
    orders = list(Saga.objects.filter(run=parent).order_by("index").values_list("order", flat=True))
    unheard = _unheard(definition, parent, told)
    moved = [_moved(e, run.pk, copies[-1].at - told[-1].at) for e in unheard]
    plan = plan_from_json(scenario)
    run.engine = engine_of(plan)
    Rebuild(run.pk, definition, plan, catalog.SERVICES, catalog.SUBSCRIPTIONS).build(copies, moved, orders)
    sagas = [Saga(id=f"{run.pk}-{n}", run=run, index=n, order=order) for n, order in enumerate(orders, 1)]
    with atomic("default"):
        run.save(force_insert=True)
        Saga.objects.bulk_create(sagas)
        Step.objects.bulk_create(step for saga in sagas for step in step_rows(definition, plan, saga))
        _write(run, definition, copies, {saga.pk: saga.order for saga in sagas})
    run.refresh_from_db()
    on_commit("default", partial(wake, run.pk))
    return run


def _write(run: Run, definition: SagaDefinition, copies: Sequence[Entry], sagas: Mapping[str, str]) -> None:
    """Store the copied journal, and the rows that follow from it, as a driver would have."""
    rows = [project(definition, state) for state in fold(copies, sagas, _rule(run)).values()]
    is_over = copies[-1].kind is Kind.RUN_FINISHED
    state = str(Run.State.FINISHED if is_over else Run.State.RUNNING)
    (refusal,) = journal_sql.write([Batch(run=run.pk, epoch=0, entries=copies, sagas=rows, state=state)])
    if refusal is not None:
        raise refusal
    if pause_after(copies).is_on:
        Command.objects.create(run=run, kind=RESUME, who=THE_FORK, why="a fork goes on", saw=len(copies))


def _copies(entries: Sequence[Entry], run: str, later_ms: int) -> list[Entry]:
    return [_moved(entry, run, later_ms) for entry in entries]


def _moved(entry: Entry, run: str, later_ms: int) -> Entry:
    """Return the entry as one of another run, so much later."""
    detail = {key: value + later_ms if key in MOMENTS and value else value for key, value in entry.detail.items()}
    saga = f"{run}-{entry.saga.rpartition('-')[2]}" if entry.saga else ""
    return replace(entry, saga=saga, at=entry.at + later_ms, detail=detail)


def _unheard(definition: SagaDefinition, parent: Run, told: Sequence[Entry]) -> list[Entry]:
    """Return effects that are older than ones which the journal tells of, and that it had not heard of by then.

    A service had committed them before its driver died: to number what came after them, they have to be there.
    """
    newest = Counter[str]()
    for entry in told:
        if entry.kind is Kind.EFFECT:
            newest[entry.detail["service"]] = max(newest[entry.detail["service"]], entry.detail["n"])
    rows = [
        row for name in definition.services for row in catalog.SERVICES[name].ledger(parent.pk) if row.n < newest[name]
    ]
    states = fold(told, dict(Saga.objects.filter(run=parent).values_list("pk", "order")), _rule(parent))
    return [e for e in missing_effects(definition, states, told, rows) if e.kind is Kind.EFFECT]


def _rule(run: Run) -> Evolve:
    return witness if plan_from_json(run.scenario).mode == "choreography" else evolve
