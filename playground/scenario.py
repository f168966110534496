"""A scenario: what a visitor sets up, validated, canonical and content-addressed.

One model for the API, the command line, the address bar and the database. Every error
names its field by a dotted path. What a scenario leaves out is never written down, so a
new key with a default changes no published slug; what that meant in an old address is the
business of `scenario_versions`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from playground import scenario_errors, scenario_query, scenario_versions
from playground.scenario_errors import FieldError, ScenarioInvalid
from sagas import catalog
from sagas.definition import SagaDefinition
from sagas.plan import RunPlan, plan_from_json

__all__ = ["MAX_FAULTS", "FaultSpec", "RetrySpec", "Scenario", "ScenarioInvalid", "refuse_unbuilt"]

MAX_FAULTS = 20
MAX_MOVES = 200  # of a schedule that a reader makes move by move
SLUG_FORMAT = "a"  # the first character of every slug; a new way to hash takes another one
SLUG_LENGTH = 13
SLUG_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"  # no look-alikes: 0 o, 1 i l, u v

Mode = Literal["orchestration", "choreography", "none"]
FaultKind = Literal[
    "decline", "error", "timeout", "lost-reply", "duplicate", "late", "crash-before", "crash-after", "drop-event"
]
Milliseconds = Annotated[int, Field(ge=0, le=60_000)]
Moves = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1, max_length=MAX_MOVES)]
LongMilliseconds = Annotated[int, Field(ge=1, le=600_000)]

_SAGAS: list[JsonValue] = list(dict.fromkeys(name for name, _ in catalog.DEFINITIONS))
_STEPS: list[JsonValue] = list(dict.fromkeys(s.name for d in catalog.DEFINITIONS.values() for s in d.steps))


def _schedule(value: object) -> object:
    """Refuse anything that is neither a word nor a list of moves, with one error instead of one per branch."""
    if isinstance(value, str) and value not in ("rendezvous", "free"):
        raise PydanticCustomError("schedule", "must be rendezvous, free or a list of saga indexes")
    if not isinstance(value, str | list):
        raise PydanticCustomError("schedule", "must be rendezvous, free or a list of saga indexes")
    if isinstance(value, list):
        if not 1 <= len(value) <= MAX_MOVES:
            raise PydanticCustomError("schedule", "must name 1 to {most} moves", {"most": MAX_MOVES})
        if not all(type(move) is int and move >= 0 for move in value):
            raise PydanticCustomError("schedule", "must name each move by a saga index: 0, 1, 2 …")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class RetrySpec(_Strict):
    """How often, and after which waits, an attempt is made again. Times in milliseconds."""

    max_attempts: int = Field(default=3, ge=1, le=10)
    initial_ms: Milliseconds = 200
    factor: float = Field(default=2.0, ge=1, le=10)
    max_ms: Milliseconds = 5000
    jitter: bool = False


class CompensationRetrySpec(RetrySpec):
    """The budget of a compensation, which is larger by one attempt."""

    max_attempts: int = Field(default=4, ge=1, le=10)


class FaultSpec(_Strict):
    """One thing that goes wrong. `times` is how many attempts it hits per saga; null is all.

    `saga` is the index of the only saga that it hits, as a schedule has it; null is every saga.
    """

    step: Annotated[str, Field(json_schema_extra={"enum": _STEPS})]
    on: Literal["action", "compensation"] = "action"
    kind: FaultKind
    times: int | None = Field(default=None, ge=1, le=100)
    saga: int | None = Field(default=None, ge=0, le=7)

    @model_validator(mode="before")
    @classmethod
    def _one_crash_is_enough(cls, data: object) -> object:
        if isinstance(data, dict) and str(data.get("kind")).startswith("crash-") and "times" not in data:
            return {**data, "times": 1}
        return data


class Scenario(_Strict):
    """Everything that a run can be told. Make one with `parse` or `from_query`; both raise ScenarioInvalid."""

    saga: Annotated[str, Field(json_schema_extra={"enum": _SAGAS})] = "order"
    mode: Mode = "orchestration"
    orders: int = Field(default=1, ge=1, le=8)
    stock: int = Field(default=3, ge=0, le=100)
    keep_back: int = Field(default=0, ge=0, le=100)
    faults: list[FaultSpec] = Field(default_factory=list, max_length=MAX_FAULTS)
    idempotency: bool = True
    key_scope: Literal["step", "order"] = "step"
    lock: Literal["off", "naive", "fail-fast", "wait"] = "fail-fast"
    schedule: Annotated[Literal["rendezvous", "free"] | Moves, BeforeValidator(_schedule)] = "rendezvous"
    retry: RetrySpec = RetrySpec()
    compensation_retry: CompensationRetrySpec = CompensationRetrySpec()
    latency_ms: int = Field(default=250, ge=0, le=5000)
    timeout_ms: int = Field(default=1000, ge=1, le=60_000)
    deadline_ms: LongMilliseconds | None = None
    watcher_ms: LongMilliseconds | None = None
    seed: int = Field(default=1, ge=0, le=2**31 - 1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Scenario:
        found = [
            InitErrorDetails(type=PydanticCustomError("senseless", "{why}", {"why": why}), loc=loc, input=None)
            for loc, why in _contradictions(self)
        ]
        if found:
            raise ValidationError.from_exception_data("Scenario", found)
        return self

    @classmethod
    def parse(cls, value: object) -> Scenario:
        """Return the scenario of a JSON value. Raises ScenarioInvalid, which names every field that is wrong."""
        try:
            return cls.model_validate(scenario_versions.current(value))
        except ValidationError as error:
            raise ScenarioInvalid(scenario_errors.plain(error), value) from None

    @classmethod
    def from_query(cls, query: str, ignore: Collection[str] = ()) -> Scenario:
        """Return the scenario of a query string; `ignore` names keys that mean something else to the page.

        Raises ScenarioInvalid, whose `value` is as much of the query as could be read.
        """
        value, errors = scenario_query.read(query, ignore)
        try:
            scenario = cls.parse(value)
        except ScenarioInvalid as error:
            unread = {found["field"] for found in errors}
            raise ScenarioInvalid([*errors, *(e for e in error.errors if e["field"] not in unread)], value) from None
        if errors:
            raise ScenarioInvalid(errors, value)
        return scenario

    def full(self) -> dict[str, Any]:
        """Return the JSON form with every key."""
        return self.model_dump(mode="json")

    def compact(self) -> dict[str, Any]:
        """Return the JSON form with every default left out: equal scenarios give equal dicts."""
        value = self.model_dump(mode="json", exclude_defaults=True)
        for fault in value.get("faults", ()):
            if fault["kind"].startswith("crash-") and fault["times"] == 1:
                del fault["times"]
        return scenario_versions.marked(value)

    def query(self) -> str:
        """Return the query string that `from_query` reads; empty when all is default."""
        return scenario_query.write(self.compact())

    @property
    def slug(self) -> str:
        """The content hash of the compact form: the same scenario has the same slug on every server."""
        text = json.dumps(self.compact(), sort_keys=True, separators=(",", ":"))
        number = int.from_bytes(hashlib.sha256(f"{SLUG_FORMAT}:{text}".encode()).digest(), "big")
        letters = []
        for _ in range(SLUG_LENGTH - 1):
            number, digit = divmod(number, len(SLUG_LETTERS))
            letters.append(SLUG_LETTERS[digit])
        return SLUG_FORMAT + "".join(letters)

    def plan(self) -> RunPlan:
        """Return what the engine is told."""
        return plan_from_json(self.full())


def refuse_unbuilt(scenario: Scenario) -> None:
    """Raise ScenarioInvalid for a scenario that is sound and that no engine here can run yet."""
    errors: list[FieldError] = []
    if scenario.mode == "choreography" and isinstance(scenario.schedule, list):
        errors.append({"field": "schedule", "message": "a list of moves is not available where nobody moves"})
    if errors:
        raise ScenarioInvalid(errors, scenario.compact())


def _contradictions(scenario: Scenario) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (path, reason) for each thing that is in range and still makes no sense."""
    names = dict.fromkeys(name for name, _ in catalog.DEFINITIONS)
    if scenario.saga not in names:
        yield ("saga",), f"must be {scenario_errors.listed(names)}"
        return
    definition = catalog.definition(scenario.saga)
    for n, fault in enumerate(scenario.faults):
        for key, why in _fault_contradictions(scenario, fault, definition):
            yield ("faults", n, key), why
    if scenario.keep_back and all(step.service != "inventory" for step in definition.steps):
        yield ("keep_back",), "needs a saga that calls Inventory: nobody else keeps anything back"
    if scenario.watcher_ms is not None and scenario.mode != "choreography":
        yield ("watcher_ms",), "needs mode choreography: elsewhere nobody has to watch"
    if isinstance(scenario.schedule, list) and max(scenario.schedule) >= scenario.orders:
        yield ("schedule",), f"names saga {max(scenario.schedule)}, and the last one is {scenario.orders - 1}"


def _fault_contradictions(
    scenario: Scenario, fault: FaultSpec, definition: SagaDefinition
) -> Iterable[tuple[str, str]]:
    steps = {step.name: step for step in definition.steps}
    if fault.step not in steps:
        yield "step", f"must be a step of saga {definition.name}: {scenario_errors.listed(steps)}"
    elif fault.on == "compensation" and steps[fault.step].compensation is None:
        yield "on", f"{fault.step} has no compensation"
    if fault.saga is not None and fault.saga >= scenario.orders:
        yield "saga", f"names saga {fault.saga}, and the last one is {scenario.orders - 1}"
    if fault.on == "compensation" and scenario.mode == "none":
        yield "on", "mode none never compensates"
    if fault.kind == "drop-event" and scenario.mode != "choreography":
        yield "kind", "drop-event needs mode choreography: elsewhere there are no events"
    if fault.kind.startswith("crash-"):
        if scenario.mode != "orchestration":
            yield "kind", f"{fault.kind} needs mode orchestration: elsewhere there is no orchestrator"
        if fault.times is None:
            yield "times", "must be a number for a crash: an orchestrator that always dies never ends"
