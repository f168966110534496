"""Runs from the outside: create one, ask something of one. Synchronous; any process may call.

What is asked is a row in the command inbox: whoever holds the run's lease has it journaled and
obeys, and a run that nobody holds is claimed for it. What makes no sense as things stand is
refused at once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from django.conf import settings

from sagas import bells, catalog, journal
from sagas.databases import atomic, on_commit
from sagas.decider import key_of
from sagas.definition import SagaDefinition
from sagas.errors import CommandIncomplete, CommandRefused, RunUnknown
from sagas.models import Command, Run, Saga, Step
from sagas.operators import (
    CANCEL,
    FAIL,
    NOBODY_DRIVES,
    OF_RUN,
    RELEASE,
    RESOLVE,
    RETRY,
    SENSELESS,
    awaited,
    heeds,
    meant_by,
)
from sagas.pausing import PAUSE, RESUME
from sagas.plan import RunPlan, plan_from_json
from sagas.services.base import Service
from sagas.state import SagaState
from sagas.tape import fold

ITEM = "lamp"
PRICE_CENTS = 4900
TRIP_CENTS = 18_900
ID_LENGTH = 16
ID_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"  # no look-alikes: 0 o, 1 i l

_wakers: list[Callable[[str], None]] = []


def on_work(waker: Callable[[str], None]) -> None:
    """Call `waker(run)` in this process whenever a run has something to do. Any thread."""
    _wakers.append(waker)


def off_work(waker: Callable[[str], None]) -> None:
    """Take back `on_work`."""
    _wakers.remove(waker)


def create_run(scenario: Mapping[str, Any]) -> Run:
    """Seed a new world and store a run that a worker will claim; return it.

    `scenario` is the full JSON form (INTERFACE: Scenario). The services are seeded first, so
    that a run which exists can be driven. Raises DefinitionUnknown for an unknown saga.
    """
    plan = plan_from_json(scenario)
    definition = catalog.definition(plan.saga)
    run = Run(id=new_id(), definition=definition.name, version=definition.version, scenario=dict(scenario))
    run.payload = payload_of(plan.saga)
    return store(run, definition, plan.order_names)


def store(run: Run, definition: SagaDefinition, orders: Sequence[str]) -> Run:
    """Seed a run's world and store it with a saga for each order; return it. Raises IntegrityError if it is there."""
    plan = plan_from_json(run.scenario)
    run.engine = engine_of(plan)
    for _, seed in seeded(run.pk, definition, orders, plan):
        seed()
    sagas = [Saga(id=f"{run.pk}-{n}", run=run, index=n, order=order) for n, order in enumerate(orders, 1)]
    with atomic("default"):
        run.save(force_insert=True)
        Saga.objects.bulk_create(sagas)
        Step.objects.bulk_create(step for saga in sagas for step in step_rows(definition, plan, saga))
    on_commit("default", partial(wake, run.pk))
    return run


def seeded(
    run: str, definition: SagaDefinition, orders: Sequence[str], plan: RunPlan
) -> Iterable[tuple[Service, Callable[[], None]]]:
    """Yield each service of a saga with what gives it its share of a new world."""
    for name in definition.services:
        service = catalog.SERVICES[name]
        yield service, partial(service.seed, run, orders=orders, stock=plan.stock, keep_back=plan.keep_back)


def engine_of(plan: RunPlan) -> str:
    """Return the engine elsewhere that a new run is for (SAGA_ENGINE), or "": only an orchestrated run can be driven there."""
    return str(getattr(settings, "SAGA_ENGINE", "")) if plan.mode == "orchestration" else ""


def payload_of(saga: str) -> dict[str, Any]:
    """Return what an order of this saga is about, and what it costs in cents."""
    return {"item": "trip", "amount": TRIP_CENTS} if saga == "trip" else {"item": ITEM, "amount": PRICE_CENTS}


def new_id() -> str:
    """Return an id that no run has."""
    return "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))


