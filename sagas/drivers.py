"""Who drives a run, by its mode: an orchestrator, a caller without a way back, or nobody."""

from __future__ import annotations

from collections.abc import Mapping

from sagas import choreography, orchestrator, unguarded
from sagas.definition import SagaDefinition
from sagas.leases import Lease
from sagas.orchestrator import Ports
from sagas.recovery import Loaded

Driver = orchestrator.Driver | choreography.Driver

DRIVERS: Mapping[str, type[Driver]] = {
    "orchestration": orchestrator.Driver,
    "choreography": choreography.Driver,
    "none": unguarded.Driver,
}


def driver_for(ports: Ports, lease: Lease, loaded: Loaded, definition: SagaDefinition) -> Driver:
    """Return the driver of a run from wherever its journal ends."""
    return DRIVERS[loaded.plan.mode](ports, lease, loaded, definition)
