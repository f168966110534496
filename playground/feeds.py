"""A feed: one run as one kind of viewer sees it, each entry painted and encoded once.

A viewer keeps no queue of its own, only its place in the feed. So however slow it is, it
costs nothing, and when it has fallen far behind it is taken to the newest frame.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from playground import metrics
from playground.scene import Fold
from sagas.clock import spawn
from sagas.entries import Entry, Kind

logger = logging.getLogger(__name__)

COALESCE_SECONDS = 0.016  # one message per frame of the screen, and under load for everybody
REST = 4  # times as long as the last telling took: so long readers of the journal are told nothing more
FRAMES_PER_MESSAGE = 150  # under 700 kB: clients of the usual libraries refuse more than a megabyte
WINDOW = 256  # frames that a viewer which acknowledges may be behind before nothing more is sent
SNAP_FRAMES = 64  # a viewer that was held up and is further behind than this is not told all of it
SLOW_SECONDS = 0.5  # a send that took longer held its viewer up

Paint = Callable[[Entry], str]
Read = Callable[[int], Awaitable[Sequence[Entry]]]


def encode(value: object) -> str:
    """Return the JSON text of a value, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def paint_entry(entry: Entry) -> str:
    """Return the frame of a viewer that wants the journal itself."""
    return encode(entry.to_json())


def painter(fold: Fold) -> Paint:
    """Return what makes frames of a stage: the entry, and the scene after it."""

    def paint(entry: Entry) -> str:
        fold.add(entry)
        return encode({"entry": entry.to_json(), "scene": fold.scene()})

    return paint


class Feed:
    """Frames 1, 2, 3 … of a run, and who watches. `word` is the key under which a message holds frames."""

    def __init__(self, word: str, paint: Paint, read: Read, *, may_snap: bool) -> None:
        self.may_snap = may_snap
        self.viewers: set[Viewer] = set()
        self.finished = False
        self.committed_at: float | None = None  # of the newest frame that came live; seconds since the epoch
        self._word, self._paint, self._read = word, paint, read
        self._frames: list[str] = []
        self._wanted = 0
        self._reading = asyncio.Lock()
        self._refill: asyncio.Task[None] | None = None
        self._rest_until = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._message: tuple[tuple[int, int, bool], str] = ((0, 0, False), "")

    @property
    def head(self) -> int:
        """The `seq` of the newest frame."""
        return len(self._frames)

    def offer(self, entries: Sequence[Entry], committed_at: float | None = None) -> None:
        """Take committed entries; what is known is passed over, and a gap before them is read from the journal."""
        fresh = [entry for entry in entries if entry.seq > self.head]
        if not fresh:
            return
        if fresh[0].seq > self.head + 1 or self._reading.locked():
            self.want(fresh[-1].seq)
            return
        self.committed_at = committed_at
        self._add(fresh)

    def want(self, seq: int) -> None:
        """See to it that the journal is read up to `seq`, of which something was heard."""
        self._wanted = max(self._wanted, seq)
        if self.head < self._wanted and (self._refill is None or self._refill.done()):
            self._refill = spawn(self._refill_later(), "refill a feed")

    async def refill(self) -> None:
        """Read from the journal whatever is missing, until nothing is."""
        async with self._reading:
            while True:
                entries = await self._read(self.head)
                self._add([entry for entry in entries if entry.seq > self.head])
                if not entries:
                    return

    def message(self, after: int, until: int) -> str:
        """Return the message with the frames after one `seq` up to another; viewers at one place share it."""
        finished = self.finished and until == self.head
        key = (after, until, finished)
        if self._message[0] != key or not self._message[1]:
            self._message = (key, self._text(self._frames[after:until], ',"finished":true' if finished else ""))
        return self._message[1]

    def snap(self) -> str:
        """Return the message that leaves out everything but the newest frame."""
        return self._text(self._frames[-1:], ',"snap":true' + (',"finished":true' if self.finished else ""))

    def close(self) -> None:
        """Stop what is under way: nobody watches any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self._refill is not None:
            self._refill.cancel()

    async def _refill_later(self) -> None:
        try:
            await self.refill()
        except Exception:
            logger.exception("feed.refill-failed")  # whoever hears of a newer entry tries again

    def _text(self, frames: Sequence[str], more: str) -> str:
        return f'{{"{self._word}":[{",".join(frames)}]{more}}}'

    def _add(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._frames.append(self._paint(entry))
            self.finished = entry.kind is Kind.RUN_FINISHED
        if entries:
            self._wake_soon()

    def _wake_soon(self) -> None:
        """Wake the viewers at once unless they were just told something.

        A page is told at most once per frame of its screen, since every message is work that delays the next
        paint. Who reads the journal rests in proportion to what the last telling cost, up to that: few hear of
        each entry by itself, and many of all that came meanwhile.
        """
        if self._alarm is not None:
            return
        loop = asyncio.get_running_loop()
        rest = self._rest_until - loop.time()
        if rest > 0:
            self._alarm = loop.call_later(rest, self._wake)
        else:
            self._wake()

    def _wake(self) -> None:
        self._alarm = None
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self._rest_until = begun + COALESCE_SECONDS
        for viewer in self.viewers:
            viewer.wake()
        loop.call_soon(self._told, begun)  # after what the viewers do now

    def _told(self, begun: float) -> None:
        if self.may_snap:
            return
        now = asyncio.get_running_loop().time()
        self._rest_until = now + min(COALESCE_SECONDS, REST * (now - begun))


class Viewer:
    """One socket's place in a feed. `begin`, then iterate over it for the messages to send, in order."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._sent = 0
        self._missed = 0  # what it missed before it came, it gets in full
        self._acknowledged: int | None = None
        self._told_end = -1
        self._held_up = False
        self._work = asyncio.Event()

    def begin(self, after: int) -> None:
        """Take a place: everything after this `seq` is still to be sent."""
        self._missed = self.feed.head
        self._sent = min(after, self._missed)

    def wake(self) -> None:
        """Look again: there may be something to send."""
        self._work.set()

    def acknowledge(self, seq: int) -> None:
        """Note that the client has shown everything up to `seq`; from the first time on, it is held to that."""
        self._acknowledged = max(self._acknowledged or 0, min(seq, self._sent))
        self._work.set()

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            text = self._next()
            if text is None:
                self._work.clear()
                await self._work.wait()
                continue
            begun = time.monotonic()
            yield text
            self._held_up = self._held_up or time.monotonic() - begun > SLOW_SECONDS

    def _next(self) -> str | None:
        feed = self.feed
        if self._sent >= feed.head:
            return self._ending()
        if self._acknowledged is not None and self._sent - self._acknowledged >= WINDOW:
            self._held_up = True
            return None
        behind, held_up, self._held_up = feed.head - self._sent, self._held_up, False
        if feed.may_snap and held_up and behind > SNAP_FRAMES and self._sent >= self._missed:
            self._advance(feed.head)
            return feed.snap()
        after = self._sent
        self._advance(min(feed.head, after + FRAMES_PER_MESSAGE))
        return feed.message(after, self._sent)

    def _advance(self, until: int) -> None:
        self._sent = until
        if self.feed.finished and until == self.feed.head:
            self._told_end = until
        if self.feed.committed_at is not None and until == self.feed.head and until > self._missed:
            metrics.commit_to_send.observe(max(0.0, time.time() - self.feed.committed_at))

    def _ending(self) -> str | None:
        """Return the message that says only that the run is finished, where no frame has said it."""
        if not self.feed.finished or self._told_end == self.feed.head:
            return None
        self._told_end = self.feed.head
        return self.feed.message(self.feed.head, self.feed.head)
