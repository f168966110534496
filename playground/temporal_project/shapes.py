"""The words that a saga is written in. Times are in milliseconds, amounts of money in cents."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Retry:
    """How often, and after which waits, something is tried."""

    max_attempts: int
    initial_ms: int
    factor: float
    max_ms: int
    jitter: bool

    def delay_ms(self, failures: int, chance: float) -> int:
        """Return the wait after so many failures; `chance`, from 0 to 1, is for full jitter."""
        ceiling = min(self.max_ms, self.initial_ms * self.factor ** (failures - 1))
        return int(ceiling * chance) if self.jitter else int(ceiling)


@dataclass(frozen=True)
class Step:
    """One action in one service, what it writes there, and what undoes it.

    `effect` and `settlement` are a kind of ledger row and its amount; a settlement of None is none.
    `undo` is the name of the compensation and its kind of row. `shelf`: the action takes one of the
    units that the service has. `kind` is compensatable, pivot (the point of no return) or retriable.
    """

    name: str
    service: str
    effect: tuple[str, int]
    undo: tuple[str, str] | None = None
    settlement: tuple[str, int] | None = None
    shelf: bool = False
    kind: str = "compensatable"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a step's call: the first `times` attempts (None: all) of order number `order` (None: each)."""

    step: str
    op: str
    kind: str
    times: int | None = None
    order: int | None = None


@dataclass(frozen=True)
class Request:
    """One delivery of one call. `key` names order and direction and is the same for every attempt."""

    order: str
    step: str
    op: str  # action, compensation or settlement
    attempt: int
    key: str


@dataclass(frozen=True)
class Answer:
    """What a service said. `verdict` is ok, refused, fenced or queued; a stored answer is given again."""

    verdict: str
    reason: str = ""
