"""The unreliable wire between a driver elsewhere and the services: one request under the world's fault plan.

What `sagas.network` is to the drivers of this house, this room is to a caller over HTTP, and beside
it the only one that names a fault. Which fault meets a request follows from how many requests for the
same step, direction and order came before; it is counted in the database, so that a restart changes nothing.

| fault                   | what the service does             | what the caller hears                        |
|-------------------------|-----------------------------------|----------------------------------------------|
| `decline`               | is not asked                      | 409, refused                                 |
| `error`                 | is not asked                      | 500, failed: nothing happened                |
| `timeout`               | is not asked                      | nothing until the timeout, then 504          |
| `lost-reply`            | its part                          | nothing until the timeout, then 504          |
| `late`                  | is asked once its step is undone  | nothing until the timeout, then 504          |
| `duplicate`             | is asked twice, answers the first | that answer                                  |
| `crash-before`, `-after`| is not asked; its part            | 502 at once: somebody on the way was killed  |

A crash is the driver's own in this house. Nobody here can kill a driver elsewhere, so it meets whoever
carries the message for it. 502 and 504 say of an outcome what a broken connection says: that it is not known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connections
from django.db.models import QuerySet

from playground.models import CallCount, LateCall
from playground.services.commands import COMMANDS, Command
from playground.services.worlds import World
from playground.tracing.web import here
from sagas import catalog, secondhand
from sagas.decider import key_of
from sagas.entries import Op
from sagas.network import NEVER_DELIVERED, fault_of
from sagas.services.calls import Answer, Call, Verdict, negative

SILENT = ("timeout", "lost-reply", "late")
KILLED = ("crash-before", "crash-after")
UNDELIVERED = (*NEVER_DELIVERED, "timeout", "late", "crash-before")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """What the caller hears in place of the service. `is_definite`: nothing happened; else nobody can tell."""

    status: int
    reason: str
    is_definite: bool = False


def deliver(
    world: World, command: Command, call: Call, sleep: Callable[[float], None] = time.sleep
) -> Answer | NoAnswer:
    """Return what a caller hears of one request. What the service did is in its books, whatever is heard."""
    fault = _fault(world, command, call)
    answer = None if fault in UNDELIVERED else hand_over(command, call)
    if fault == "late":
        LateCall.objects.create(
            world=world.id,
            order=call.order,
            service=command.service,
            command=command.name,
            key=call.key,
            body=call.body,
        )
    elif fault == "duplicate":
        hand_over(command, call)
    if answer is not None and answer.verdict is Verdict.OK and command.op is Op.COMPENSATION:
        _let_arrive(world, LateCall.objects.filter(world=world.id, order=call.order), undone=command.step)
    if fault in SILENT:
        sleep(world.plan.timeout_ms / 1000)
        return NoAnswer(status=504, reason=f"no answer from {command.service} within {world.plan.timeout_ms} ms")
    if fault in KILLED:
        return NoAnswer(status=502, reason=f"the connection to {command.service} broke")
    if fault == "error":
        return NoAnswer(status=500, reason="the service answered 500", is_definite=True)
    return negative(Verdict.REFUSED, 409, "declined") if answer is None else answer


def hand_over(command: Command, call: Call) -> Answer:
    """Return the service's answer to one delivery. Like every caller it looks first where nothing is locked."""
    service = catalog.SERVICES[command.service]
    seen = None
    if service.looks_first(command.handler, call.lock):
        seen = secondhand.decided(service.look(command.handler, call))
    return service.deliver(command.handler, call, seen)


def close(world: World) -> int:
    """Let every message arrive that is still on its way and whose undo is not owed; return how many did.

    What is still on its way of an order that was turned back belongs to a step that nobody has undone: an effect
    behind the back of whoever is asked to undo it would help nobody.
    """
    late = LateCall.objects.filter(world=world.id)
    turned = CallCount.objects.filter(world=world.id, op=Op.COMPENSATION.value).values("order")
    return _let_arrive(world, late.exclude(order__in=turned))


def call_of(world: World, command: Command, order: str, key: str, body: dict[str, object]) -> Call:
    """Return the call that a service is handed, under the protections of this world."""
    return Call(
        world=world.id,
        order=order,
        key=key,
        action_key=key_of(order, command.step),
        op=command.op,
        body=body,
        idempotency=world.plan.idempotency,
        lock=world.plan.lock,
        traceparent=here(),
    )


def _fault(world: World, command: Command, call: Call) -> str:
    """Return the fault that meets this request, or "". A settlement meets none, as in this house."""
    if command.op is None or not world.plan.faults:
        return ""
    number = _count(world.id, call.order, command.step, command.op)
    return fault_of(world.plan.faults, command.step, command.op, number, world.index(call.order))


def _count(world: str, order: str, step: str, op: Op) -> int:
    """Return the number, from 1, of this request among those of its step and direction."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            f'INSERT INTO {CallCount._meta.db_table} (world, "order", step, op, n) VALUES (%s, %s, %s, %s, 1) '
            f'ON CONFLICT (world, "order", step, op) DO UPDATE SET n = {CallCount._meta.db_table}.n + 1 RETURNING n',
            [world, order, step, str(op)],
        )
        return int(cursor.fetchone()[0])


def _let_arrive(world: World, late: QuerySet[LateCall], undone: str = "") -> int:
    """Deliver these messages, or those of the step that was just undone; return how many."""
    count = 0
    for message in list(late.order_by("pk")):
        command = COMMANDS[message.service, message.command]
        if undone and command.step != undone:
            continue
        if LateCall.objects.filter(pk=message.pk).delete()[0]:  # whoever takes it off its way delivers it
            hand_over(command, call_of(world, command, message.order, message.key, message.body))
            count += 1
    return count
