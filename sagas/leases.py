"""Who drives which run: a lease with an epoch, claimed while its row is locked.

A claim raises the run's epoch, so that a worker which slept past its lease finds every later
write of its own refused. Rows are locked for one short transaction, in the order in which the
journal locks them; a claim passes over locked ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from django.db.models import F, QuerySet

from sagas.databases import atomic
from sagas.errors import LeaseLost
from sagas.models import Command, Run


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive a run until it is claimed again with a higher epoch."""

    run: str
    epoch: int


def claim_due(
    owner: str,
    now: int,
    lease_ms: int,
    limit: int,
    only: str = "",
    *,
    but: Collection[tuple[str, int]] = (),
    portion: Callable[[int], int] | None = None,
) -> list[Lease]:
    """Return leases on up to `limit` runs that can move and that nobody holds.

    A run can move while it is running, or when a command waits for it; one of an engine elsewhere
    is that engine's. `now` is in milliseconds since the epoch. `only` narrows the search to one run;
    runs of the definitions and versions in `but` are passed over. `portion` says how many to take of
    so many that are due.
    """
    seen = _due(now, limit, only, but)
    wanted = seen if portion is None else seen[: portion(len(seen))]
    if not wanted:
        return []
    with atomic("default"):
        # What another one is about to claim is passed over, not waited for; SQLite has one writer at a time anyway.
        free = Run.objects.filter(pk__in=wanted, leased_until__lte=now, pruning=False)
        found = dict(free.select_for_update(skip_locked=True).values_list("pk", "lease_epoch"))
        _take(Run.objects.filter(pk__in=found), owner, now + lease_ms)  # nobody else can have changed them meanwhile
        return [Lease(run, found[run] + 1) for run in wanted if run in found]


def take_over(lease: Lease, owner: str, now: int, lease_ms: int) -> Lease | None:
    """Return a fresh lease on a run that this owner held itself, or None when another has it."""
    mine = Run.objects.filter(pk=lease.run, lease_epoch=lease.epoch, lease_owner=owner, pruning=False)
    return Lease(lease.run, lease.epoch + 1) if _take(mine, owner, now + lease_ms) else None


def hold(run: str, owner: str) -> Lease:
    """Return the lease by which an execution of an engine elsewhere drives a run of its own, the same each time.

    It is held until another execution asks. Raises LeaseLost for a run that is not there or is being pruned.
    """
    while True:
        row = Run.objects.filter(pk=run, pruning=False).values_list("lease_owner", "lease_epoch").first()
        if row is None:
            raise LeaseLost(run, 0)
        if row[0] == owner:
            return Lease(run, row[1])
        free = Run.objects.filter(pk=run, lease_epoch=row[1], pruning=False)
        if free.update(lease_owner=owner, lease_epoch=F("lease_epoch") + 1):
            return Lease(run, row[1] + 1)


def renew(owner: str, runs: Iterable[str], now: int, lease_ms: int) -> set[str]:
    """Extend leases; return the runs that are still this owner's."""
    with atomic("default"):
        mine = Run.objects.filter(pk__in=_locked(owner, runs))
        mine.update(leased_until=now + lease_ms)
        return set(mine.values_list("pk", flat=True))


def release(owner: str, runs: Iterable[str]) -> None:
    """Give leases back, so that another worker may claim the runs at once."""
    with atomic("default"):
        Run.objects.filter(pk__in=_locked(owner, runs)).update(leased_until=0, lease_owner="")


def _locked(owner: str, runs: Iterable[str]) -> list[str]:
    """Return those of some runs that are this owner's, locked in the order in which the journal locks them."""
    mine = Run.objects.filter(pk__in=list(runs), lease_owner=owner).order_by("pk")
    return list(mine.select_for_update().values_list("pk", flat=True))


def _due(now: int, limit: int, only: str, but: Collection[tuple[str, int]]) -> list[str]:
    """Return ids of runs that can move, those first that wait longest.

    Two questions, since no index answers an OR of both; neither looks at the runs that are over.
    """
    free = Run.objects.filter(leased_until__lte=now, pruning=False, engine="")
    asked = Command.objects.filter(handled_seq=None)
    if only:
        free, asked = free.filter(pk=only), asked.filter(run=only)
    for name, version in but:
        free = free.exclude(definition=name, version=version)
    running = free.filter(state=Run.State.RUNNING).order_by("leased_until")
    found = set(running.values_list("leased_until", "pk")[:limit])
    if runs := list(asked.values_list("run_id", flat=True).distinct()):
        found.update(free.filter(pk__in=runs).values_list("leased_until", "pk"))
    return [run for _, run in sorted(found)[:limit]]


def _take(some: QuerySet[Run], owner: str, until: int) -> int:
    """Give runs to an owner, each with its next epoch; return how many that were."""
    return some.update(lease_owner=owner, lease_epoch=F("lease_epoch") + 1, leased_until=until)
