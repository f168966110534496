"""A saga of one's own: started once per key, driven like every other.

The key names the order. It also makes the run's id, so that of two calls with one key, on
whatever machines, exactly one starts anything. On the event loop of a worker with room for one
more, the run is driven at once, and its first commit stores it; anywhere else it is stored, and
waits to be claimed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async
from django.db import IntegrityError

from sagas import catalog
from sagas.databases import mended
from sagas.definition import SagaDefinition
from sagas.errors import DefinitionInvalid, JournalConflict, KeyReused, PlanInvalid, ServiceUnknown
from sagas.house import Host, host
from sagas.journal_sql import NewRun
from sagas.models import Run, Saga
from sagas.network import at_work
from sagas.plan import RunPlan, plan_from_json
from sagas.projection import SagaRow, StepRow
from sagas.runs import engine_of, fresh_steps, id_of, seeded, store

KEY_SCOPE = "step"  # a saga of one's own says nothing else
FRESH = StepRow(state="idle", attempts=0, compensation_state="idle", compensation_attempts=0)
MAX_KEY = 64  # characters, as many as a service keeps of an order's name


async def start(definition: SagaDefinition, key: str, payload: Mapping[str, Any]) -> Saga:
    """Return the saga of a definition for the order `key`. See `SagaDefinition.start`."""
    run = _checked(definition, key, payload)
    plan = plan_from_json(run.scenario)
    if (worker := host()) is not None and not engine_of(plan):
        with suppress(JournalConflict):  # another call with this key was faster
            return await _adopted(worker, run, definition, key, plan)
    return await sync_to_async(mended)(partial(_stored, run, definition, key))


def start_saga(definition: SagaDefinition, key: str, payload: Mapping[str, Any]) -> Saga:
    """Return what `start` returns, from a thread without an event loop."""
    return _stored(_checked(definition, key, payload), definition, key)


def _checked(definition: SagaDefinition, key: str, payload: Mapping[str, Any]) -> Run:
    """Return the run that the key names, not stored; the definition is known from now on."""
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise PlanInvalid("key", f"must be 1 to {MAX_KEY} printable characters")
    for step in definition.steps:
        if step.service not in catalog.SERVICES:
            raise ServiceUnknown(definition.name, step.service)
    if catalog.DEFINITIONS.setdefault((definition.name, definition.version), definition) is not definition:
        raise DefinitionInvalid(definition.name, "there is another definition of this name and version")
    return Run(
        id=id_of(f"{definition.name}\n{key}"),
        definition=definition.name,
        version=definition.version,
        scenario={"saga": definition.name, "mode": "orchestration", "orders": 1, "latency_ms": 0},
        payload=json.loads(json.dumps(dict(payload))),
    )


def _stored(run: Run, definition: SagaDefinition, key: str) -> Saga:
    if not Run.objects.filter(pk=run.pk).exists():
        with suppress(IntegrityError):  # another call with this key may be faster
            store(run, definition, [key])
    saga = Saga.objects.select_related("run").get(run_id=run.pk)
    if saga.run.payload != run.payload:
        raise KeyReused(definition.name, key)
    return saga


async def _adopted(worker: Host, run: Run, definition: SagaDefinition, key: str, plan: RunPlan) -> Saga:
    """Return the saga of a new run that a worker drives. Raises JournalConflict where the run exists."""
    run.created_at = datetime.now(UTC)
    run.lease_owner, run.lease_epoch, run.leased_until = worker.owner, 1, worker.lease_until()
    saga = Saga(id=f"{run.pk}-1", run=run, index=1, order=key, definition=definition.name, created_at=run.created_at)
    for service, seed in seeded(run.pk, definition, [key], plan):
        await at_work(service.executor, seed)
    await worker.adopt(run, {saga.pk: key}, partial(new_rows, run, saga, definition))
    return saga


def new_rows(run: Run, saga: Saga, definition: SagaDefinition, last_seq: int, told: Sequence[SagaRow] = ()) -> NewRun:
    """Return the rows with which a run of one saga begins; `created_at` and the lease are the run's own.

    `last_seq` and `told` are what its first entries make of them: the number of the last, the rows that they change.
    """
    state = told[-1].state if told else saga.state
    steps = dict(told[-1].steps) if told else {}
    created = run.created_at.strftime("%Y-%m-%d %H:%M:%S.%f")
    return NewRun(
        run=(
            *(run.pk, run.definition, run.version, run.scenario, run.payload, run.state, last_seq),
            *(run.lease_owner, run.lease_epoch, run.leased_until, False, run.engine, False, created),
        ),
        sagas=[(saga.pk, run.pk, saga.index, saga.order, state, run.definition, created)],
        steps=[
            (saga.pk, *fields.values(), *steps.get(n, FRESH))
            for n, fields in enumerate(fresh_steps(definition, saga.order, KEY_SCOPE))
        ],
    )
