"""Every step with every fault, in both directions, once and always: each cell one simulated run.

A fault on a compensation needs a saga that turns back, so the step after it is declined, or
the step itself never answers. Each cell also says whether its fault was met where it was
aimed (rule 38): a grid whose faults never fire would be clean, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from playground.chaos import Trial, tried
from playground.scenario import Scenario
from sagas import catalog
from sagas.definition import SagaDefinition, Step, StepKind
from sagas.entries import Entry, Kind, Op
from sagas.simulation import Simulator

MODES = ("orchestration", "choreography", "none")
EVERYWHERE = ("decline", "error", "timeout", "lost-reply", "duplicate", "late")
ONLY = {"orchestration": ("crash-before", "crash-after"), "choreography": ("drop-event",), "none": ()}
SIGNS = {
    "decline": (Kind.ATTEMPT_FAILED,),
    "error": (Kind.ATTEMPT_FAILED,),
    "timeout": (Kind.ATTEMPT_UNKNOWN,),
    "lost-reply": (Kind.ATTEMPT_UNKNOWN,),
    "duplicate": (Kind.REPLAYED,),
    "late": (Kind.ATTEMPT_UNKNOWN,),
    "crash-before": (Kind.ORCHESTRATOR_CRASHED,),
    "crash-after": (Kind.ORCHESTRATOR_CRASHED,),
    "drop-event": (Kind.EVENT_DROPPED,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One fault of one step in one direction, and what became of its run. `times` None is always."""

    step: str
    on: str
    kind: str
    times: int | None
    trial: Trial

    @property
    def often(self) -> str:
        return "always" if self.times is None else "once"

    @property
    def name(self) -> str:
        return f"{self.step} {self.on}, {self.kind} {self.often}"

    def to_json(self) -> dict[str, Any]:
        """Return the cell as a line of JSON has it."""
        return {
            "step": self.step,
            "on": self.on,
            "kind": self.kind,
            "times": self.times,
            "outcome": str(self.trial.outcome),
            "violations": list(self.trial.violations),
            "url": self.trial.address,
        }


def cells(simulator: Simulator, saga: str, mode: str = "orchestration") -> Iterator[Cell]:
    """Yield every cell of a saga's grid, step by step."""
    definition = catalog.definition(saga)
    for on in ("action", "compensation"):
        for step in definition.steps:
            if on == "compensation" and (step.compensation is None or mode == "none"):
                continue
            for kind in (*EVERYWHERE, *ONLY[mode]):
                for times in (1,) if kind.startswith("crash-") else (1, None):
                    yield _cell(simulator, definition, mode, step, on, kind, times)


def _cell(
    simulator: Simulator, definition: SagaDefinition, mode: str, step: Step, on: str, kind: str, times: int | None
) -> Cell:
    faults: list[dict[str, Any]] = [{"step": step.name, "on": on, "kind": kind, "times": times}]
    if on == "compensation":
        faults.append(_reason_to_turn(definition, step))
    scenario = Scenario.parse({"saga": definition.name, "mode": mode, "faults": faults})
    trial = tried(simulator, scenario, scenario.seed, sign=lambda entries: _was_met(entries, step, on, kind))
    return Cell(step=step.name, on=on, kind=kind, times=times, trial=trial)


def _reason_to_turn(definition: SagaDefinition, step: Step) -> dict[str, Any]:
    """Return a fault after which this step has to be undone."""
    following = definition.steps[definition.index(step.name) + 1 :]
    undone_by = next((s for s in following if s.kind is not StepKind.RETRIABLE), None)
    if undone_by is None:
        return {"step": step.name, "kind": "lost-reply"}
    return {"step": undone_by.name, "kind": "decline"}


def _was_met(entries: Sequence[Entry], step: Step, on: str, kind: str) -> bool:
    """Return whether the journal shows that this fault was met."""
    signs = [entry for entry in entries if entry.kind in SIGNS[kind]]
    if kind.startswith("crash-"):
        return bool(signs)
    return any((entry.step, entry.op) == (step.name, Op(on)) for entry in signs)
