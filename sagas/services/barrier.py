"""The barrier: one unique row per world, step and direction decides what a delivery may do.

| arrives      | finds                       | passage                                    |
|--------------|-----------------------------|--------------------------------------------|
| action       | nothing                     | OPEN, and leaves its own mark              |
| action       | a mark of a compensation    | FENCED: its compensation has been here     |
| action       | only marks of actions       | OPEN: it queued, or answers are not stored |
| compensation | nothing                     | EMPTY: leaves the action's mark as its own |
| compensation | the action's mark           | OPEN, and leaves its own mark              |

A mark is an INSERT that does nothing on a conflict; on PostgreSQL it waits for an open
transaction that inserts the same mark, so of two deliveries exactly one comes first.
Source: dtm, client/dtmcli/barrier.go; Ye Dongfu, "sub-transaction barrier". There a
second action is dropped; here the stored answers do that, and the barrier lets it in.
"""

from __future__ import annotations

from enum import StrEnum

from sagas.entries import Op
from sagas.errors import ServiceMisused
from sagas.services import sql
from sagas.services.calls import Call
from sagas.services.models import BarrierRow


class Passage(StrEnum):
    """What the barrier says to a delivery."""

    OPEN = "open"
    EMPTY = "empty"
    FENCED = "fenced"


def pass_through(marks: type[BarrierRow], call: Call) -> Passage:
    """Return the passage of this delivery and leave its mark in the open transaction."""
    if call.op is None:
        raise ServiceMisused("a settlement has no barrier")
    first = _mark(marks, call, Op.ACTION)
    if call.op is Op.ACTION:
        return Passage.FENCED if not first and _compensated(marks, call) else Passage.OPEN
    if first:
        return Passage.EMPTY
    _mark(marks, call, Op.COMPENSATION)
    return Passage.OPEN


def _mark(marks: type[BarrierRow], call: Call, op: Op) -> bool:
    """Return whether this mark is new."""
    inserted = sql.run(
        marks,
        "INSERT INTO {table} (world, action_key, op, inserted_by) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING RETURNING op",
        [call.world, call.action_key, str(op), str(call.op)],
    )
    return bool(inserted)


def _compensated(marks: type[BarrierRow], call: Call) -> bool:
    left = marks._default_manager.filter(world=call.world, action_key=call.action_key)
    return left.filter(inserted_by=Op.COMPENSATION.value).exists()
