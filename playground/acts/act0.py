"""Act 0, five commits and no undo: five calls in a row, and whether Warehouse is down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.acts.base import NOTHING, STEPS, Act, FormReader, failing_step
from playground.scenario import Scenario
from sagas import catalog

BASE: Mapping[str, Any] = {
    "mode": "none",
    "latency_ms": 1000,  # slow enough to watch one call at a time
    "timeout_ms": 3000,
    "retry": {"max_attempts": 1},
}
DOWN: Mapping[str, Any] = {"step": "notify-warehouse", "kind": "error"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader picked: whether Warehouse is down."""

    down: bool = True


ACT = Act("act-0", BASE, first={"faults": [DOWN]})


def choice_from_form(form: Mapping[str, Any]) -> Choice:
    """Return the choice that a form sent. Raises ScenarioInvalid, which names the field."""
    read = FormReader(form)
    choice = Choice(read.switch("down"))
    read.check()
    return choice


def choice_of(scenario: Scenario) -> Choice:
    """Return the choice that shows a scenario on the page: a fault anywhere counts as the switch being on."""
    return Choice(failing_step(scenario) != NOTHING)


def broken_service(scenario: Scenario) -> str:
    """Return the first service whose call does not succeed, or ""; a call that arrives twice still does."""
    broken = [fault.step for fault in scenario.faults if fault.kind != "duplicate"]
    steps = {step.name: step.service for step in catalog.ORDER.steps}
    first = min((step for step in broken if step in steps), key=STEPS.index, default="")
    return steps.get(first, "")


def scenario_of(choice: Choice) -> Scenario:
    """Return act 0's scenario for a choice made on the page."""
    return ACT.scenario({"faults": [DOWN] if choice.down else []})
