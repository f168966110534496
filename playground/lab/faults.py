"""The faults of a draft as the form has them: a field for each step and direction, and lines for all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

from playground import scenario_query, wording
from playground.lab.draft import Draft
from playground.scenario import FaultKind, Scenario, ScenarioInvalid
from sagas import catalog
from sagas.definition import Step

MORE = "more"  # the field of the lines

WORDS: Mapping[str, str] = {
    "decline": "declines",
    "error": "error 500",
    "timeout": "call lost",
    "lost-reply": "reply lost",
    "duplicate": "arrives twice",
    "late": "arrives late",
    "crash-before": "crash before",
    "crash-after": "crash after",
    "drop-event": "event dropped",
}

Key = tuple[str, str]  # a step, and `action` or `compensation`


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The field of one step and direction. `place` is where its fault stands in the address."""

    target: str
    label: str
    back: bool
    kind: str
    times: str
    place: str
    options: Sequence[tuple[str, str]]

    @property
    def name(self) -> str:
        """The name of its field."""
        return f"fault.{self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One step: its service, its fields, and the lines that are about it as well."""

    service: str
    slots: Sequence[Slot]
    also: Sequence[str]


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of a draft. `names` has the field of each fault, in the order of the draft."""

    columns: Sequence[Column]
    lines: Sequence[str]
    places: Sequence[int]
    names: Sequence[str]


def faults_of(draft: Draft) -> Faults:
    """Return the fields that hold a draft's faults: none of them is left out, whatever is wrong with it."""
    found = draft.value.get("faults", ())
    faults: Sequence[Any] = found if isinstance(found, list) else ()
    steps = {step.name: step for step in draft.definition.steps}
    taken: dict[Key, int] = {}
    for n, fault in enumerate(faults):
        key = _key(fault)
        if key is not None and key[0] in steps and key not in taken:
            taken[key] = n
    rest = [n for n in range(len(faults)) if n not in taken.values()]
    lines = [_text(faults[n]) for n in rest]
    at = {n: _target(*key) for key, n in taken.items()}
    names = [f"fault.{at[n]}" if n in at else MORE for n in range(len(faults))]
    columns = [
        Column(
            service=wording.title(step.service),
            slots=list(_slots(draft, step, faults, taken)),
            also=[line for line in lines if line.partition(":")[0].partition(".")[0] == step.name],
        )
        for step in draft.definition.steps
    ]
    return Faults(columns, lines, rest, names)


def _slots(draft: Draft, step: Step, faults: Sequence[Any], taken: Mapping[Key, int]) -> Iterator[Slot]:
    for on in ("action", "compensation"):
        n = taken.get((step.name, on))
        back = on == "compensation"
        if back and n is None and (step.compensation is None or draft.mode == "none"):
            continue
        fault = {} if n is None else faults[n]
        kind = str(fault.get("kind", ""))
        times = fault.get("times")
        yield Slot(
            target=_target(step.name, on),
            label=step.compensation_name if back else step.name,
            back=back,
            kind=kind,
            times="" if times is None else str(times),
            place="" if n is None else str(n),
            options=_options(draft, on, kind),
        )


def _options(draft: Draft, on: str, kind: str) -> list[tuple[str, str]]:
    """Return the kinds that make sense here, and the one that is set whether or not it does."""
    kinds = sensible_kinds(draft.definition.name, draft.mode, on)
    odd = [kind] if kind and kind not in kinds else []
    return [("", "works"), *((each, WORDS.get(each, each)) for each in [*kinds, *odd])]


@lru_cache(maxsize=64)
def sensible_kinds(saga: str, mode: str, on: str) -> tuple[str, ...]:
    """Return the kinds of fault that a scenario of this saga and mode allows in this direction."""
    step = catalog.definition(saga).steps[0].name
    return tuple(
        kind for kind in get_args(FaultKind) if _is_allowed(saga, mode, {"step": step, "on": on, "kind": kind})
    )


def _is_allowed(saga: str, mode: str, fault: Mapping[str, Any]) -> bool:
    try:
        Scenario.parse({"saga": saga, "mode": mode, "faults": [fault]})
    except ScenarioInvalid:
        return False
    return True


def _key(fault: object) -> Key | None:
    """Return the field that can hold a fault; None for one that only a line can."""
    if not isinstance(fault, Mapping) or fault.get("saga") is not None:
        return None
    on = fault.get("on", "action")
    return (str(fault.get("step")), on) if on in ("action", "compensation") else None


def _target(step: str, on: str) -> str:
    return f"{step}.compensation" if on == "compensation" else step


def _text(fault: object) -> str:
    return scenario_query.fault_text(fault) if isinstance(fault, Mapping) else str(fault)
