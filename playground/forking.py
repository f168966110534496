"""The form that forks a run: a fault, or none, for each step and direction.

A choice is the text of a fault as an address has it (`charge-payment.compensation:error:2`),
so that the form, the address bar and the command line share one grammar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from playground import scenario_query, wording
from playground.scenario import FaultSpec, Scenario
from playground.scenario_errors import ScenarioInvalid
from sagas.definition import SagaDefinition, Step

WELL = ("", "works")
THERE: Sequence[tuple[str, str]] = (
    ("decline", "refuses"),
    ("error", "answers 500, always"),
    ("error:1", "answers 500 once"),
    ("timeout", "never arrives"),
    ("lost-reply", "is done, no answer ever"),
    ("lost-reply:1", "is done, one answer lost"),
    ("duplicate", "is delivered twice"),
    ("late", "arrives late"),
)
BACK: Sequence[tuple[str, str]] = (
    ("error", "answers 500, always"),
    ("error:1", "answers 500 once"),
    ("error:2", "answers 500 twice"),
    ("timeout", "never arrives"),
    ("lost-reply:1", "is done, one answer lost"),
    ("duplicate", "is delivered twice"),
)
BY_MODE: dict[str, Sequence[tuple[str, str]]] = {
    "orchestration": (("crash-before:1", "orchestrator dies before"), ("crash-after:1", "orchestrator dies after")),
    "choreography": (("drop-event", "its event is dropped"),),
    "none": (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """What one call may do, and what is chosen."""

    label: str
    options: Sequence[tuple[str, str]]
    chosen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkForm:
    """The whole form. `others` are faults that no menu shows; `errors` say what was wrong with one that was sent."""

    steps: Sequence[dict[str, Any]]
    others: Sequence[str]
    errors: Sequence[Any] = field(default_factory=tuple)


PLAIN: dict[str, str] = {
    "decline": "refuses",
    "error": "answers 500",
    "timeout": "never arrives",
    "lost-reply": "is done, its answer lost",
    "duplicate": "is delivered twice",
    "late": "arrives late",
    "crash-before": "orchestrator dies before",
    "crash-after": "orchestrator dies after",
    "drop-event": "its event is dropped",
}


def form_of(scenario: Scenario, definition: SagaDefinition, errors: Sequence[Any] = ()) -> ForkForm:
    """Return the form with the scenario's own faults chosen."""
    shown: dict[str, tuple[str, str]] = {}
    others = []
    for fault in scenario.faults:
        text = scenario_query.fault_text(fault.model_dump())
        if shown.setdefault(text.partition(":")[0], (text, _words(fault)))[0] is not text:
            others.append(text)
    steps = [
        {"name": step.name, "menus": [_menu(step, scenario.mode, back, shown) for back in (False, True)]}
        for step in definition.steps
    ]
    return ForkForm(steps=steps, others=others, errors=errors)


def faults_of(scenario: Scenario, texts: Sequence[str]) -> list[FaultSpec]:
    """Return the faults that a form sent for this scenario. Raises ScenarioInvalid, which names the field."""
    query = urlencode([("fault", text) for text in texts if text])
    value, errors = scenario_query.read(query)
    if errors:
        raise ScenarioInvalid(errors, value)
    return Scenario.parse({**scenario.compact(), "faults": value.get("faults", [])}).faults


def _words(fault: FaultSpec) -> str:
    """Return a fault that no menu offers, in the words of those that it does."""
    times = "always" if fault.times is None else wording.times(fault.times)
    only = "" if fault.saga is None else f", order {fault.saga + 1} only"
    return f"{PLAIN[fault.kind]}, {times}{only}"


def _menu(step: Step, mode: str, back: bool, shown: dict[str, tuple[str, str]]) -> Menu | None:
    if back and (step.compensation is None or mode == "none"):
        return None
    call = f"{step.name}.compensation" if back else step.name
    options = [(f"{call}:{kind}", word) for kind, word in (*(BACK if back else THERE), *BY_MODE[mode])]
    chosen, words = shown.get(call, ("", ""))
    if chosen and chosen not in dict(options):
        options.append((chosen, words))
    name = step.compensation_name if back else step.name
    return Menu(label=f"What {name} does", options=[WELL, *options], chosen=chosen)
