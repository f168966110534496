"""What every act's room shares: its own scenario, and the address that says what differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from playground import scenario_query
from playground.scenario import Scenario, ScenarioInvalid
from playground.scenario_errors import FieldError
from sagas import catalog

NOT_SCENARIO = ("run", "saga", "theme", "csrfmiddlewaretoken")  # keys of an act's address that are the page's own
STEPS = tuple(step.name for step in catalog.ORDER.steps)
NOTHING = "none"  # the choice that no step fails
PICKS = (NOTHING, *map(str, range(1, len(STEPS) + 1)))  # what a reader may pick: no step, or a step by number

ChoiceT = TypeVar("ChoiceT")


@dataclass(frozen=True, slots=True)
class Act:
    """One act: the name of its route, its own scenario, and what an empty address adds to that."""

    name: str
    own: Mapping[str, Any]
    first: Mapping[str, Any] = field(default_factory=dict)

    def scenario(self, value: Mapping[str, Any]) -> Scenario:
        """Return the act's scenario with these keys over it. Raises ScenarioInvalid, which names the field."""
        return Scenario.parse({**self.own, **value})

    def from_address(self, query: str) -> Scenario:
        """Return the act's scenario with what its address adds. Raises ScenarioInvalid, which names the field."""
        value, errors = scenario_query.read(query, NOT_SCENARIO)
        if errors:
            raise ScenarioInvalid(errors, value)
        return self.scenario(value or self.first)

    def query_of(self, scenario: Scenario) -> str:
        """Return the query string by which the act gives this scenario again: only what differs from its own."""
        own, compact = self.scenario({}).full(), scenario.compact()
        differs = {key: value for key, value in scenario.full().items() if own[key] != value and value is not None}
        return scenario_query.write({key: compact.get(key, value) for key, value in differs.items()})


class Room(Protocol[ChoiceT]):
    """What the module of an act with one run offers its view."""

    ACT: Act

    def choice_from_form(self, form: Mapping[str, Any], /) -> ChoiceT:
        """Return what a form chose. Raises ScenarioInvalid, which names the field."""

    def choice_of(self, scenario: Scenario, /) -> ChoiceT:
        """Return the choice that shows a scenario on the page, as far as the page can show it."""

    def scenario_of(self, choice: ChoiceT, /) -> Scenario:
        """Return the act's scenario for a choice made on the page."""


class FormReader:
    """Reads the fields of an act's form and collects what is wrong with them."""

    def __init__(self, form: Mapping[str, Any]) -> None:
        self._form = form
        self._errors: list[FieldError] = []

    def one_of(self, name: str, options: tuple[str, ...], default: str) -> str:
        """Return a field's value; a missing one is the default, and any other than the options is an error."""
        value = self._form.get(name, default)
        if value not in options:
            self._errors.append({"field": name, "message": f"must be one of {', '.join(options)}"})
            return default
        return str(value)

    def switch(self, name: str) -> bool:
        """Return whether a checkbox was sent."""
        return self.one_of(name, ("on", "off"), "off") == "on"

    def check(self) -> None:
        """Raise ScenarioInvalid when any field was wrong."""
        if self._errors:
            raise ScenarioInvalid(self._errors, dict(self._form))


def failing_step(scenario: Scenario) -> str:
    """Return the number of the first step that a fault hits on its way out, or NOTHING."""
    hit = [fault.step for fault in scenario.faults if fault.on == "action" and fault.step in STEPS]
    return str(STEPS.index(hit[0]) + 1) if hit else NOTHING
