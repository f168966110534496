"""Act 3, asking twice: what gets lost on the wire, and what the key is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from playground.acts.base import NOTHING, Act, FormReader
from playground.scenario import Scenario

CHARGE, LAST = "charge-payment", "book-delivery"
LOST = {"reply": "lost-reply", "request": "timeout", "twice": "duplicate", "crash": "crash-after"}
KEYS: Mapping[str, Mapping[str, Any]] = {
    "full": {},
    "order": {"key_scope": "order"},
    "none": {"idempotency": False},
}

BASE: Mapping[str, Any] = {
    "latency_ms": 700,  # slow enough to watch one call at a time
    "timeout_ms": 1800,
    "retry": {"max_attempts": 3, "initial_ms": 1000, "factor": 2.0, "max_ms": 5000},
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader picked: what is lost, which key is sent, and whether the last step refuses, so that a refund is due."""

    lose: str = "reply"
    key: str = "none"
    later: bool = False

    def value(self) -> dict[str, Any]:
        """Return the scenario keys that this choice means."""
        faults = [{"step": CHARGE, "kind": LOST[self.lose], "times": 1}] if self.lose in LOST else []
        if self.later:
            faults.append({"step": LAST, "kind": "decline"})
        return {"faults": faults, **KEYS[self.key]}


ACT = Act("act-3", BASE, first=Choice().value())


def choice_from_form(form: Mapping[str, Any]) -> Choice:
    """Return the choice that a form sent. Raises ScenarioInvalid, which names the field."""
    read = FormReader(form)
    lose = read.one_of("lose", (NOTHING, *LOST), NOTHING)
    choice = Choice(lose, read.one_of("key", tuple(KEYS), "full"), read.switch("later"))
    read.check()
    return choice


def choice_of(scenario: Scenario) -> Choice:
    """Return the choice that shows a scenario on the page, as far as the page can show it."""
    kinds = {kind: name for name, kind in LOST.items()}
    met = [f.kind for f in scenario.faults if (f.step, f.on) == (CHARGE, "action") and f.kind in kinds]
    key = "none" if not scenario.idempotency else "order" if scenario.key_scope == "order" else "full"
    later = any((f.step, f.on) == (LAST, "action") for f in scenario.faults)
    return Choice(kinds[met[0]] if met else NOTHING, key, later)


def scenario_of(choice: Choice) -> Scenario:
    """Return act 3's scenario for a choice made on the page."""
    return ACT.scenario(choice.value())
