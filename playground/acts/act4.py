"""Act 4, one lamp and two buyers: which lock, and who moves when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.acts.base import Act, FormReader
from playground.scenario import Scenario, ScenarioInvalid

BUYERS = ("Ana", "Ben")
LETTERS = "AB"  # how a move is written: by its buyer's first letter
LOCKS = ("off", "naive", "fail-fast", "wait")
MOST_MOVES = 60
BREAKS = {"step": "book-delivery", "kind": "decline", "saga": 0}

BASE: Mapping[str, Any] = {"orders": 2, "stock": 1, "latency_ms": 700, "timeout_ms": 3000}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader picked: the lock, whether the first buyer's order breaks later, and the moves in their order."""

    lock: str = "off"
    later: bool = False
    moves: str = ""

    def value(self) -> dict[str, Any]:
        """Return the scenario keys that this choice means."""
        value: dict[str, Any] = {"lock": self.lock, "faults": [BREAKS] if self.later else []}
        return {**value, "schedule": [LETTERS.index(move) for move in self.moves]} if self.moves else value

    @property
    def query(self) -> str:
        """The query string by which the act gives this choice again."""
        return ACT.query_of(scenario_of(self))

    @property
    def first(self) -> Choice:
        """The same lock, with nothing else picked: what is raced and mapped."""
        return Choice(self.lock)


ACT = Act("act-4", BASE, first=Choice().value())


def choice_from_form(form: Mapping[str, Any]) -> Choice:
    """Return the choice that a form sent. Raises ScenarioInvalid, which names the field."""
    read = FormReader(form)
    choice = Choice(read.one_of("lock", LOCKS, "off"), read.switch("later"), _moves(form))
    read.check()
    return choice


def choice_of(scenario: Scenario) -> Choice:
    """Return the choice that shows a scenario on the page, as far as the page can show it."""
    later = any(fault.on == "action" for fault in scenario.faults)
    return Choice(scenario.lock, later, written(scenario.schedule))


def scenario_of(choice: Choice) -> Scenario:
    """Return act 4's scenario for a choice made on the page."""
    return ACT.scenario(choice.value())


def written(schedule: str | Sequence[int]) -> str:
    """Return a list of moves as letters; "" for a schedule that is a word, or that names a third buyer."""
    if isinstance(schedule, str) or max(schedule) >= len(LETTERS):
        return ""
    return "".join(LETTERS[move] for move in schedule)


def _moves(form: Mapping[str, Any]) -> str:
    moves = str(form.get("moves", "")).upper().replace(" ", "")
    if len(moves) > MOST_MOVES or set(moves) - set(LETTERS):
        message = f"must be at most {MOST_MOVES} letters, {' or '.join(LETTERS)}"
        raise ScenarioInvalid([{"field": "moves", "message": message}], dict(form))
    return moves
