"""What the lab explains with the code itself: the grammar of an address, and how to add a saga of one's own."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from playground import scenario_query
from playground.lab import own_saga
from sagas.services.payments.handlers import charge_payment, refund_payment


@dataclass(frozen=True, slots=True)
class Rule:
    """One key of an address: what it looks like, what it says, and an example."""

    key: str
    reads: str
    says: str
    example: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way to a saga of one's own, and the code of it."""

    says: str
    file: str
    code: Sequence[str]


GRAMMAR: Sequence[Rule] = (
    Rule(
        "fault",
        scenario_query.FAULT_GRAMMAR,
        "Repeated. Without TIMES it hits every attempt, and a crash the first one. SAGA counts orders from 0.",
        "fault=charge-payment.compensation:error:2@0",
    ),
    Rule("retry", scenario_query.RETRY_GRAMMAR, "The budget of a call.", "retry=5,100,1.5,2000,jitter"),
    Rule("compensation_retry", "the same", "The budget of an undo.", "compensation_retry=8,500,2"),
    Rule(
        "schedule",
        "rendezvous, free or SAGA,SAGA,…",
        "Who goes next where several orders ask at once.",
        "orders=2&schedule=0,1,1",
    ),
    Rule("idempotency", "on or off", "Whether services keep their answers.", "idempotency=off"),
    Rule("key_scope", "step or order", "What a key is made of.", "key_scope=order"),
    Rule("lock", "off, naive, fail-fast or wait", "What keeps one lamp from two orders.", "lock=wait"),
    Rule("mode", "orchestration, choreography or none", "Who drives.", "mode=choreography"),
    Rule("v", "1", "The format of the address. It is left out where it is the first.", "v=1"),
    Rule(
        "orders, stock, seed, …_ms",
        "a whole number",
        "Every other key by its name, times in milliseconds.",
        "orders=2&stock=1&latency_ms=500&deadline_ms=3000",
    ),
)


@lru_cache(maxsize=1)
def steps() -> Sequence[Step]:
    """Return the steps. The code is read from the files that run."""
    own = inspect.getsource(own_saga).splitlines()
    definition, start = _index(own, "PREPAID = "), _index(own, "def start_one")
    handlers = "\n\n".join(inspect.getsource(handler).rstrip() for handler in (charge_payment, refund_payment))
    blank = own.index("", definition)
    return (
        Step(
            "Write each step and its opposite as two functions of the service that owns the data. "
            "Each is called in a transaction of the database that the service owns, with its key already checked.",
            "sagas/services/payments/handlers.py",
            handlers.splitlines(),
        ),
        Step(
            "Put them in order. A definition that could not be undone is refused when it is made.",
            "playground/lab/own_saga.py",
            own[definition:blank],
        ),
        Step(
            "Make it known under its name, and run it. From then on the command line, the API and this form offer it.",
            "playground/lab/own_saga.py",
            own[start:],
        ),
    )


def _index(lines: Sequence[str], beginning: str) -> int:
    return next(n for n, line in enumerate(lines) if line.startswith(beginning))
