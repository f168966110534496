"""What the till of act 3 shows beside its scene: the keys that Payments keeps, and how often it was asked.

Counted from the journal; the keys and the charges are read from the payments service itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from playground import wording
from sagas import catalog, journal
from sagas.entries import Entry, Kind, Lane, Op
from sagas.models import Run
from sagas.services.answers import Kept

NOTHING_YET = "\u2013"  # a dash: nobody has anything to know
STEP = "charge-payment"
UNDO = "refund-payment"
ASKED = (Kind.EFFECT, Kind.REPLAYED)  # a request that reached the service ends in one of these


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptKey:
    """One row of `idempotency_keys`: the key, its answer, and the calls that were answered under it, in order."""

    n: int
    key: str
    status: int
    body: str
    calls: Sequence[str]
    repeats: int

    @property
    def mixed(self) -> bool:
        """Whether one answer was given to two different calls."""
        return len(self.calls) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """How things stand at Payments. `sent`: attempts to charge; `arrived`: those requests that reached the service."""

    keys: Sequence[KeptKey] = field(default_factory=tuple)
    sent: int = 0
    arrived: int = 0
    charges: int = 0
    refunds: int = 0
    heard: bool = False
    refund_believed: bool = False

    @property
    def knows(self) -> str:
        """Who knows how the payment stands."""
        if self.wrong:
            return "no one"
        if not self.charges:
            return NOTHING_YET if not self.sent else "no one yet"
        return "both sides" if self.heard else "Payments"

    @property
    def wrong(self) -> bool:
        """Whether money is gone that the saga takes for accounted for."""
        return self.charges - self.refunds > 1 or (self.refund_believed and self.refunds < self.charges)

    @property
    def moral(self) -> str:
        """What came of it, in one or two sentences; "" while nothing did."""
        if not self.sent:
            return ""
        if self.refund_believed and self.refunds < self.charges:
            return _not_refunded(self)
        if self.charges > 1:
            again = f"{self.arrived} requests, {self.charges} charges."
            return f"{again} Nothing in the second request says that it is the same one."
        if self.refunds:
            return "The refund has a name of its own, so Payments does it once, and only once."
        if self.arrived > self.charges >= 1:
            return f"{self.arrived} requests, one charge. Payments knew the key and gave its first answer again."
        if self.sent > self.arrived >= 1:
            return "The first request never arrived, so the second is the first. One charge."
        return "One request, one charge." if self.arrived else ""


def till_of(run_id: str) -> Till:
    """Return the till of a run as it is now; an unknown run has an empty one."""
    if not Run.objects.filter(pk=run_id).exists():
        return Till()
    entries = [e for e in journal.read_all(run_id) if e.step == STEP]
    payments = catalog.SERVICES["payments"]
    answered = [e for e in entries if e.lane is Lane.SERVICE and e.kind in ASKED]
    rows = payments.ledger(run_id)
    heard = {e.op for e in entries if e.kind is Kind.ATTEMPT_SUCCEEDED}
    return Till(
        keys=[
            _kept(n, kept, [e for e in answered if e.key == kept.key])
            for n, kept in enumerate(payments.answers(run_id), 1)
        ],
        sent=len([e for e in entries if e.kind is Kind.ATTEMPT_STARTED and e.op is Op.ACTION]),
        arrived=len([e for e in answered if e.op is Op.ACTION]),
        charges=len([row for row in rows if row.kind == "charge"]),
        refunds=len([row for row in rows if row.kind == "refund"]),
        heard=Op.ACTION in heard,
        refund_believed=Op.COMPENSATION in heard,
    )


def _kept(n: int, kept: Kept, answered: Sequence[Entry]) -> KeptKey:
    calls = dict.fromkeys(UNDO if e.op is Op.COMPENSATION else STEP for e in answered)
    repeats = len([e for e in answered if e.kind is Kind.REPLAYED])
    return KeptKey(n=n, key=kept.key, status=kept.status, body=kept.body.decode(), calls=tuple(calls), repeats=repeats)


def _not_refunded(till: Till) -> str:
    if till.refunds:
        return f"{till.charges} charges, {wording.times(till.refunds)} refunded. The saga believes that all is undone."
    return (
        "Payments has seen this key, so it answers the refund as it answered the charge, and writes nothing. "
        "The saga takes that for a refund."
    )
