"""Act 2's bet: what a reader said would be undone, in which order, held against what the journal says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from playground import facts
from sagas import catalog, journal
from sagas.entries import Entry, Kind, Op
from sagas.models import Run

ENDS: Mapping[str, str] = {
    "lamp": "the lamp, and a charge for it",
    "nothing": "no lamp, and no charge",
    "paid": "a charge, and no lamp",
}
UNDOS: Mapping[str, str] = {str(n): step.compensation_name for n, step in enumerate(catalog.ORDER.steps, 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A bet after the run. `order` and `end` are sentences; `right` counts which of both were right."""

    order: str
    end: str
    right: int
    of: int


def settle(run: Run, order: str, end: str) -> Settled | None:
    """Return how right a bet was; None while the run moves, or when nothing was bet.

    `order` is step numbers as ticked, `4,3,1`; what is no step is passed over. `end` is one of ENDS, or "".
    """
    said = [UNDOS[n] for n in order.split(",") if n in UNDOS]
    if run.state != Run.State.FINISHED or not (said or end in ENDS):
        return None
    done, came = undone(journal.read_all(run.pk)), ended(run)
    judged = [said == done] + ([end == came] if end in ENDS else [])
    return Settled(
        order=_order(said, done), end=_end(end, came) if end in ENDS else "", right=sum(judged), of=len(judged)
    )


def undone(entries: Sequence[Entry]) -> list[str]:
    """Return the compensations that wrote something, in the order in which they were confirmed."""
    confirmed = [e for e in entries if e.kind is Kind.ATTEMPT_SUCCEEDED and e.op is Op.COMPENSATION]
    names = {step.name: step.compensation_name for step in catalog.ORDER.steps}
    return [names[e.step] for e in confirmed if not _was_empty(e)]


def ended(run: Run) -> str:
    """Return what the customer has, a key of ENDS, as the services' own books say."""
    counts = facts.read(run).counts
    if counts["orders_confirmed"]:
        return "lamp"
    return "paid" if counts["charged"] > counts["refunded"] else "nothing"


def _was_empty(entry: Entry) -> bool:
    answer = entry.detail.get("answer")
    return isinstance(answer, Mapping) and bool(answer.get("empty"))


def _order(said: Sequence[str], done: Sequence[str]) -> str:
    if list(said) == list(done):
        return "The undos came as you said." if done else "As you said, nothing was undone."
    return f"You said {_listed(said)}. It was {_listed(done)}."


def _end(said: str, came: str) -> str:
    if said == came:
        return f"The customer has {ENDS[came]}, as you said."
    return f"You said {ENDS[said]}. The customer has {ENDS[came]}."


def _listed(names: Sequence[str]) -> str:
    return ", then ".join(names) if names else "no undo at all"