def id_of(text: str) -> str:
    """Return the id that a text alone decides: a hash of it, in the letters of every id."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    base = len(ID_LETTERS)
    return "".join(ID_LETTERS[number // base**place % base] for place in range(ID_LENGTH))


def ask_run(run_id: str, kind: str, *, who: str, why: str = "", saw: int = 0) -> Command:
    """Ask that a run pauses, resumes, takes one step or is cancelled; return the command.

    Raises RunUnknown for an unknown run, CommandRefused where it makes no sense.
    """
    run = Run.objects.filter(pk=run_id, pruning=False).first()
    if run is None:
        raise RunUnknown("run", run_id)
    if kind not in (*OF_RUN, CANCEL):
        raise CommandRefused(kind, run.state, f"a run can be asked to {', '.join(OF_RUN)} or {CANCEL}")
    if run.state == Run.State.FINISHED:
        raise CommandRefused(kind, run.state)
    refusal = _cancel_refusal(run) if kind == CANCEL else _gate_refusal(run, kind)
    if refusal:
        raise CommandRefused(kind, run.state, refusal)
    return _ask(run, kind, who=who, why=why, saw=saw)


def retry_saga(saga_id: str, *, who: str, why: str = "", saw: int = 0) -> Command:
    """Ask that a saga which waits for a person goes on with a fresh budget; return the command.

    Raises RunUnknown for an unknown saga, CommandRefused unless it is `needs-operator`.
    """
    saga = _waiting_saga(saga_id, RETRY)
    return _ask(saga.run, RETRY, saga_id, who=who, why=why, saw=saw)


def resolve_saga(saga_id: str, *, who: str, why: str, evidence: str, saw: int = 0) -> Command:
    """Say that what a saga is stuck at has been done by hand; return the command.

    It counts as the success of that call, and the saga goes on. Raises RunUnknown for an unknown
    saga, CommandIncomplete without who, why and evidence, CommandRefused unless it is
    `needs-operator` because of a call.
    """
    _need(RESOLVE, who=who, why=why, evidence=evidence)
    saga = _waiting_saga(saga_id, RESOLVE)
    return _ask(saga.run, RESOLVE, saga_id, who=who, why=why, saw=saw, detail={"evidence": evidence})


def fail_step(saga_id: str, *, who: str, why: str, saw: int = 0) -> Command:
    """Wait no longer for the answer of a saga's call; return the command.

    The call counts as unknown and its step as failed, whatever is left of its budget: an action is
    undone where it may be, else the saga waits for a person, as it does for a compensation. Raises
    RunUnknown for an unknown saga, CommandIncomplete without who and why, CommandRefused unless a
    call of the saga awaits its answer; the command is refused when that call is answered first.
    """
    _need(FAIL, who=who, why=why)
    saga = _saga(saga_id)
    _refuse_beside_another(saga, FAIL)
    if plan_from_json(saga.run.scenario).mode == "choreography":
        raise CommandRefused(FAIL, saga.state, NOBODY_DRIVES)
    call = awaited(_states(saga.run)[saga_id])
    if not call:
        raise CommandRefused(FAIL, saga.state, SENSELESS)
    return _ask(saga.run, FAIL, saga_id, who=who, why=why, saw=saw, detail=call)


def release_lock(saga_id: str, record: str, *, who: str, why: str, saw: int = 0) -> Command:
    """Take a record away from a saga that waits for a person; return the command.

    The next in line gets it. Raises RunUnknown for an unknown saga, CommandIncomplete without
    who, why and record, CommandRefused unless the saga is being undone, is `needs-operator` and
    holds the record.
    """
    _need(RELEASE, who=who, why=why, record=record)
    saga = _waiting_saga(saga_id, RELEASE)
    if not _holds(saga, record):
        raise CommandRefused(RELEASE, saga.state, f"{saga.order} holds no record {record!r} that can be taken away")
    return _ask(saga.run, RELEASE, saga_id, who=who, why=why, saw=saw, detail={"record": record})


def wake(run_id: str) -> None:
    """Tell the workers of this process, and those who hear the bell, that a run has something to do."""
    for waker in list(_wakers):
        waker(run_id)
    call_others(run_id)


def call_others(run_id: str = "") -> None:
    """Tell a worker of another process, where there is a bell, that a run has something to do, or some run has."""
    if bell := bells.bell():
        bell.ring(run_id)


def _ask(
    run: Run, kind: str, saga: str = "", *, who: str, why: str, saw: int, detail: Mapping[str, str] | None = None
) -> Command:
    command = Command.objects.create(
        run=run, saga=saga, kind=kind, who=who, why=why, saw=saw or run.last_seq, detail=dict(detail or {})
    )
    on_commit("default", partial(wake, run.pk))
    return command


def _need(kind: str, **given: str) -> None:
    for field, text in given.items():
        if not text.strip():
            raise CommandIncomplete(kind, field)


def _gate_refusal(run: Run, kind: str) -> str:
    """Return why it makes no sense to pause, resume or step a run once it has obeyed what it was asked before."""
    waiting = Command.objects.filter(run=run, kind__in=(PAUSE, RESUME), handled_seq=None).order_by("-pk").first()
    is_paused = run.paused if waiting is None else waiting.kind == PAUSE
    if kind == PAUSE:
        return "the run is paused already" if is_paused else ""
    return "" if is_paused else "the run is not paused"


def _cancel_refusal(run: Run) -> str:
    if plan_from_json(run.scenario).mode == "choreography":
        return NOBODY_DRIVES
    if Command.objects.filter(run=run, kind=CANCEL, handled_seq=None).exists():
        return "a cancel is under way"
    definition = catalog.definition(run.definition, run.version)
    return "" if meant_by(definition, _states(run).values(), CANCEL) else SENSELESS


def _waiting_saga(saga_id: str, kind: str) -> Saga:
    """Return a saga that waits for a person who may ask this of it."""
    saga = _saga(saga_id)
    if saga.state != "needs-operator":
        raise CommandRefused(kind, saga.state)
    _refuse_beside_another(saga, kind)
    if kind != RETRY:
        definition = catalog.definition(saga.run.definition, saga.run.version)
        if not heeds(definition, _states(saga.run)[saga_id], kind):
            raise CommandRefused(kind, saga.state, SENSELESS)
    return saga


def _saga(saga_id: str) -> Saga:
    saga = Saga.objects.select_related("run").filter(pk=saga_id, run__pruning=False).first()
    if saga is None:
        raise RunUnknown("saga", saga_id)
    return saga


def _refuse_beside_another(saga: Saga, kind: str) -> None:
    if under_way := Command.objects.filter(run=saga.run_id, saga=saga.pk, handled_seq=None).first():
        raise CommandRefused(kind, saga.state, f"a {under_way.kind} is under way")


def _states(run: Run) -> dict[str, SagaState]:
    sagas = dict(Saga.objects.filter(run=run).values_list("pk", "order"))
    return fold(journal.read_all(run.pk), sagas)


def _holds(saga: Saga, record: str) -> bool:
    definition = catalog.definition(saga.run.definition, saga.run.version)
    services = (catalog.SERVICES[step.service] for step in definition.steps if step.taking is not None)
    held = {"record": record, "owner": saga.order}
    return any(held in service.pending(saga.run_id) for service in services)


def step_rows(definition: SagaDefinition, plan: RunPlan, saga: Saga) -> list[Step]:
    """Return the rows of a saga's steps, none of which was touched yet."""
    return [Step(saga=saga, **fields) for fields in fresh_steps(definition, saga.order, plan.key_scope)]


def fresh_steps(definition: SagaDefinition, order: str, key_scope: str) -> Iterator[dict[str, Any]]:
    """Yield what each step's row says beside what every fresh one does, in the order of the journal's own columns."""
    for index, step in enumerate(definition.steps):
        yield {
            "index": index,
            "name": step.name,
            "service": step.service,
            "key": key_of(order, step.name, key_scope),
            "compensation_name": step.compensation_name,
            "compensation_key": key_of(order, step.compensation_name, key_scope) if step.compensation else "",
        }
