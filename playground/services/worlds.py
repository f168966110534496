"""Worlds for drivers elsewhere: the services' share of a run that no worker of this house drives.

A world is opened with a scenario: it says what stands on the shelf, how the services keep
keys and locks, and what goes wrong on the way to them. A world that belongs to a run of this
house can be called as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from playground.models import CallCount, LateCall, OutsideWorld
from playground.scenario import Scenario
from sagas import catalog
from sagas.databases import atomic
from sagas.models import Run
from sagas.plan import RunPlan, plan_from_json
from sagas.runs import new_id, payload_of, seeded

AT_A_TIME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A world that services can be called in."""

    id: str
    saga: str
    version: int
    plan: RunPlan

    @property
    def orders(self) -> list[str]:
        """The orders that the world was furnished for."""
        return self.plan.order_names

    @property
    def services(self) -> list[str]:
        """The services of its saga, in the order of the steps."""
        return list(catalog.definition(self.saga, self.version).services)

    def index(self, order: str) -> int:
        """Return the index of an order, from 0, as faults have it; 0 for one that the world was not furnished for."""
        return self.orders.index(order) if order in self.orders else 0


def open_world(scenario: Scenario) -> World:
    """Return a new world, furnished for the scenario's orders."""
    plan = scenario.plan()
    definition = catalog.definition(plan.saga)
    world = World(id=new_id(), saga=definition.name, version=definition.version, plan=plan)
    for _, seed in seeded(world.id, definition, world.orders, plan):
        seed()
    OutsideWorld.objects.create(pk=world.id, version=world.version, scenario=scenario.full())
    return world


def find(world_id: str) -> World | None:
    """Return a world by its id, which is the run's where it belongs to a run; None for an unknown one."""
    outside = OutsideWorld.objects.filter(pk=world_id).first()
    if outside is not None:
        plan = plan_from_json(outside.scenario)
        return World(id=outside.pk, saga=plan.saga, version=outside.version, plan=plan)
    run = Run.objects.filter(pk=world_id, pruning=False).first()
    if run is None:
        return None
    if (run.definition, run.version) not in catalog.DEFINITIONS:
        return None  # a saga of one's own, which this process does not know
    return World(id=run.pk, saga=run.definition, version=run.version, plan=plan_from_json(run.scenario))


def books(world: World) -> dict[str, Any]:
    """Return what each service has on file of a world: ledger rows, PENDING records, facts. Read from its own tables."""
    return {
        name: {
            "ledger": [
                {key: value for key, value in asdict(row).items() if key != "service"}
                for row in service.ledger(world.id)
            ],
            "pending": service.pending(world.id),
            "facts": service.facts(world.id),
        }
        for name, service in ((name, catalog.SERVICES[name]) for name in world.services)
    }


def shape(world: World) -> dict[str, Any]:
    """Return what a driver has to know of a world; `payload` goes into the body of every call, beside the order."""
    return {
        "world": world.id,
        "saga": world.saga,
        "version": world.version,
        "orders": world.orders,
        "payload": payload_of(world.saga),
    }


def forget_calls(*worlds: str) -> None:
    """Drop what this door knows of the calls in some worlds."""
    for table in (CallCount, LateCall):
        table._default_manager.filter(world__in=worlds).delete()


def drop(opened_before_ms: int) -> int:
    """Drop the worlds that were opened for drivers elsewhere before a moment; return how many went."""
    before, count = datetime.fromtimestamp(opened_before_ms / 1000, UTC), 0
    while old := list(OutsideWorld.objects.filter(created_at__lt=before).values_list("pk", flat=True)[:AT_A_TIME]):
        _forget(old)
        count += len(old)
    return count


def _forget(worlds: Iterable[str]) -> None:
    gone = list(worlds)
    services: Mapping[str, Any] = catalog.SERVICES
    for service in services.values():
        service.forget(*gone)
    with atomic("default"):
        forget_calls(*gone)
        OutsideWorld.objects.filter(pk__in=gone).delete()
