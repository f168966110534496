"""What must always be true of a run, as lights: each green, red, or not judged yet, at every entry. Pure.

A light is judged from what the services wrote, never from what a driver believes. The first
entry at which it went red is kept, whatever comes after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from playground import wording
from playground.replay.records import Records
from playground.replay.spans import Spans
from playground.world import is_undo
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Op

TITLES: Mapping[str, str] = {
    "money": "Money is conserved",
    "stock": "Nothing is oversold",
    "once": "One charge per order",
    "pending": "Nothing stays pending",
    "end": "It ends in an allowed way",
    "reverse": "Undone newest first",
}
UNTRIED: Mapping[str, str] = {  # what a run says at its end where nothing put a light to the test
    "stock": "Nothing was promised.",
    "once": "Nothing was charged.",
    "reverse": "Nothing was undone.",
}
ALLOWED = {Kind.SAGA_COMPLETED: "completed", Kind.SAGA_COMPENSATED: "compensated"}
WAITING, FORBIDDEN = Kind.SAGA_NEEDS_OPERATOR, {Kind.SAGA_ABANDONED: "abandoned", Kind.SAGA_LOST: "lost"}


class Lights:
    """The six lights of a run. `price` is what one order costs, in cents; of `stock` units `kept_back` are not for sale."""

    def __init__(
        self, definition: SagaDefinition, records: Records, *, price: int, stock: int, kept_back: int = 0
    ) -> None:
        self._index = {step.name: n for n, step in enumerate(definition.steps)}
        self._records, self._price, self._stock, self._kept_back = records, price, stock, kept_back
        self._lights = {name: Spans(_light("idle", "Not judged yet.")) for name in TITLES}
        self._first: dict[str, int] = {}
        self._paid: Counter[str] = Counter()
        self._charges: Counter[str] = Counter()
        self._confirmed: set[str] = set()
        self._promised = 0
        self._standing: Counter[tuple[str, str]] = Counter()
        self._asked_back: set[tuple[str, str]] = set()
        self._ends: dict[str, Entry] = {}

    def add(self, entry: Entry) -> None:
        """Take the next entry; `records` has taken it already."""
        if entry.kind is Kind.EFFECT:
            self._wrote(entry)
        elif entry.kind is Kind.ATTEMPT_STARTED and entry.op is Op.COMPENSATION and entry.attempt == 1:
            self._turned(entry)
        elif entry.kind in ALLOWED or entry.kind in FORBIDDEN or entry.kind is WAITING:
            self._ends[entry.order] = entry
            self._ended(entry)
        elif entry.kind is Kind.RUN_FINISHED:
            self._finished(entry.seq)
        elif entry.kind is Kind.OPERATOR_ACTED:
            self._moves_again(entry)

    def view(self, at: int) -> list[dict[str, Any]]:
        """Return the lights as a template shows them at entry `at`; `first` is where one first went red, or None."""
        return [
            {"name": name, "title": TITLES[name], "spans": spans.view(at), "first": self._first.get(name)}
            for name, spans in self._lights.items()
        ]

    @property
    def states(self) -> dict[str, str]:
        """The state of each light now: done, failed, pending or idle."""
        return {name: str(spans.value["state"]) for name, spans in self._lights.items()}

    def _wrote(self, entry: Entry) -> None:
        rule = _LEDGERS.get(str(entry.detail.get("service")))
        kind, amount = str(entry.detail["kind"]), int(entry.detail["amount"])
        if kind not in wording.SETTLEMENTS and (amount or not is_undo(entry)):
            self._standing[entry.order, entry.step] += -1 if is_undo(entry) else 1
        if rule is not None:
            rule(self, entry, kind, amount)

    def _money(self, entry: Entry, kind: str, amount: int) -> None:
        self._paid[entry.order] += amount
        self._charges[entry.order] += kind == "charge"
        paid, charges = self._paid[entry.order], self._charges[entry.order]
        if charges > 1:
            self._red("once", entry.seq, f"Payments charged {entry.order} {wording.times(charges)}.")
        elif kind == "charge":
            self._fine("once", entry.seq, "No order is charged more than once.")
        if paid < 0:
            self._red("money", entry.seq, f"More is refunded for {entry.order} than was charged.")
        elif entry.order in self._ends:
            self._settle(entry.order, entry.seq)  # what comes after an end is judged like the end
        elif "money" not in self._first:
            self._fine("money", entry.seq, f"{wording.money(sum(self._paid.values()))} is taken and accounted for.")

    def _shelf(self, entry: Entry, kind: str, amount: int) -> None:
        if kind in wording.SETTLEMENTS:
            return
        self._promised += amount
        seller = wording.title(str(entry.detail["service"]))
        against = self._promised - max(0, self._stock - self._kept_back)
        if self._promised > self._stock:
            self._red("stock", entry.seq, f"{seller} has promised {self._promised} and has {self._stock}.")
        elif against > 0:
            self._red("stock", entry.seq, f"{seller} has promised {against} of what it keeps back.")
        else:
            self._fine("stock", entry.seq, f"{self._promised} of {self._stock} in stock are promised.")

    def _order(self, entry: Entry, kind: str, amount: int) -> None:
        if kind in ("confirm", "send"):
            self._confirmed.add(entry.order)

    def _turned(self, entry: Entry) -> None:
        """An undo is asked for: whatever was done after its step must have been asked for before."""
        own = self._index.get(entry.step, 0)
        self._asked_back.add((entry.order, entry.step))
        later = [
            step
            for step, n in self._index.items()
            if n > own and self._standing[entry.order, step] > 0 and (entry.order, step) not in self._asked_back
        ]
        if later:
            self._red("reverse", entry.seq, f"{entry.step} of {entry.order} is undone before {later[0]}.")
        else:
            self._fine("reverse", entry.seq, "Each undo came after those of later steps.")

    def _ended(self, entry: Entry) -> None:
        self._settle(entry.order, entry.seq)
        self._judge_ends(entry.seq)

    def _settle(self, order: str, seq: int) -> None:
        """Hold what was taken for an order that has ended against what it costs."""
        owed = self._price if order in self._confirmed else 0
        kept = self._paid[order]
        if kept != owed:
            costs = f"costs {wording.money(owed)}" if owed else "buys nothing"
            self._red("money", seq, f"Payments keeps {wording.money(kept)} of {order}, which {costs}.")
        elif all(self._settles(other) for other in self._ends):
            self._fine("money", seq, "What is taken is what the confirmed orders cost.")

    def _settles(self, order: str) -> bool:
        return self._paid[order] == (self._price if order in self._confirmed else 0)

    def _judge_ends(self, seq: int) -> None:
        kinds = {order: entry.kind for order, entry in self._ends.items()}
        for order, kind in kinds.items():
            if kind in FORBIDDEN:
                self._red("end", seq, f"{order} is {FORBIDDEN[kind]}: half done, and nobody undoes it.")
                return
        waits = [order for order, kind in kinds.items() if kind is WAITING]
        if waits:
            self._say("end", seq, "pending", f"{waits[0]} waits for a person, and keeps its place.")
        else:
            ends = Counter(ALLOWED[kind] for kind in kinds.values())
            self._fine("end", seq, f"{wording.capital(_and(ends))}.")

    def _finished(self, seq: int) -> None:
        pending = self._records.pending
        if pending:
            records = "record is" if pending == 1 else "records are"
            self._red("pending", seq, f"{pending} {records} still PENDING, and nothing moves.")
        else:
            self._fine("pending", seq, "Every mark is off.")
        for name, text in UNTRIED.items():
            if self._lights[name].value["state"] == "idle":
                self._fine(name, seq, text)

    def _moves_again(self, entry: Entry) -> None:
        """A person acted: the saga has not ended after all, and what its end was judged by is open again."""
        if entry.order in self._ends and self._ends[entry.order].kind is WAITING:
            del self._ends[entry.order]
            for name in ("money", "pending", "end"):
                self._say(name, entry.seq, "idle", "Not judged yet: it moves again.")

    def _red(self, name: str, seq: int, text: str) -> None:
        self._first.setdefault(name, seq)
        self._say(name, seq, "failed", text)

    def _fine(self, name: str, seq: int, text: str) -> None:
        self._say(name, seq, "done", text)

    def _say(self, name: str, seq: int, state: str, text: str) -> None:
        self._lights[name].say(seq, _light(state, text))


_LEDGERS: Mapping[str, Callable[[Lights, Entry, str, int], None]] = {
    "payments": Lights._money,
    **dict.fromkeys(wording.SELLERS, Lights._shelf),
    "orders": Lights._order,
    "mail": Lights._order,
}
WORDS = {"done": "holds", "failed": "broken", "pending": "waits", "idle": "open"}


def _light(state: str, text: str) -> dict[str, Any]:
    return {"state": state, "word": WORDS[state], "text": text}


def _and(counts: Mapping[str, int]) -> str:
    return " and ".join(word if n == 1 else f"{n} {word}" for word, n in counts.items())
