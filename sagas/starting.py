"""A saga of one's own: started once per key, driven like every other.

The key names the order. It also makes the run's id, so that of two calls with one key, on
whatever machines, exactly one starts anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.db import IntegrityError

from sagas import catalog
from sagas.definition import SagaDefinition
from sagas.errors import DefinitionInvalid, KeyReused, PlanInvalid, ServiceUnknown
from sagas.models import Run, Saga
from sagas.runs import ID_LENGTH, ID_LETTERS, store

MAX_KEY = 64  # characters, as many as a service keeps of an order's name


def start_saga(definition: SagaDefinition, key: str, payload: Mapping[str, Any]) -> Saga:
    """Return the saga of a definition for the order `key`. See `SagaDefinition.start`."""
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        raise PlanInvalid("key", f"must be 1 to {MAX_KEY} printable characters")
    for step in definition.steps:
        if step.service not in catalog.SERVICES:
            raise ServiceUnknown(definition.name, step.service)
    if catalog.DEFINITIONS.setdefault((definition.name, definition.version), definition) is not definition:
        raise DefinitionInvalid(definition.name, "there is another definition of this name and version")
    run = Run(id=_run_of(definition.name, key), definition=definition.name, version=definition.version)
    run.scenario = {"saga": definition.name, "mode": "orchestration", "orders": 1, "latency_ms": 0}
    run.payload = json.loads(json.dumps(dict(payload)))
    if not Run.objects.filter(pk=run.pk).exists():
        with suppress(IntegrityError):  # another call with this key may be faster
            store(run, definition, [key])
    saga = Saga.objects.select_related("run").get(run_id=run.pk)
    if saga.run.payload != run.payload:
        raise KeyReused(definition.name, key)
    return saga


start = sync_to_async(start_saga)


def _run_of(name: str, key: str) -> str:
    number = int.from_bytes(hashlib.sha256(f"{name}\n{key}".encode()).digest(), "big")
    letters = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(ID_LETTERS))
        letters.append(ID_LETTERS[digit])
    return "".join(letters)
