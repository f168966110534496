"""Who drives which run: a lease with an epoch, claimed by compare-and-swap.

A claim raises the run's epoch, so that a worker which slept past its lease finds every later
write of its own refused. Workers that claim at once share what is due, and do not wait for
one another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connections
from django.db.models import F, Q

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
    return _take(lease.run, lease.epoch, owner, now, lease_ms, was=owner)


def renew(owner: str, runs: Iterable[str], now: int, lease_ms: int) -> set[str]:
    """Extend leases; return the runs that are still this owner's."""
    with atomic("default"):
        mine = _locked(owner, runs)
        Run.objects.filter(pk__in=mine).update(leased_until=now + lease_ms)
    return set(mine)


def release(owner: str, runs: Iterable[str]) -> None:
    """Give leases back, so that another worker may claim the runs at once."""
    with atomic("default"):
        Run.objects.filter(pk__in=_locked(owner, runs)).update(leased_until=0, lease_owner="")


def _locked(owner: str, runs: Iterable[str]) -> list[str]:
    """Return which of these runs are this owner's, locked in the order in which the journal locks them: no deadlock."""
    mine = Run.objects.filter(pk__in=list(runs), lease_owner=owner).order_by("pk")
    return list((mine.select_for_update() if _locks_rows() else mine).values_list("pk", flat=True))


def _take(run: str, epoch: int, owner: str, now: int, lease_ms: int, was: str = "") -> Lease | None:
    held = Run.objects.filter(pk=run, lease_epoch=epoch, pruning=False)
    held = held.filter(lease_owner=was) if was else held.filter(leased_until__lte=now)
    taken = held.update(lease_owner=owner, lease_epoch=F("lease_epoch") + 1, leased_until=now + lease_ms)
    return Lease(run, epoch + 1) if taken == 1 else None


def _locks_rows() -> bool:
    """Return whether rows can be locked. SQLite locks the whole file as soon as a transaction begins."""
    return connections["default"].features.has_select_for_update
