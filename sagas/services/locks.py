"""The semantic lock: a record that a saga has not settled yet says so, and names its owner.

It outlives transactions, so it is data: PENDING from the action on, until the saga
settles or gives the record back. Every change is one conditional update, which names
the state and the owner that it expects; PENDING is never read as final.
Source: Richardson, "Microservices Patterns", chapter 4.3, countermeasure semantic lock;
the idea: Frank and Zahle, "Semantic ACID properties in multidatabases", 1998.
"""

from __future__ import annotations

from django.db import models

from sagas.errors import ServiceMisused
from sagas.services.models import NAME_LENGTH, WORLD_LENGTH

FREE = "free"
PENDING = "pending"


class LockableRow(models.Model):
    """A record that one saga at a time can hold; `owner` is the order that it is for."""

    world = models.CharField(max_length=WORLD_LENGTH)
    record = models.CharField(max_length=NAME_LENGTH)
    state = models.CharField(max_length=NAME_LENGTH)
    owner = models.CharField(max_length=NAME_LENGTH, blank=True)

    class Meta:
        abstract = True
        constraints = [models.UniqueConstraint(fields=["world", "record"], name="%(app_label)s_%(class)s_record")]
        indexes = [models.Index(fields=["id"], name="%(app_label)s_%(class)s_held", condition=models.Q(state=PENDING))]

    def __str__(self) -> str:
        return f"{self.record} {self.state} {self.owner}".rstrip()


def claim(row: LockableRow, owner: str) -> bool:
    """Return whether the record went from free to PENDING for this owner; what `row` says may be old."""
    free = type(row)._default_manager.filter(pk=row.pk, state=FREE)
    return free.update(state=PENDING, owner=owner) == 1


def pass_to(rows: type[LockableRow], world: str, record: str, owner: str, *, heir: str) -> None:
    """Give a PENDING record to the next owner, with no moment in which it is free."""
    _change(rows, world, record, owner, state=PENDING, new_owner=heir)


def give_back(rows: type[LockableRow], world: str, record: str, owner: str) -> None:
    """Make a PENDING record free."""
    _change(rows, world, record, owner, state=FREE, new_owner="")


def settle(rows: type[LockableRow], world: str, record: str, owner: str, state: str) -> None:
    """Make a PENDING record final; it keeps its owner."""
    _change(rows, world, record, owner, state=state, new_owner=owner)


def overwrite(rows: type[LockableRow], world: str, record: str, owner: str, state: str) -> None:
    """Write a record's state over whatever it was. That is wrong on purpose: it shows what a lock is for."""
    rows._default_manager.filter(world=world, record=record).update(state=state, owner=owner)


def pending(rows: type[LockableRow], world: str) -> list[dict[str, str]]:
    """Return `{"record", "owner"}` of the world's PENDING records, in the order they were made."""
    held = rows._default_manager.filter(world=world, state=PENDING).order_by("pk")
    return [{"record": row.record, "owner": row.owner} for row in held]


def _change(rows: type[LockableRow], world: str, record: str, owner: str, *, state: str, new_owner: str) -> None:
    """Raises ServiceMisused unless `owner` holds the record: only the owner lets go."""
    held = rows._default_manager.filter(world=world, record=record, state=PENDING, owner=owner)
    if held.update(state=state, owner=new_owner) != 1:
        raise ServiceMisused(f"{owner} does not hold {record}")
