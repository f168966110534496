"""What a loop is told of its run when it begins, as it travels from a desk to an engine elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sagas.definition import Retry, SagaDefinition, Step
from sagas.engines.jobs import Json
from sagas.entries import Entry, entry_from_json
from sagas.plan import RunPlan, plan_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asks, as `sagas.models.Command` has it."""

    id: int
    kind: str
    saga: str
    who: str
    why: str
    saw: int
    detail: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One run. `sagas` maps ids to orders; `looks_first` says whether the contested call is two.

    The definition is one to decide by: its handlers are only there or not, and cannot be called.
    """

    run: str
    epoch: int
    definition: SagaDefinition
    plan: RunPlan
    sagas: Mapping[str, str]
    entries: Sequence[Entry]
    asked: Sequence[Asked]
    looks_first: bool


def told_from_json(value: Json) -> Told:
    """Return what a desk's `begin` answered. Raises KeyError or ValueError when it is no such value."""
    return Told(
        run=value["run"],
        epoch=value["epoch"],
        definition=definition_from_json(value["definition"]),
        plan=plan_from_json(value["plan"]),
        sagas=dict(value["sagas"]),
        entries=[entry_from_json(entry) for entry in value["entries"]],
        asked=[asked_from_json(asked) for asked in value["asked"]],
        looks_first=value["looks_first"],
    )


def asked_from_json(value: Json) -> Asked:
    """Return the `Asked` of its fields. Raises TypeError when one is missing or unknown."""
    return Asked(**value)


def definition_to_json(definition: SagaDefinition) -> dict[str, Any]:
    """Return all of a definition that decisions depend on."""
    steps = [
        {
            "name": step.name,
            "service": step.service,
            "kind": str(step.kind),
            "compensation": step.compensation_name if step.compensation else None,
            "settlement": step.settlement is not None,
            "retry": asdict(step.retry) if step.retry else None,
            "compensation_retry": asdict(step.compensation_retry) if step.compensation_retry else None,
            "timeout": step.timeout,
        }
        for step in definition.steps
    ]
    return {"name": definition.name, "version": definition.version, "steps": steps}


def definition_from_json(value: Json) -> SagaDefinition:
    """Return a definition to decide by. Raises DefinitionInvalid for one that could not be undone."""
    return SagaDefinition(value["name"], version=value["version"], steps=map(_step, value["steps"]))


def _step(value: Json) -> Step:
    return Step(
        value["name"],
        service=value["service"],
        action=_elsewhere,
        compensation=_elsewhere if value["compensation"] is not None else None,
        compensation_name=value["compensation"] or "",
        settlement=_elsewhere if value["settlement"] else None,
        kind=value["kind"],
        retry=Retry(**value["retry"]) if value["retry"] else None,
        compensation_retry=Retry(**value["compensation_retry"]) if value["compensation_retry"] else None,
        timeout=value["timeout"],
    )


def _elsewhere(*args: object) -> None:
    raise TypeError("this definition is one to decide by: its handlers are at the desk")
