"""What a saga is: frozen, versioned, and refused when it is made if it could not be undone.

The order of kinds is compensatable*, then at most one pivot, then retriable*: before the
pivot every step can be undone, after it every step must go through. Source: Richardson,
"Microservices Patterns", chapter 4; the term saga: Garcia-Molina and Salem, 1987.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from sagas.errors import DefinitionInvalid, EngineNotReady

Handler = Callable[..., Any]

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")  # of a saga, a step or a compensation


class StepKind(StrEnum):
    """Where a step stands relative to the point of no return."""

    COMPENSATABLE = "compensatable"
    PIVOT = "pivot"
    RETRIABLE = "retriable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often, and after which waits, an attempt is made again. Times in milliseconds."""

    max_attempts: int = 3
    initial_ms: int = 200
    factor: float = 2.0
    max_ms: int = 5000
    jitter: bool = False

    def ceiling_ms(self, failures: int) -> int:
        """Return the longest wait after `failures` (1, 2, …) failed attempts of this budget."""
        try:
            raw = self.initial_ms * self.factor ** (failures - 1)
        except OverflowError:
            return self.max_ms if self.initial_ms else 0
        return int(min(self.max_ms, raw))


@dataclass(frozen=True, slots=True)
class Step:
    """One action in one service, and the compensation that undoes it.

    `action`, `compensation` and `settlement` are handlers of the service (see
    `sagas.services.base`), as is `taking`, by which an operator takes a record away from a
    saga that cannot give it back. `compensation_name` defaults to the handler's own name with
    dashes. `retry`, `compensation_retry` and `timeout` (seconds) win over the run's plan.
    """

    name: str
    service: str = field(kw_only=True)
    action: Handler = field(kw_only=True)
    compensation: Handler | None = field(default=None, kw_only=True)
    settlement: Handler | None = field(default=None, kw_only=True)
    taking: Handler | None = field(default=None, kw_only=True)
    compensation_name: str = field(default="", kw_only=True)
    kind: StepKind = field(default=StepKind.COMPENSATABLE, kw_only=True)
    retry: Retry | None = field(default=None, kw_only=True)
    compensation_retry: Retry | None = field(default=None, kw_only=True)
    timeout: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", StepKind(self.kind))
        if self.compensation is not None and not self.compensation_name:
            given = getattr(self.compensation, "__name__", "").strip("_").replace("_", "-")
            object.__setattr__(self, "compensation_name", given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What somebody wrote down as a saga, sound or not: it can be linted, and nothing can be started by it."""

    name: str
    steps: tuple[Step, ...]
    version: int = 1


class SagaDefinition:
    """An immutable, versioned list of steps.

    Raises DefinitionInvalid when the saga could not be safe: no steps, two steps of one
    name, a step before the pivot without compensation, a compensatable step after the
    pivot, two pivots, a compensation that can never run. The error carries what was declared,
    for `sagas.lint`.
    """

    __slots__ = ("_index", "contested", "name", "services", "steps", "version")

    name: str
    version: int
    steps: tuple[Step, ...]
    services: tuple[str, ...]  # in the order of the steps, each once
    contested: Step | None  # the step that takes what orders compete for: the first with a settlement

    def __init__(self, name: str, *, steps: Iterable[Step], version: int = 1) -> None:
        fixed = tuple(steps)
        try:
            _refuse_unsafe(name, version, fixed)
        except DefinitionInvalid as refusal:
            refusal.declared = Declaration(name=name, steps=fixed, version=version)
            raise
        self._keep(name, version, fixed)

    def _keep(self, name: str, version: int, fixed: tuple[Step, ...]) -> None:
        """Become what is declared, once and for all."""
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "version", version)
        object.__setattr__(self, "steps", fixed)
        object.__setattr__(self, "services", tuple(dict.fromkeys(step.service for step in fixed)))
        object.__setattr__(self, "contested", next((step for step in fixed if step.settlement), None))
        object.__setattr__(self, "_index", {step.name: n for n, step in enumerate(fixed)})

    async def start(self, *, key: str, payload: Mapping[str, Any] | None = None) -> StartedSaga:
        """Return the saga of this definition for the order `key`; it is started unless it was before.

        `payload` is the body of every call, with the order's name. A worker of another process
        has to know the definition: see `sagas.catalog.register`. Raises KeyReused when the key was
        used with another payload, ServiceUnknown for a step whose service this process does not
        know, DefinitionInvalid when another definition has this name and version, EngineNotReady
        before Django's apps are set up.
        """
        if _starter is None:
            raise EngineNotReady
        return await _starter(self, key, payload or {})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a saga definition is immutable: {name}")

    def __repr__(self) -> str:
        return f"SagaDefinition({self.name!r}, version={self.version}, steps={[s.name for s in self.steps]})"

    def index(self, step: str) -> int:
        """Return the position of a step, from 0. Raises KeyError for an unknown name."""
        return self._index[step]  # type: ignore[attr-defined, no-any-return]

    def step(self, name: str) -> Step:
        """Return a step by name. Raises KeyError for an unknown one."""
        return self.steps[self.index(name)]


class StartedSaga(Protocol):
    """What `SagaDefinition.start` returns: the saga's row, see `sagas.models.Saga`."""

    @property
    def id(self) -> str: ...

    @property
    def order(self) -> str: ...

    @property
    def state(self) -> str: ...


Starter = Callable[[SagaDefinition, str, Mapping[str, Any]], Awaitable[StartedSaga]]

_starter: Starter | None = None


def start_with(starter: Starter) -> None:
    """Say how a saga is started. A definition knows nothing of databases: the app binds the two together."""
    global _starter
    _starter = starter


def _refuse_unsafe(name: str, version: int, steps: Sequence[Step]) -> None:
    if not NAME.fullmatch(name):
        raise DefinitionInvalid(name, "a name is lower-case words joined by dashes")
    if version < 1:
        raise DefinitionInvalid(name, f"versions count from 1, not {version}")
    if not steps:
        raise DefinitionInvalid(name, "a saga has at least one step")
    _refuse_ambiguous_names(name, steps)
    _refuse_wrong_order(name, steps)


def _refuse_ambiguous_names(name: str, steps: Sequence[Step]) -> None:
    seen: set[str] = set()
    for step in steps:
        if not NAME.fullmatch(step.name):
            raise DefinitionInvalid(name, "a name is lower-case words joined by dashes", step.name)
        if step.compensation is not None and not NAME.fullmatch(step.compensation_name):
            raise DefinitionInvalid(name, "its compensation needs a name: lower-case words joined by dashes", step.name)
        for used in (step.name, step.compensation_name):
            if used and used in seen:
                raise DefinitionInvalid(
                    name, f"the name {used!r} is used twice, so two calls would share one key", step.name
                )
            seen.add(used)


def _refuse_wrong_order(name: str, steps: Sequence[Step]) -> None:
    passed = False
    for step in steps:
        if step.kind is StepKind.COMPENSATABLE:
            if passed:
                raise DefinitionInvalid(name, "a compensatable step after the pivot could not be undone", step.name)
            if step.compensation is None:
                raise DefinitionInvalid(
                    name, "it comes before the point of no return and has no compensation", step.name
                )
            continue
        if step.compensation is not None:
            raise DefinitionInvalid(
                name, f"a {step.kind} step is never undone, so its compensation could never run", step.name
            )
        if step.kind is StepKind.PIVOT and passed:
            raise DefinitionInvalid(name, "a pivot comes once, before every retriable step", step.name)
        passed = True
