"""Act 1, who is watching: one bad day for choreography and for orchestration.

Its address holds what both share. A message lost on its way to a service is an event that is
dropped in one mode and a call that never arrives in the other; each switch concerns one mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from playground import scenario_query
from playground.acts.base import NOT_SCENARIO, NOTHING, PICKS, STEPS, Act, FormReader
from playground.scenario import Scenario, ScenarioInvalid

BASE: Mapping[str, Any] = {
    "latency_ms": 900,
    "timeout_ms": 1500,
    "retry": {"max_attempts": 2, "initial_ms": 500},
}
WATCHER_MS = 4000  # longer than any step of a healthy order takes
CRASH_AT = "charge-payment"  # where the orchestrator dies on a day that loses no message

_ORCHESTRATED = Act("act-1", {**BASE, "mode": "orchestration"})
_CHOREOGRAPHED = Act("act-1", {**BASE, "mode": "choreography"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader picked: the step whose message is lost (1 to 5, or "none"), and the two switches."""

    fail: str = "4"
    kill: bool = False
    watch: bool = False

    def value(self) -> dict[str, Any]:
        """Return what this choice adds to BASE, in the words of the address."""
        step = STEPS[int(self.fail) - 1] if self.fail != NOTHING else ""
        crash = [{"step": step or CRASH_AT, "kind": "crash-before"}] if self.kill else []
        lost = [{"step": step, "kind": "timeout"}] if step else []
        value: dict[str, Any] = {"faults": [*crash, *lost]}
        return {**value, "watcher_ms": WATCHER_MS} if self.watch else value


@dataclass(frozen=True, slots=True)
class Pair:
    """One bad day, once for each mode."""

    choreography: Scenario
    orchestration: Scenario


def pair_from(value: Mapping[str, Any]) -> Pair:
    """Return both scenarios of a value in the words of the address. Raises ScenarioInvalid, which names the field."""
    if "mode" in value:
        raise ScenarioInvalid([{"field": "mode", "message": "is not for choosing here: act 1 runs two of them"}], value)
    faults = sorted(value.get("faults", []), key=_crashes_first)
    own = {key: it for key, it in value.items() if key not in ("faults", "watcher_ms")}
    watcher = {key: it for key, it in value.items() if key == "watcher_ms"}
    return Pair(
        _CHOREOGRAPHED.scenario(
            {**own, **watcher, "faults": [f for f in _told(faults, "timeout", "drop-event") if not _is_crash(f)]}
        ),
        _ORCHESTRATED.scenario({**own, "faults": _told(faults, "drop-event", "timeout")}),
    )


def pair_of(choice: Choice) -> Pair:
    """Return act 1's pair for a choice made on the page."""
    return pair_from(choice.value())


def pair_from_address(query: str) -> Pair:
    """Return the pair that an address gives; an empty one loses the message to Warehouse.

    Raises ScenarioInvalid, which names the field.
    """
    value, errors = scenario_query.read(query, NOT_SCENARIO)
    if errors:
        raise ScenarioInvalid(errors, value)
    return pair_from(value or Choice().value())


def query_of(pair: Pair) -> str:
    """Return the query string by which act 1 gives this pair again."""
    asked = _ORCHESTRATED.query_of(pair.orchestration)
    watcher = pair.choreography.watcher_ms
    return "&".join(part for part in (asked, f"watcher_ms={watcher}" if watcher else "") if part)


def choice_from_form(form: Mapping[str, Any]) -> Choice:
    """Return the choice that a form sent. Raises ScenarioInvalid, which names the field."""
    read = FormReader(form)
    choice = Choice(read.one_of("fail", PICKS, NOTHING), read.switch("kill"), read.switch("watch"))
    read.check()
    return choice


def choice_of(pair: Pair) -> Choice:
    """Return the choice that shows a pair on the page, as far as the page can show it."""
    faults = pair.orchestration.faults
    lost = [f.step for f in faults if f.on == "action" and not f.kind.startswith("crash-") and f.step in STEPS]
    return Choice(
        fail=str(STEPS.index(lost[0]) + 1) if lost else NOTHING,
        kill=any(fault.kind.startswith("crash-") for fault in faults),
        watch=pair.choreography.watcher_ms is not None,
    )


def _told(faults: Iterable[Any], word: str, by: str) -> list[Any]:
    """Return the faults with one kind told in the other mode's word."""
    return [{**f, "kind": by} if isinstance(f, Mapping) and f.get("kind") == word else f for f in faults]


def _is_crash(fault: Any) -> bool:
    return isinstance(fault, Mapping) and str(fault.get("kind")).startswith("crash-")


def _crashes_first(fault: Any) -> bool:
    """Sort the faults so that a lost message, which hits every attempt, does not keep the orchestrator alive."""
    return not _is_crash(fault)
