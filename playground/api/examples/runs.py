"""Examples: runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.api.examples.one import BY_HAND, HELD, HOST, RUN, SLOW, STUCK, Example, problem

ORDER: Mapping[str, Any] = {
    "faults": [{"step": "charge-payment", "kind": "lost-reply", "times": 1}],
    "latency_ms": 0,
    "timeout_ms": 200,
}
STUCK_ORDER: Mapping[str, Any] = {
    "faults": [
        {"step": "create-order", "kind": "decline"},
        {"step": "reserve-inventory", "on": "compensation", "kind": "error", "times": 4},
    ],
    "compensation_retry": {"initial_ms": 0},
    "latency_ms": 0,
}
SLOW_ORDER: Mapping[str, Any] = {"latency_ms": 5000, "timeout_ms": 60000}
STARTED: Mapping[str, Mapping[str, Any]] = {
    RUN: ORDER,
    STUCK: STUCK_ORDER,
    BY_HAND: STUCK_ORDER,
    HELD: STUCK_ORDER,
    SLOW: SLOW_ORDER,
}
NO_RUN = problem("id", "no run 'nothing'")


def made(run: str) -> dict[str, str]:
    return {
        "id": run,
        "url": f"{HOST}/runs/{run}/",
        "journal_url": f"{HOST}/api/runs/{run}/journal",
        "socket_url": f"{HOST.replace('http', 'ws')}/ws/runs/{run}/scenes",
    }


FACTS = {
    "charged": 4900,
    "refunded": 0,
    "charges": 1,
    "units_held": 0,
    "units_sold": 1,
    "stock_left": 2,
    "orders_confirmed": 1,
    "picks_active": 1,
    "slots_booked": 1,
    "pending": 0,
    "double_charges": 0,
    "oversold": 0,
    "consistent": True,
    "violations": [],
}

STEP = {
    "name": "charge-payment",
    "service": "payments",
    "state": "done",
    "attempts": 2,
    "key": "saga:ord-8412:charge-payment",
    "compensation": {"name": "refund-payment", "state": "skipped", "attempts": 0},
}
ROW = {
    "n": 1,
    "order": "ord-8412",
    "kind": "charge",
    "amount": 4900,
    "key": "saga:ord-8412:charge-payment",
    "at": "2026-11-25T09:30:00.125Z",
}
SHOWN = {
    "id": RUN,
    "url": f"{HOST}/runs/{RUN}/",
    "state": "finished",
    "scenario": ORDER,
    "sagas": [{"id": f"{RUN}-1", "order": "ord-8412", "state": "completed", "cause": None, "steps": [STEP]}],
    "services": {"payments": {"ledger": [ROW], "pending": []}},
    "facts": FACTS,
}
ENTRY = {
    "seq": 9,
    "at": "2026-11-25T09:30:00.140Z",
    "lane": "orchestrator",
    "saga": f"{RUN}-1",
    "order": "ord-8412",
    "kind": "attempt-unknown",
    "step": "charge-payment",
    "op": "action",
    "attempt": 1,
    "key": "saga:ord-8412:charge-payment",
    "detail": {"reason": "no answer within 100 ms"},
}
SCENE = {
    "seq": 9,
    "ms": 120,
    "saga": f"{RUN}-1",
    "order": "ord-8412",
    "plan": "saga",
    "end": None,
    "orch": {"state": "running", "word": "calling", "title": "Orchestrator"},
    "say": "Payments did the work, but its answer is lost. The orchestrator cannot tell.",
    "facts": {"charged": "49.00", "held": "1", "shipped": "0", "knows": "the orchestrator"},
}

EXAMPLES: Mapping[str, Sequence[Example]] = {
    "POST /api/runs": (
        Example(name="a lost reply", body=ORDER, status=201, answer=made(RUN)),
        Example(name="an undo that gets stuck", body=STUCK_ORDER, status=201, answer=made(STUCK)),
        Example(name="one that is settled by hand", body=STUCK_ORDER, status=201, answer=made(BY_HAND)),
        Example(name="one that keeps its lock", body=STUCK_ORDER, status=201, answer=made(HELD)),
        Example(name="one that takes its time", body=SLOW_ORDER, status=201, answer=made(SLOW)),
        Example(name="all default", body={}, status=201, answer=made(RUN)),
        Example(
            name="a wrong field",
            body={"faults": [{"step": "charge-payment", "kind": "meteor"}]},
            status=422,
            answer=problem("faults.0.kind", "must be decline, error, timeout or …"),
        ),
    ),
    "GET /api/runs/{id}": (
        Example(name="a run", id=RUN, status=200, answer=SHOWN),
        Example(name="no such run", id="nothing", status=404, answer=NO_RUN),
    ),
    "GET /api/runs/{id}/journal": (
        Example(name="from the start", id=RUN, status=200, answer={"entries": [ENTRY], "finished": True}),
        Example(
            name="what came later",
            id=RUN,
            query={"after": "8"},
            status=200,
            answer={"entries": [ENTRY], "finished": True},
        ),
        Example(name="no such run", id="nothing", status=404, answer=NO_RUN),
    ),
    "GET /api/runs/{id}/scenes": (
        Example(
            name="from the start",
            id=RUN,
            status=200,
            answer={"frames": [{"entry": ENTRY, "scene": SCENE}], "finished": True},
        ),
        Example(
            name="of one saga",
            id=RUN,
            query={"after": "8", "saga": f"{RUN}-1"},
            status=200,
            answer={"frames": [{"entry": ENTRY, "scene": SCENE}], "finished": True},
        ),
        Example(name="no such run", id="nothing", status=404, answer=NO_RUN),
    ),
}
