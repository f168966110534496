"""Runs from the outside: create one, ask something of one. Synchronous; any process may call."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sagas import catalog
from sagas.databases import atomic, on_commit
from sagas.decider import key_of
from sagas.definition import SagaDefinition
from sagas.errors import CommandRefused, RunUnknown
from sagas.models import Command, Run, Saga, Step
from sagas.plan import RunPlan, plan_from_json

FIRST_ORDER = 8412
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
    run_id = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
    orders = [f"ord-{FIRST_ORDER + n}" for n in range(plan.orders)]
    for name in dict.fromkeys(step.service for step in definition.steps):
        catalog.SERVICES[name].seed(run_id, orders=orders, stock=plan.stock, keep_back=plan.keep_back)
    run = Run(id=run_id, definition=definition.name, version=definition.version, scenario=dict(scenario))
    run.payload = payload_of(plan.saga)
    sagas = [Saga(id=f"{run_id}-{n}", run=run, index=n, order=order) for n, order in enumerate(orders, 1)]
    with atomic("default"):
        run.save(force_insert=True)
        Saga.objects.bulk_create(sagas)
        Step.objects.bulk_create(step for saga in sagas for step in _step_rows(definition, plan, saga))
    on_commit("default", partial(wake, run_id))
    return run


def payload_of(saga: str) -> dict[str, Any]:
    """Return what an order of this saga is about, and what it costs in cents."""
    return {"item": "trip", "amount": TRIP_CENTS} if saga == "trip" else {"item": ITEM, "amount": PRICE_CENTS}


def retry_saga(saga_id: str, *, who: str, why: str = "", saw: int = 0) -> Command:
    """Ask that a saga which waits for a person goes on with a fresh budget; return the command.

    Raises RunUnknown for an unknown saga, CommandRefused unless it is `needs-operator`.
    """
    saga = Saga.objects.select_related("run").filter(pk=saga_id).first()
    if saga is None:
        raise RunUnknown("saga", saga_id)
    waiting = Command.objects.filter(saga=saga_id, kind="retry", handled_seq=None).exists()
    if saga.state != "needs-operator" or waiting:
        raise CommandRefused("retry", "a retry is under way" if waiting else saga.state)
    command = Command.objects.create(
        run=saga.run, saga=saga_id, kind="retry", who=who, why=why, saw=saw or saga.run.last_seq
    )
    on_commit("default", partial(wake, saga.run_id))
    return command


def wake(run_id: str) -> None:
    """Tell the workers of this process that a run has something to do."""
    for waker in list(_wakers):
        waker(run_id)


def _step_rows(definition: SagaDefinition, plan: RunPlan, saga: Saga) -> list[Step]:
    return [
        Step(
            saga=saga,
            index=index,
            name=step.name,
            service=step.service,
            key=key_of(saga.order, step.name, plan.key_scope),
            compensation_name=step.compensation_name,
            compensation_key=key_of(saga.order, step.compensation_name, plan.key_scope) if step.compensation else "",
        )
        for index, step in enumerate(definition.steps)
    ]
