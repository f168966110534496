"""What an answer means: the facts that a service reports, and the outcome that its caller hears.

The two lanes part here. `facts_of` is what the service's database really did; `outcome_of` is
what the driver may believe, and it exists only when the answer arrived.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sagas.decider import Call
from sagas.entries import Entry, Kind, Lane, Op
from sagas.services.base import Answer, Row, Verdict
from sagas.state import SagaState


def facts_of(state: SagaState, call: Call, service: str, answer: Answer) -> list[Entry]:
    """Return service-lane entries for one delivery, in the order in which they became true."""
    facts: list[Entry] = []
    for row in answer.rows:
        facts += row_facts(state, call, row)
    if answer.replayed:
        facts.append(_of(state, call, Kind.REPLAYED, Lane.SERVICE, {"service": service}))
    elif answer.verdict is Verdict.FENCED:
        facts.append(_of(state, call, Kind.STEP_FENCED, Lane.SERVICE, {"service": service}))
    elif answer.verdict is Verdict.REFUSED and answer.record:
        detail = {"service": service, "record": answer.record, "owner": answer.owner, "waiting": False}
        facts.append(_of(state, call, Kind.LOCK_DENIED, Lane.SERVICE, detail))
    return facts


def row_facts(state: SagaState, call: Call, row: Row) -> Iterable[Entry]:
    """Return the `effect` of one ledger row, and the lock that changed hands with it."""
    effect = {
        "service": row.service,
        "n": row.n,
        "kind": row.kind,
        "amount": row.amount,
        "record": row.record,
        "at": row.at,
    }
    yield _of(state, call, Kind.EFFECT, Lane.SERVICE, effect, key=row.key)
    if row.lock:
        kind = Kind.LOCK_ACQUIRED if row.lock == "acquired" else Kind.LOCK_RELEASED
        yield _of(state, call, kind, Lane.SERVICE, {"service": row.service, "record": row.record, "owner": row.order})


def outcome_of(state: SagaState, call: Call, service: str, answer: Answer) -> Entry:
    """Return the orchestrator's entry for an answer that arrived."""
    match answer.verdict:
        case Verdict.OK:
            detail = {"answer": json.loads(answer.body), "replayed": answer.replayed}
            return _of(state, call, Kind.ATTEMPT_SUCCEEDED, Lane.ORCHESTRATOR, detail)
        case Verdict.QUEUED:
            detail = {"service": service, "record": answer.record, "owner": answer.owner, "waiting": True}
            return _of(state, call, Kind.LOCK_DENIED, Lane.ORCHESTRATOR, detail)
        case Verdict.CONFLICT:
            return unheard(state, call, "another delivery of this key is in progress")
        case Verdict.FENCED:
            return failed(state, call, "fenced by its compensation", answer.status, whole_key=True)
        case _:
            return failed(state, call, answer.reason, answer.status, whole_key=answer.whole_key)


def failed(
    state: SagaState, call: Call, reason: str, status: int, *, retryable: bool = False, whole_key: bool = False
) -> Entry:
    """Return a definite failure: nothing happened. `whole_key`: nor will it by any other delivery."""
    detail = {"reason": reason, "status": status, "retryable": retryable, "whole_key": whole_key}
    return _of(state, call, Kind.ATTEMPT_FAILED, Lane.ORCHESTRATOR, detail)


def unheard(state: SagaState, call: Call, reason: str) -> Entry:
    """Return an outcome that is not known."""
    return _of(state, call, Kind.ATTEMPT_UNKNOWN, Lane.ORCHESTRATOR, {"reason": reason})


def settled(state: SagaState, step: str, key: str, service: str, record: str) -> Entry:
    """Return the `lock-released` by which a service confirms that a saga's record is final."""
    detail = {"service": service, "record": record, "owner": state.order}
    return Entry(kind=Kind.LOCK_RELEASED, saga=state.saga, order=state.order, step=step, key=key, detail=detail)


def settlement_call(step: str, key: str) -> Call:
    """Return the address of a settlement for `row_facts`: it is no attempt and has no number."""
    return Call(step=step, op=Op.ACTION, attempt=0, key=key, action_key="", timeout_ms=0)


def _of(state: SagaState, call: Call, kind: Kind, lane: Lane, detail: dict[str, Any], key: str = "") -> Entry:
    return Entry(
        kind=kind,
        lane=lane,
        saga=state.saga,
        order=state.order,
        step=call.step,
        op=call.op if call.attempt else None,
        attempt=call.attempt,
        key=key or call.key,
        detail=detail,
    )
