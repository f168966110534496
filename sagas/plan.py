"""What one run is told: its mode, its protections, its faults. Pure data.

A `RunPlan` is stored with the run and never changes. The engine reads the policy part;
the fault list is read by the wire (`sagas.network`) alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagas.definition import Retry
from sagas.entries import Op

FIRST_ORDER = 8412  # of every run; the next one is 8413


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that the wire does to one step in one direction.

    `times` is how many attempts it hits per saga; None is all of them. `saga` is the index of
    the only saga that it hits, from 0; None is every saga.
    """

    step: str
    op: Op
    kind: str
    times: int | None = None
    saga: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """Everything a run needs besides its saga definition. Times are in milliseconds."""

    saga: str = "order"
    mode: str = "orchestration"
    orders: int = 1
    stock: int = 3
    keep_back: int = 0
    faults: tuple[Fault, ...] = ()
    idempotency: bool = True
    key_scope: str = "step"
    lock: str = "fail-fast"
    schedule: str | Sequence[int] = "rendezvous"
    retry: Retry = field(default_factory=Retry)
    compensation_retry: Retry = field(default_factory=lambda: Retry(max_attempts=4))
    latency_ms: int = 250
    timeout_ms: int = 1000
    deadline_ms: int | None = None
    watcher_ms: int | None = None
    seed: int = 1

    @property
    def order_names(self) -> list[str]:
        """The orders of a run: ord-8412, ord-8413 and so on."""
        return [order_name(index) for index in range(self.orders)]


def order_name(index: int) -> str:
    """Return what a run calls its order number `index`, from 0."""
    return f"ord-{FIRST_ORDER + index}"


def plan_from_json(value: Mapping[str, Any]) -> RunPlan:
    """Return the plan of a scenario in its full JSON form (INTERFACE: Scenario)."""
    fields = dict(value)
    fields["faults"] = tuple(
        Fault(step=f["step"], op=Op(f.get("on", "action")), kind=f["kind"], times=f.get("times"), saga=f.get("saga"))
        for f in value.get("faults", ())
    )
    for budget in ("retry", "compensation_retry"):
        if budget in fields:
            fields[budget] = Retry(**fields[budget])
    return RunPlan(**fields)
