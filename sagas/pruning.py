"""Old runs go, with all that they own in every database.

No transaction spans the databases, so a run is marked first: from then on nobody drives it, asks
anything of it or forks it, and the database lets its journal be deleted. The services forget its
world, and its own rows go last. Whoever prunes next goes on with what is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sagas import catalog
from sagas.databases import atomic
from sagas.models import Command, Run

RUNS_PER_BATCH = 100

Forget = Callable[[str], None]


def prune(finished_before_ms: int, now: int, also: Iterable[Forget] = (), batch: int = RUNS_PER_BATCH) -> Iterator[int]:
    """Drop the runs that finished before a moment; yield how many went, batch by batch.

    A run that somebody holds or has just asked something of stays. `also` is called with the id
    of each run before its rows go. Times in milliseconds since the epoch.
    """
    extras = list(also)
    while runs := _marked(batch) or _mark(finished_before_ms, now, batch):
        for service in catalog.SERVICES.values():
            service.forget(*runs)
        for run in runs:
            for forget in extras:
                forget(run)
        with atomic("default"):
            Run.objects.filter(pk__in=runs).delete()
        yield len(runs)


def _marked(batch: int) -> list[str]:
    return list(Run.objects.filter(pruning=True).order_by("pk").values_list("pk", flat=True)[:batch])


def _mark(finished_before_ms: int, now: int, batch: int) -> list[str]:
    asked = Command.objects.filter(handled_seq=None).values("run_id")
    old = Run.objects.filter(
        state=Run.State.FINISHED, finished_at_ms__lt=finished_before_ms, leased_until__lte=now, pruning=False
    ).exclude(pk__in=asked)
    runs = list(old.order_by("finished_at_ms").values_list("pk", flat=True)[:batch])
    with atomic("default"):
        old.filter(pk__in=runs).update(pruning=True)
    return _marked(batch)
