"""Act 4's two experiments in virtual time: two hundred races, and every order of the moves.

The same driver, wire and services as a real run, on the simulator's clock. Each result
carries the moves that a real run can be made to repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from playground.acts import act4
from playground.acts.act4 import BUYERS, LETTERS, Choice
from sagas import simulation
from sagas.simulation import Verdict

RACES = 200
AT_ONCE = 25  # races that one answer holds: long enough to be worth a request, short enough to keep nobody waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One race. `moves` is an order of moves by which a real run ends alike."""

    seed: int
    face: str
    word: str
    moves: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One order of the moves that reserve the lamp. `shortest`: no order oversells after fewer moves."""

    moves: str
    steps: Sequence[str]
    face: str
    word: str
    decided: int
    shortest: bool


@lru_cache(maxsize=64)
def squares(lock: str, first: int) -> tuple[Square, ...]:
    """Return the races with the seeds from `first` on."""
    scenario = act4.scenario_of(Choice(lock)).full()
    seeds = range(first, min(first + AT_ONCE, RACES + 1))
    return tuple(_square(lock, found) for found in simulation.race(scenario, seeds))


@lru_cache(maxsize=8)
def cells(lock: str) -> tuple[Cell, ...]:
    """Return every order of the moves that reserve the lamp, and how each ends."""
    found = simulation.interleavings(act4.scenario_of(Choice(lock)).full())
    bad = simulation.shortest_bad(found)
    return tuple(_cell(lock, each, bad is each) for each in found)


def moves_named(lock: str, moves: str) -> list[str]:
    """Return each move in words: `Ana looks`, `Ben holds it`."""
    names = names_of(lock)
    return [
        f"{BUYERS[LETTERS.index(move)]} {names[min(moves[:n].count(move), len(names) - 1)]}"
        for n, move in enumerate(moves)
    ]


def names_of(lock: str) -> list[str]:
    """Return what a buyer's moves are, in order, up to the settlement."""
    first = ["looks", "holds it"] if lock in ("off", "naive") else ["asks for it"]
    return [*first, "opens the order", "pays", "has it picked", "books the van", "settles"]


def _square(lock: str, found: simulation.Outcome) -> Square:
    face, word = _face(found.verdict, found.states)
    return Square(seed=found.seed, face=face, word=word, moves=_moves_like(lock, found))


def _cell(lock: str, found: simulation.Interleaving, shortest: bool) -> Cell:
    moves = act4.written(found.moves)
    face, word = _face(found.outcome, found.states)
    return Cell(
        moves=moves,
        steps=moves_named(lock, moves),
        face=face,
        word=word,
        decided=found.decided,
        shortest=shortest,
    )


def _face(verdict: Verdict, states: Sequence[str]) -> tuple[str, str]:
    if verdict is Verdict.OVERSOLD:
        return "both", "sold twice"
    winners = [n for n, state in enumerate(states) if state == "completed"]
    return (("ana", "ben")[winners[0]], f"{BUYERS[winners[0]]} has it") if winners else ("none", "nobody has it")


def _moves_like(lock: str, found: simulation.Outcome) -> str:
    """Return the moves up to where the race was decided: both looked first, or one looked and held first."""
    winner = next((n for n, state in enumerate(found.states) if state == "completed"), 0)
    first, second = LETTERS[winner], LETTERS[1 - winner]
    if lock not in ("off", "naive"):
        return first + second
    return (first + second) * 2 if found.verdict is Verdict.OVERSOLD else first * 2 + second * 2
