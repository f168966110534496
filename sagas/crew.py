"""Who works beside one worker: whom it shares the runs with, and who has which definition.

A worker says now and then that it is alive, how many runs it drives and which versions it has.
From what the others said it knows its fair part of the runs that are due, and which of them it
must leave to somebody who can drive them. What they said may be old: then a part is too small
for one poll, and a run waits a little longer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection

from sagas import catalog
from sagas.databases import atomic
from sagas.models import LiveWorker

logger = logging.getLogger(__name__)

Version = tuple[str, int]  # a definition's name and version


class Crew:
    """The workers that are alive, as one of them sees it. Times in milliseconds.

    `say`, `hear`, `portion` and `leave` belong to the worker's database thread, the rest to its event loop.
    `poll_ms` is how long others have to take what one left to them, `strand_ms` how long a version may
    be missing everywhere.
    """

    def __init__(self, owner: str, *, lease_ms: int, poll_ms: int, strand_ms: int) -> None:
        self._owner, self._lease_ms, self._poll_ms, self._strand_ms = owner, lease_ms, poll_ms, strand_ms
        self._others: Collection[LiveWorker] = ()
        self._left_since: float | None = None
        self._elsewhere: set[Version] = set()  # what others have and this worker lacks
        self._lacking: dict[Version, float] = {}  # the same and more: when somebody was last known to have it

    def say(self, now: int, driving: int) -> None:
        """Say that this worker is alive, and hear of the others. Until it says so again it counts for two leases."""
        versions = sorted([name, number] for name, number in catalog.DEFINITIONS)
        said = {"until_ms": now + 2 * self._lease_ms, "driving": driving, "versions": versions}
        with atomic("default"):
            LiveWorker.objects.update_or_create(owner=self._owner, defaults=said)
            LiveWorker.objects.filter(until_ms__lt=now - 2 * self._lease_ms).delete()
        self.hear(now)

    def hear(self, now: int) -> None:
        """Read what the others said."""
        self._others = list(LiveWorker.objects.filter(until_ms__gte=now).exclude(owner=self._owner))
        said = {(name, number) for other in self._others for name, number in other.versions}
        self._elsewhere = said - set(catalog.DEFINITIONS)
        self._lacking.update(dict.fromkeys(self._elsewhere, time.monotonic()))

    def leave(self) -> None:
        """Be no longer counted."""
        LiveWorker.objects.filter(owner=self._owner).delete()

    def portion(self, driving: int, due: int) -> int:
        """Return how many of `due` runs to claim: a fair part at first, all of them when nobody took the rest.

        A part is fair when every worker would drive as many runs as any other; of any at all it is at least one.
        Where nothing is due, nothing is left to anybody any more.
        """
        total = driving + sum(other.driving for other in self._others) + due
        fair = max(1, -(-total // (len(self._others) + 1)) - driving)
        if fair >= due:
            self._left_since = None
            return due
        now = time.monotonic()
        if self._left_since is None:
            self._left_since = now
        elif (now - self._left_since) * 1000 >= self._poll_ms:
            self._left_since = None
            return due
        return fair

    @property
    def has_left_some(self) -> bool:
        """Whether the last portion left runs to the others."""
        return self._left_since is not None

    def is_for_others(self, version: Version) -> bool:
        """Return whether a run of a version that this worker lacks is to be left alone, because another may have it.

        The first question about a version begins its time; it ends where no live worker has said in
        `strand_ms` that it has the version.
        """
        if version not in self._lacking:
            logger.warning("worker.version-missing: %s %d is left to others", *version)
        since = self._lacking.setdefault(version, time.monotonic())
        return version in self._elsewhere or (time.monotonic() - since) * 1000 < self._strand_ms

    def left_alone(self) -> list[Version]:
        """Return the versions of which this worker claims no runs."""
        known = catalog.DEFINITIONS
        return sorted(v for v in list(self._lacking) if v not in known and self.is_for_others(v))
