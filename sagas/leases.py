"""Who drives which run: a lease with an epoch, and the claims that raise it.

A claim raises the run's epoch, so that a worker which slept past its lease finds every later
write of its own refused. Workers that claim at once share what is due, and do not wait for
one another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connections
from django.db.models import F, Q, QuerySet

from sagas.databases import atomic
from sagas.models import Command, Run


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive a run until it is claimed again with a higher epoch."""

    run: str
    epoch: int


def claim_due(owner: str, now: int, lease_ms: int, limit: int, only: str = "") -> list[Lease]:
    """Return leases on up to `limit` runs that can move and that nobody holds.

    A run can move while it is running, or when a command waits for it. `now` is in
    milliseconds since the epoch. `only` narrows the search to one run.
    """
    waiting = Command.objects.filter(handled_seq=None).values("run_id")
    due = Run.objects.filter(Q(state=Run.State.RUNNING) | Q(pk__in=waiting), leased_until__lte=now, pruning=False)
    if only:
        due = due.filter(pk=only)
    if not due.exists():
        return []
    with atomic("default"):
        # What another worker is about to take is passed over, not waited for.
        free = due.select_for_update(skip_locked=True, of=("self",)) if _locks_rows() else due
        epochs = dict(free.order_by("leased_until").values_list("pk", "lease_epoch")[:limit])
        taken = Run.objects.filter(pk__in=epochs)
        taken.update(lease_owner=owner, lease_epoch=F("lease_epoch") + 1, leased_until=now + lease_ms)
    return [Lease(run, epoch + 1) for run, epoch in epochs.items()]


def take_over(lease: Lease, owner: str, now: int, lease_ms: int) -> Lease | None:
    """Return a fresh lease on a run that this owner held itself, or None when another has it."""
    held = Run.objects.filter(pk=lease.run, lease_epoch=lease.epoch, lease_owner=owner, pruning=False)
    taken = held.update(lease_epoch=F("lease_epoch") + 1, leased_until=now + lease_ms)
    return Lease(lease.run, lease.epoch + 1) if taken == 1 else None


def renew(owner: str, runs: Iterable[str], now: int, lease_ms: int) -> set[str]:
    """Extend leases; return the runs that are still this owner's."""
    with atomic("default"):
        mine = _locked(owner, runs)
        mine.update(leased_until=now + lease_ms)
        return set(mine.values_list("pk", flat=True))


def release(owner: str, runs: Iterable[str]) -> None:
    """Give leases back, so that another worker may claim the runs at once."""
    with atomic("default"):
        _locked(owner, runs).update(leased_until=0, lease_owner="")


def _locked(owner: str, runs: Iterable[str]) -> QuerySet[Run]:
    """Return those of the runs that are this owner's, locked in the order in which the journal locks runs: no deadlock."""
    mine = Run.objects.filter(pk__in=list(runs), lease_owner=owner).order_by("pk")
    locked = list((mine.select_for_update() if _locks_rows() else mine).values_list("pk", flat=True))
    return Run.objects.filter(pk__in=locked)


def _locks_rows() -> bool:
    """Return whether rows can be locked. SQLite locks the whole file as soon as a transaction begins."""
    return connections["default"].features.has_select_for_update
