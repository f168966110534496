"""The live stream: from a commit, through the channel layer, to the sockets of this process.

One hub per process subscribes once to what `publish` sends, and routes by run to the feeds
that somebody watches. The layer delivers at most once and drops silently; the journal is
the truth. So a feed reads what it lacks, and once per second the hub looks whether any feed
lacks something that nobody told it of. Nothing is shown that is not committed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from playground import metrics
from playground.feeds import Feed, Viewer, paint_entry, painter
from playground.layer import PATROL_SECONDS, Subscription, publish
from playground.scene import Fold
from sagas import catalog, journal
from sagas.clock import cancel_and_wait, spawn
from sagas.entries import Entry, entry_from_json
from sagas.errors import RunUnknown
from sagas.models import Run, Saga
from sagas.plan import plan_from_json

__all__ = ["JSON", "SCENES", "Hub", "hub", "publish"]

logger = logging.getLogger(__name__)

RESUBSCRIBE_SECONDS = 600.0  # well within the day after which a layer forgets a member of a group
READ_ENTRIES = 1000

Key = tuple[str, str]  # a run, and the saga in focus; "" for the journal itself

SCENES = "scenes"
JSON = "json"


def hub() -> Hub:
    """Return the hub of this process, which is that of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


class Hub:
    """All feeds that are watched through this process."""

    def __init__(self) -> None:
        self._feeds: dict[Key, Feed] = {}
        self._by_run: dict[str, set[Key]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._gate = asyncio.Lock()

    @property
    def watched(self) -> int:
        """How many feeds are open."""
        return len(self._feeds)

    async def join(self, run: str, after: int = 0, focus: str = "", view: str = SCENES) -> Viewer:
        """Return a viewer that first gets what it missed after `after`, then everything live.

        Raises RunUnknown for an unknown run, or a saga that is not of that run.
        """
        key = (run, focus or f"{run}-1") if view == SCENES else (run, "")
        if key not in self._feeds:
            row = await database_sync_to_async(_load)(*key)
            if key not in self._feeds:
                self._feeds[key] = _open(row, key[1])
                self._by_run.setdefault(run, set()).add(key)
        feed = self._feeds[key]
        viewer = Viewer(feed)
        feed.viewers.add(viewer)
        metrics.open_sockets.inc()
        try:
            await self._tend()  # subscribed first, then read: what is committed in between is heard of
            await feed.refill()
        except BaseException:
            await self.leave(viewer)
            raise
        viewer.begin(after)
        return viewer

    async def leave(self, viewer: Viewer) -> None:
        """Forget a viewer, and with the last one of a feed the feed."""
        if viewer not in viewer.feed.viewers:
            return
        viewer.feed.viewers.discard(viewer)
        metrics.open_sockets.dec()
        if not viewer.feed.viewers:
            self._drop(viewer.feed)
        await self._tend()

    def _drop(self, feed: Feed) -> None:
        feed.close()
        (key,) = (key for key, found in self._feeds.items() if found is feed)
        del self._feeds[key]
        self._by_run[key[0]].discard(key)
        if not self._by_run[key[0]]:
            del self._by_run[key[0]]

    def _of(self, run: str) -> list[Feed]:
        return [self._feeds[key] for key in self._by_run.get(run, ())]

    async def _tend(self) -> None:
        """Listen while anybody watches, and only then."""
        async with self._gate:
            if self._feeds and not self._tasks:
                subscription = Subscription()
                await subscription.renew()
                self._tasks = [
                    spawn(self._listen(subscription), "listen to the journal"),
                    spawn(self._patrol(subscription), "look for lost messages"),
                ]
            elif not self._feeds and self._tasks:
                tasks, self._tasks = self._tasks, []
                await cancel_and_wait(*tasks)

    async def _listen(self, subscription: Subscription) -> None:
        try:
            while True:
                message = await subscription.receive()
                for run, text in message.get("runs", ()):
                    if feeds := self._of(run):
                        self._route(feeds, text, message["at"])
        finally:
            await subscription.end()

    @staticmethod
    def _route(feeds: Sequence[Feed], text: str, committed_at: float) -> None:
        try:
            entries = [entry_from_json(value) for value in json.loads(text)]
            for feed in feeds:
                feed.offer(entries, committed_at)
        except Exception:
            logger.exception("live.entries-refused", extra={"feeds": len(feeds)})

    async def _patrol(self, subscription: Subscription) -> None:
        renew_at = time.monotonic() + RESUBSCRIBE_SECONDS
        while True:
            await asyncio.sleep(PATROL_SECONDS)
            try:
                heads = await database_sync_to_async(_heads)(list(self._by_run))
                for run, head in heads.items():
                    for feed in self._of(run):
                        feed.want(head)
                if time.monotonic() >= renew_at:
                    await subscription.renew()
                    renew_at = time.monotonic() + RESUBSCRIBE_SECONDS
            except Exception:
                logger.exception("live.patrol-failed", extra={"feeds": len(self._feeds)})


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def _open(row: Run, saga: str) -> Feed:
    async def read(after: int) -> Sequence[Entry]:
        entries: Sequence[Entry] = await database_sync_to_async(journal.read)(row.pk, after, READ_ENTRIES)
        return entries

    if not saga:
        return Feed("entries", paint_entry, read, may_snap=False)
    fold = Fold(plan_from_json(row.scenario), catalog.definition(row.definition, row.version), saga)
    return Feed("frames", painter(fold), read, may_snap=True)


def _load(run: str, saga: str) -> Run:
    row = Run.objects.filter(pk=run).first()
    if row is None:
        raise RunUnknown("run", run)
    if saga and not (saga.startswith(f"{run}-") and saga.isprintable() and Saga.objects.filter(pk=saga).exists()):
        raise RunUnknown("saga", saga)
    return row


def _heads(runs: Sequence[str]) -> dict[str, int]:
    return dict(Run.objects.filter(pk__in=runs).values_list("pk", "last_seq"))
