"""One activity: a call to a service, over a wire that loses things (`FAULTS` in saga.py says which).

To the workflow a fault is an error, or no answer. What a service really did is in its ledger.
"""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.exceptions import ApplicationError

from playground.temporal_project import services
from playground.temporal_project.saga import FAULTS, LATENCY_MS, ORDERS, TIMEOUT_MS
from playground.temporal_project.shapes import Answer, Request

_late: dict[tuple[str, str], Request] = {}


@activity.defn
async def call_service(request: Request) -> Answer:
    """Make one attempt. The services know it by its key, so it may be repeated at any time."""
    fault = _fault_of(request)
    await asyncio.sleep(LATENCY_MS / 2000)
    if fault == "decline":
        raise ApplicationError("declined", type="Refused")
    if fault == "error":
        raise ApplicationError("the service answered 500", type="ServiceError")
    if fault == "crash-before":
        raise ApplicationError("the worker died", type="WorkerDied")
    if fault in ("timeout", "late"):
        if fault == "late":
            _late[request.order, request.step] = request
        return await _say_nothing()
    answer = await _deliver(request)
    if fault == "duplicate":
        answer = await _deliver(request)
    if fault == "crash-after":
        raise ApplicationError("the worker died", type="WorkerDied")
    if fault == "lost-reply":
        return await _say_nothing()
    await asyncio.sleep(LATENCY_MS / 2000)
    if answer.verdict in ("refused", "fenced"):
        # Stored under the key: no delivery of this call has had, or will have, an effect.
        raise ApplicationError(answer.reason, type="RefusedForGood")
    return answer


async def _deliver(request: Request) -> Answer:
    answer = await asyncio.to_thread(services.deliver, request)
    late = _late.pop((request.order, request.step), None)
    if late is not None:  # it arrives at last, after the call that was to make up for it
        await asyncio.to_thread(services.deliver, late)
    return answer


async def _say_nothing() -> Answer:
    await asyncio.sleep(TIMEOUT_MS * 1.5 / 1000)
    raise ApplicationError("nobody listens any more", type="TooLate")


def _fault_of(request: Request) -> str:
    """Return the fault that meets this attempt: the first one listed that has hits left, or ""."""
    used = 0
    for fault in FAULTS:
        if (fault.step, fault.op) != (request.step, request.op):
            continue
        if fault.order not in (None, ORDERS.index(request.order)):
            continue
        if fault.times is None or request.attempt <= used + fault.times:
            return fault.kind
        used += fault.times
    return ""
