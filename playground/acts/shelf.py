"""What the shelf of act 4 shows beside its scenes, read from the services of the run as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground import facts, wording
from playground.acts.act4 import BUYERS
from sagas.models import Run, Saga

NOTHING_YET = "\u2013"  # a dash: nobody has anything to know
GUARDED = ("fail-fast", "wait")
ENDED = ("completed", "compensated", "needs-operator")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The record of the one lamp, what was promised of it, and what came of the two orders."""

    state: str = "idle"
    word: str = "free"
    left: int = 1
    promised: int = 0
    charged: str = "0.00"
    knows: str = NOTHING_YET
    says: str = "One lamp on the shelf, two people who want it."
    wrong: bool = False


def shelf_of(run_id: str) -> Shelf:
    """Return the shelf of a run; an unknown run has a full one."""
    run = Run.objects.filter(pk=run_id).first()
    if run is None:
        return Shelf()
    sagas = list(Saga.objects.filter(run=run).order_by("index"))
    books = facts.read(run)
    state, word = _record(books, str(run.scenario.get("lock")))
    counts = books.counts
    return Shelf(
        state=state,
        word=word,
        left=counts["stock_left"],
        promised=counts["units_held"] + counts["units_sold"],
        charged=wording.plain("payments", counts["charged"] - counts["refunded"]),
        knows=_who_knows(run, counts),
        says=_says(run, sagas, counts),
        wrong=counts["oversold"] > 0,
    )


def _record(books: facts.Books, lock: str) -> tuple[str, str]:
    if books.counts["oversold"]:
        return "stuck", f"promised {wording.times(books.counts['units_held'] + books.counts['units_sold'])}"
    if pending := books.pending.get("inventory"):
        return "pending", f"PENDING {pending[0]['owner']}"
    sold = [row.order for row in books.ledgers.get("inventory", ()) if row.kind == "sell"]
    if sold:
        return "done", f"sold to {sold[0]}"
    held = books.counts["units_held"]
    return ("running", "held, but not marked") if held else ("idle", "free")


def _who_knows(run: Run, counts: Mapping[str, int]) -> str:
    if counts["oversold"]:
        return "no one"
    if run.scenario.get("lock") in GUARDED and counts["units_held"] + counts["units_sold"]:
        return "the record"
    return "no one" if counts["units_held"] else "both orders" if _at_rest(run) else NOTHING_YET


def _at_rest(run: Run) -> bool:
    return bool(run.state == Run.State.FINISHED)


def _says(run: Run, sagas: Sequence[Saga], counts: Mapping[str, int]) -> str:
    lock = str(run.scenario.get("lock"))
    if counts["oversold"]:
        if counts["units_sold"] > 1:
            return "Two people have paid for one lamp. The shop finds out in the warehouse."
        return "Both have been promised the one lamp. Neither order can tell."
    if not _at_rest(run):
        return _under_way(counts, lock)
    states = {name: saga.state for name, saga in zip(BUYERS, sagas, strict=False)}
    winners = [name for name, state in states.items() if state == "completed"]
    if not winners:
        return "Neither order went through. The lamp is back on the shelf, free for the next one."
    if len(winners) == len(states):
        return "Every order has a lamp. There were enough for all of them."
    winner = winners[0]
    loser = next(name for name in BUYERS if name != winner)
    return f"{winner} has the lamp. {_loses(run, loser, sagas[BUYERS.index(loser)], lock)}"


def _loses(run: Run, loser: str, saga: Saga, lock: str) -> str:
    cause: Any = saga.cause or {}
    if cause.get("step") not in (None, "", "reserve-inventory"):
        return f"The order of {loser} broke and gave it back, and the mark passed on."
    if lock == "wait":
        return f"{loser} waited in line until it was sold, and is refused only then."
    if lock == "fail-fast":
        return f"{loser} was refused at once. Nothing of that order was touched."
    return f"{loser} happened to look later, and saw an empty shelf. Next time may differ."


def _under_way(counts: Mapping[str, int], lock: str) -> str:
    if not counts["units_held"]:
        return (
            "Two orders, the same second." if not counts["units_sold"] else "The lamp is sold, and the mark comes off."
        )
    if lock in GUARDED:
        return "The record says whose it is. Whoever comes second reads that first."
    return "One order holds the lamp. The other has looked before it did."
