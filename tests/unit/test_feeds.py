"""A feed and its viewers: shared frames, shared messages, and nobody is buffered for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from playground import feeds
from playground.feeds import FRAMES_PER_MESSAGE, SNAP_FRAMES, WINDOW, Feed, Viewer, paint_entry
from sagas.entries import Entry, Kind, Lane


def entries(first: int, last: int, *, end: bool = False) -> list[Entry]:
    """Return entries first…last; with `end` the last one finishes the run."""
    kinds = [Kind.REPLAYED] * (last - first) + [Kind.RUN_FINISHED if end else Kind.REPLAYED]
    return [Entry(kind=kind, lane=Lane.OBSERVER, seq=n) for n, kind in enumerate(kinds, first)]


def feed_of(journal: Sequence[Entry] = (), *, may_snap: bool = True) -> Feed:
    """Return a feed over this journal, which it reads three entries at a time."""

    async def read(after: int) -> Sequence[Entry]:
        return journal[after : after + 3]

    return Feed("frames", paint_entry, read, may_snap=may_snap)


def watch(feed: Feed, after: int = 0) -> tuple[Viewer, AsyncIterator[str]]:
    viewer = Viewer(feed)
    feed.viewers.add(viewer)
    viewer.begin(after)
    return viewer, aiter(viewer)


async def message(stream: AsyncIterator[str]) -> dict[str, Any]:
    return dict(json.loads(await asyncio.wait_for(anext(stream), 10)))


async def seqs(stream: AsyncIterator[str]) -> list[int]:
    return [frame["seq"] for frame in (await message(stream))["frames"]]


async def nothing(stream: AsyncIterator[str]) -> asyncio.Task[str]:
    """Return the task that waits for the next message, once it has looked and found none."""
    waiting = asyncio.ensure_future(anext(stream))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    return waiting


async def test_what_was_missed_comes_in_messages_of_bounded_size() -> None:
    feed = feed_of()
    feed.offer(entries(1, 2 * FRAMES_PER_MESSAGE + 1))
    _, stream = watch(feed)
    assert [len(await seqs(stream)) for _ in range(3)] == [FRAMES_PER_MESSAGE, FRAMES_PER_MESSAGE, 1]


async def test_viewers_at_one_place_are_sent_the_same_text() -> None:
    feed = feed_of()
    feed.offer(entries(1, 3))
    (_, one), (_, two) = watch(feed), watch(feed)
    assert await anext(one) is await anext(two)


async def test_a_frame_comes_at_once_after_a_pause_and_a_burst_in_one_message() -> None:
    feed = feed_of()
    _, stream = watch(feed)
    waiting = await nothing(stream)
    feed.offer(entries(1, 1))
    assert [frame["seq"] for frame in json.loads(await waiting)["frames"]] == [1]
    waiting = await nothing(stream)
    for n in range(2, 6):
        feed.offer(entries(n, n))
    assert [frame["seq"] for frame in json.loads(await waiting)["frames"]] == [2, 3, 4, 5]


async def test_entries_known_already_are_passed_over() -> None:
    feed = feed_of()
    feed.offer(entries(1, 3))
    feed.offer(entries(2, 3))
    feed.offer(entries(2, 4))
    assert feed.head == 4


async def test_a_gap_is_read_from_the_journal() -> None:
    feed = feed_of(entries(1, 10))
    feed.offer(entries(1, 1))
    feed.offer(entries(7, 7))
    assert feed.head == 1
    await feed._refill  # type: ignore[misc]
    assert feed.head == 10


async def test_what_is_heard_during_a_read_is_not_lost() -> None:
    journal, begun, go_on = entries(1, 4), asyncio.Event(), asyncio.Event()

    async def read(after: int) -> Sequence[Entry]:
        page = journal[after:]
        begun.set()
        await go_on.wait()
        return page

    feed = Feed("frames", paint_entry, read, may_snap=True)
    feed.offer(journal)
    reading = asyncio.ensure_future(feed.refill())
    await begun.wait()
    journal += entries(5, 5)
    feed.offer(journal[4:])
    go_on.set()
    await reading
    await feed._refill  # type: ignore[misc]
    assert feed.head == 5


async def test_a_journal_that_cannot_be_read_is_read_again_when_more_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[Any] = [OSError("away"), entries(1, 2), []]

    async def read(after: int) -> Sequence[Entry]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    feed = Feed("frames", paint_entry, read, may_snap=True)
    for _ in range(2):
        feed.want(2)
        await feed._refill  # type: ignore[misc]
    assert feed.head == 2
    assert "feed.refill-failed" in caplog.text


async def test_a_viewer_that_acknowledges_is_sent_no_more_than_a_window() -> None:
    feed = feed_of(may_snap=False)
    feed.offer(entries(1, 1))
    viewer, stream = watch(feed)
    assert await seqs(stream) == [1]
    viewer.acknowledge(1)
    feed.offer(entries(2, WINDOW + FRAMES_PER_MESSAGE + 50))
    sent = 1
    while sent < 1 + WINDOW:
        sent = (await seqs(stream))[-1]
    waiting = await nothing(stream)
    viewer.acknowledge(sent)
    assert json.loads(await waiting)["frames"][0]["seq"] == sent + 1


async def test_a_viewer_that_falls_far_behind_is_taken_to_the_newest_frame() -> None:
    feed = feed_of()
    viewer, stream = watch(feed)
    feed.offer(entries(1, 1))
    assert await seqs(stream) == [1]
    viewer.acknowledge(1)
    sent, last = 1, 1
    while sent - 1 < WINDOW:
        last += FRAMES_PER_MESSAGE
        feed.offer(entries(last - FRAMES_PER_MESSAGE + 1, last))
        sent = (await seqs(stream))[-1]
    feed.offer(entries(last + 1, last + SNAP_FRAMES + 5, end=True))
    waiting = await nothing(stream)
    viewer.acknowledge(sent)
    snapped = json.loads(await waiting)
    assert ([frame["seq"] for frame in snapped["frames"]], snapped["snap"], snapped["finished"]) == (
        [last + SNAP_FRAMES + 5],
        True,
        True,
    )


async def test_a_viewer_whose_line_is_slow_is_taken_to_the_newest_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "SLOW_SECONDS", -1.0)  # every send counts as slow
    feed = feed_of()
    _, stream = watch(feed)
    feed.offer(entries(1, 1))
    await message(stream)
    feed.offer(entries(2, SNAP_FRAMES + 3))
    snapped = await message(stream)
    assert ([frame["seq"] for frame in snapped["frames"]], snapped["snap"]) == ([SNAP_FRAMES + 3], True)


async def test_the_journal_itself_is_never_snapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "SLOW_SECONDS", -1.0)
    feed = feed_of(may_snap=False)
    _, stream = watch(feed)
    feed.offer(entries(1, 1))
    await message(stream)
    feed.offer(entries(2, SNAP_FRAMES + 3))
    assert await seqs(stream) == list(range(2, SNAP_FRAMES + 4))


async def test_the_last_message_says_finished_and_so_does_an_empty_one_for_who_has_all() -> None:
    feed = feed_of()
    feed.offer(entries(1, 3, end=True))
    _, stream = watch(feed)
    assert (await message(stream))["finished"] is True
    _, stream = watch(feed, after=3)
    assert await message(stream) == {"frames": [], "finished": True}


async def test_a_run_that_goes_on_after_its_end_is_not_finished_any_more() -> None:
    feed = feed_of()
    feed.offer(entries(1, 3, end=True))
    _, stream = watch(feed)
    await message(stream)
    waiting = await nothing(stream)
    feed.offer(entries(4, 4))
    assert "finished" not in json.loads(await waiting)
    feed.offer(entries(5, 5, end=True))
    assert (await message(stream))["finished"] is True
