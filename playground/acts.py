"""What each act sets up for its reader, and what a reader's choice adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground import scenario_query
from playground.scenario import Scenario, ScenarioInvalid
from sagas import catalog

NOT_SCENARIO = ("run", "saga", "theme", "csrfmiddlewaretoken")  # keys of an act's address that are the page's own

ACT_2: Mapping[str, Any] = {
    "latency_ms": 1100,  # slow enough to watch one call at a time
    "timeout_ms": 3000,
    "retry": {"max_attempts": 1},
    "compensation_retry": {"max_attempts": 4, "initial_ms": 1000, "factor": 2.0, "max_ms": 5000},
}
STEPS = tuple(step.name for step in catalog.ORDER.steps)
NOTHING = "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader of act 2 picked: the step that fails (1 to 5, or "none"), and whether the first undo fails."""

    fail: str = "4"
    undo: bool = False

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that this choice means."""
        if self.fail == NOTHING:
            return []
        failing = int(self.fail) - 1
        faults: list[dict[str, Any]] = [{"step": STEPS[failing], "kind": "error"}]
        if self.undo and failing > 0:
            budget = ACT_2["compensation_retry"]["max_attempts"]
            undone_first = STEPS[failing - 1]
            faults.append({"step": undone_first, "on": "compensation", "kind": "error", "times": budget})
        return faults


def choice_from_form(form: Mapping[str, Any]) -> Choice:
    """Return the choice that a form sent. Raises ScenarioInvalid, which names the field."""
    fail, undo = form.get("fail", NOTHING), form.get("undo", "off")
    errors = []
    if fail != NOTHING and fail not in map(str, range(1, len(STEPS) + 1)):
        errors.append({"field": "fail", "message": f"must be none or a step from 1 to {len(STEPS)}"})
    if undo not in ("on", "off"):
        errors.append({"field": "undo", "message": "must be on or off"})
    if errors:
        raise ScenarioInvalid(errors, dict(form))  # type: ignore[arg-type]
    return Choice(fail, undo == "on")


def choice_of(scenario: Scenario) -> Choice:
    """Return the choice that shows a scenario on the page, as far as the page can show it."""
    actions = [fault.step for fault in scenario.faults if fault.on == "action"]
    undone = any(fault.on == "compensation" for fault in scenario.faults)
    fail = str(STEPS.index(actions[0]) + 1) if actions and actions[0] in STEPS else NOTHING
    return Choice(fail, undone)


def scenario_from_address(query: str) -> Scenario:
    """Return act 2's scenario with what its address adds; an empty address fails at step four.

    Raises ScenarioInvalid, which names the field.
    """
    value, errors = scenario_query.read(query, NOT_SCENARIO)
    if errors:
        raise ScenarioInvalid(errors, value)
    if not value:
        value = {"faults": Choice().faults()}
    return Scenario.parse({**ACT_2, **value})


def scenario_of(choice: Choice) -> Scenario:
    """Return act 2's scenario for a choice made on the page."""
    return Scenario.parse({**ACT_2, "faults": choice.faults()})


def address_of(scenario: Scenario) -> str:
    """Return the query string by which act 2 gives this scenario again: only what differs from the act's own."""
    own = Scenario.parse(dict(ACT_2)).compact()
    return scenario_query.write({k: v for k, v in scenario.compact().items() if own.get(k) != v})
