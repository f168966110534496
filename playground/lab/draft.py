"""What stands in the lab's form: a scenario, or as much of one as an address or a form made readable.

An address becomes a draft, a draft a form, and a posted form a draft again. The fields of the
form are named like the scenario's own keys, so that an error is at its field by name. Faults
have a field for each step and direction; whatever does not fit there stands as a line of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from playground import scenario_query
from playground.scenario import RetrySpec, Scenario, ScenarioInvalid, refuse_unbuilt
from playground.scenario_errors import FieldError
from sagas import catalog
from sagas.definition import SagaDefinition
from sagas.errors import DefinitionUnknown

NOT_SCENARIO = ("run", "focus", "theme")  # keys of the lab's address that are the page's own
RETRIES = ("retry", "compensation_retry")
SCALARS = tuple(key for key in Scenario.model_fields if key not in ("faults", *RETRIES))
LAST = 1_000  # the place of a fault that the address did not hold yet

Fields = Mapping[str, str]  # a form as it was sent: one text for each name


@dataclass(frozen=True, slots=True)
class Draft:
    """`value` is JSON as a scenario has it; `scenario` is None while there are `errors`."""

    value: Mapping[str, Any]
    errors: Sequence[FieldError] = ()
    scenario: Scenario | None = None

    @property
    def mode(self) -> str:
        """The mode, where the draft names one that exists."""
        return str(self._choice("mode"))

    @property
    def definition(self) -> SagaDefinition:
        """The saga's definition, where the draft names one that exists."""
        return catalog.definition(str(self._choice("saga")))

    @property
    def stage(self) -> Scenario:
        """A sound scenario with the same stage."""
        try:
            return self.scenario or Scenario.parse({"saga": self._choice("saga"), "mode": self._choice("mode")})
        except ScenarioInvalid:  # each exists, and not together
            return Scenario()

    def _choice(self, key: str) -> object:
        try:
            return getattr(Scenario.parse({key: self.value[key]}), key)
        except (KeyError, ScenarioInvalid):
            return getattr(Scenario(), key)


def of_scenario(scenario: Scenario) -> Draft:
    """Return the draft that shows a scenario."""
    try:
        refuse_unbuilt(scenario)
    except ScenarioInvalid as error:
        return Draft(scenario.full(), error.errors)
    return Draft(scenario.full(), scenario=scenario)


def of_address(query: str) -> Draft:
    """Return the draft of a lab address; what is wrong with it is kept, and named."""
    try:
        return of_scenario(Scenario.from_query(query, NOT_SCENARIO))
    except ScenarioInvalid as error:
        value = _object(error.value)
        return Draft(value, [*error.errors, *_further(value, error.errors)])


def of_form(fields: Fields) -> Draft:
    """Return the draft of a posted form. A field that is empty or missing is left at its default."""
    pairs = [(key, text) for key in SCALARS if (text := fields.get(key, "").strip())]
    pairs += [("fault", text) for text in _fault_texts(fields)]
    value, unread = scenario_query.read(urlencode(pairs))
    value.update({key: retry for key in RETRIES if (retry := _retry(fields, key))})
    try:
        scenario = Scenario.parse(value)
    except ScenarioInvalid as error:
        known = {found["field"] for found in unread}
        found = [*unread, *(each for each in error.errors if each["field"] not in known)]
        return Draft(value, [*found, *_further(value, found)])
    return Draft(value, unread) if unread else of_scenario(scenario)


def _further(value: Mapping[str, Any], errors: Sequence[FieldError]) -> list[FieldError]:
    """Return what makes no sense among the fields that are right by themselves, where others are not."""
    paths = [error["field"].split(".") for error in errors]
    wrong = {path[0] for path in paths if path[0] != "faults" or len(path) == 1}
    if wrong & {"", "mode", "saga"}:  # what the others mean hangs on these
        return []
    numbers = {int(path[1]) for path in paths if path[0] == "faults" and len(path) > 1}
    faults = value.get("faults", ())
    kept = [n for n in range(len(faults)) if n not in numbers] if isinstance(faults, list) else []
    rest: dict[str, Any] = {key: given for key, given in value.items() if key not in wrong}
    try:
        Scenario.parse({**rest, "faults": [faults[n] for n in kept]})
    except ScenarioInvalid as error:
        found = [_renumbered(each, kept) for each in error.errors]
        orders = "orders" in wrong
        return [each for each in found if not (orders and each["field"].rpartition(".")[2] in ("saga", "schedule"))]
    return []


def _renumbered(error: FieldError, kept: Sequence[int]) -> FieldError:
    first, _, rest = error["field"].partition(".")
    number, dot, part = rest.partition(".")
    if first != "faults" or not number.isdigit():
        return error
    return {"field": f"faults.{kept[int(number)]}{dot}{part}", "message": error["message"]}


def _retry(fields: Fields, key: str) -> dict[str, Any]:
    texts = {part: fields.get(f"{key}.{part}", "").strip() for part in RetrySpec.model_fields}
    switches = {"on": True, "off": False}
    return {part: switches.get(text, scenario_query.number(text)) for part, text in texts.items() if text}


def _fault_texts(fields: Fields) -> list[str]:
    """Return the faults in the order of the address that the form was made from, then the new ones."""
    kept = _known_steps(fields)
    placed: list[tuple[int, str]] = []
    for name, kind in fields.items():
        target = name.removeprefix("fault.")
        if target == name or not kind or (kept is not None and target.partition(".")[0] not in kept):
            continue
        times = fields.get(f"times.{target}", "").strip()
        placed.append((_place(fields.get(f"place.{target}", "")), f"{target}:{kind}" + (f":{times}" if times else "")))
    places = fields.get("more-places", "").split(",")
    lines = [line.strip() for line in fields.get("more", "").splitlines() if line.strip()]
    placed += [(_place(places[n] if n < len(places) else ""), line) for n, line in enumerate(lines)]
    return [text for _, text in sorted(placed, key=lambda found: found[0])]


def _known_steps(fields: Fields) -> set[str] | None:
    """Return the new saga's steps where the reader has just changed the saga: the old one's faults go with it."""
    saga = fields.get("saga", "")
    if not saga or fields.get("shown", "").partition("/")[0] in ("", saga):
        return None
    try:
        return {step.name for step in catalog.definition(saga).steps}
    except DefinitionUnknown:
        return None


def _place(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else LAST


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
