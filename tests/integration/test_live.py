"""The stream, over real databases, a real worker and the real channel layer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator

from playground import live, metrics
from playground.routing import application_for
from sagas.entries import Entry
from sagas.models import Run
from sagas.runs import create_run, retry_saga
from tests.engine import fault, finish, read, scenario, working
from tests.layers import members

pytestmark = pytest.mark.usefixtures("engine_databases")

PATIENCE = 20  # seconds until a message that does not come fails a test


async def made(*faults: Any, **fields: Any) -> Run:
    """Return a new run that no worker drives yet."""
    return await asyncio.to_thread(create_run, scenario(*faults, **{"timeout_ms": 2000, **fields}))


async def rested(*faults: Any, **fields: Any) -> Run:
    """Return a run that has come to rest before anybody watched."""
    run = await made(*faults, **fields)
    await asyncio.to_thread(finish, run)
    return run


async def journal_of(run: Run) -> list[Entry]:
    return (await asyncio.to_thread(read, run.pk)).entries


class Socket:
    """A client of one address: what it was sent, message by message."""

    def __init__(self, line: WebsocketCommunicator) -> None:
        self._line = line
        self.messages: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self._line.receive_from(PATIENCE))
        self.messages.append(message)
        return message

    async def say(self, value: object) -> None:
        await self._line.send_to(text_data=json.dumps(value))

    async def until_finished(self) -> list[dict[str, Any]]:
        """Return all frames, or entries, up to the message that says that the run is finished."""
        while not (await self.next()).get("finished"):
            pass
        return self.received

    async def until(self, seq: int) -> list[dict[str, Any]]:
        while len(self.received) < seq:
            await self.next()
        return self.received

    @property
    def received(self) -> list[dict[str, Any]]:
        return [item for m in self.messages for item in m.get("frames", m.get("entries"))]

    async def refusal(self) -> tuple[int, str]:
        """Return the code with which the line was closed, and the reason that was said before."""
        said = json.loads(await self._line.receive_from(PATIENCE))["errors"][0]["message"]
        closed = await self._line.receive_output(PATIENCE)
        assert closed["reason"] == said
        return closed["code"], said

    async def closing(self) -> int:
        closed = await self._line.receive_output(PATIENCE)
        return int(closed["code"])


@asynccontextmanager
async def watching(path: str, **headers: str) -> AsyncIterator[Socket]:
    """A socket that is open, or was refused after it opened, and is closed at the end."""
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    line = WebsocketCommunicator(application_for(None), path, headers=sent)
    connected, _ = await line.connect(PATIENCE)
    assert connected
    try:
        yield Socket(line)
    finally:
        await line.disconnect(timeout=PATIENCE)


@asynccontextmanager
async def at_work() -> AsyncIterator[Any]:
    """A worker whose commits are published, as in the embedded playground."""
    async with working() as (book, _, wait):
        book.listen(live.publish)
        yield wait


def seqs(frames: list[dict[str, Any]]) -> list[int]:
    return [(frame.get("entry") or frame)["seq"] for frame in frames]


async def test_a_late_joiner_gets_everything_and_is_told_that_it_is_over() -> None:
    run = await rested()
    async with watching(f"/ws/runs/{run.pk}/scenes") as socket:
        frames = await socket.until_finished()
    entries = await journal_of(run)
    assert [frame["entry"] for frame in frames] == [entry.to_json() for entry in entries]
    assert frames[-1]["scene"]["end"] == "done"


async def test_a_viewer_from_the_start_sees_what_the_journal_holds_and_nothing_else() -> None:
    run = await made(fault("notify-warehouse", "decline"), latency_ms=20)
    async with watching(f"/ws/runs/{run.pk}/scenes") as socket, at_work() as wait:
        frames = await socket.until_finished()
        await wait([run.pk])
    entries = await journal_of(run)
    assert [frame["entry"] for frame in frames] == [entry.to_json() for entry in entries]
    assert frames[-1]["scene"]["end"] == "compensated"
    assert len(socket.messages) > 1


async def test_rule_36_nothing_is_shown_that_is_not_committed() -> None:
    run = await made(latency_ms=4)
    async with watching(f"/ws/runs/{run.pk}/scenes") as socket, at_work():
        finished = False
        while not finished:
            finished = (await socket.next()).get("finished", False)
            committed = await Run.objects.aget(pk=run.pk)
            assert seqs(socket.received)[-1] <= committed.last_seq


async def test_the_journal_socket_sends_entries() -> None:
    run = await rested()
    async with watching(f"/ws/runs/{run.pk}/json") as socket:
        entries = await socket.until_finished()
    assert entries == [entry.to_json() for entry in await journal_of(run)]


@pytest.mark.parametrize("k", [1, 9, 24])
async def test_rule_36_a_socket_that_resumes_ends_in_the_same_scene_with_no_gap_and_no_double(k: int) -> None:
    run = await rested()
    async with watching(f"/ws/runs/{run.pk}/scenes") as socket:
        whole = await socket.until_finished()
    async with watching(f"/ws/runs/{run.pk}/scenes?after={k}") as socket:
        rest = await socket.until_finished()
    assert whole[:k] + rest == whole


async def test_rule_36_a_line_that_drops_while_the_run_goes_on_loses_nothing() -> None:
    run = await made(fault("book-delivery", "error"), latency_ms=4)
    path = f"/ws/runs/{run.pk}/scenes"
    async with at_work():
        async with watching(path) as socket:
            seen = list(await socket.until(7))
        async with watching(f"{path}?after={len(seen)}") as socket:
            seen += await socket.until_finished()
    assert seqs(seen) == list(range(1, len(seen) + 1))
    async with watching(path) as socket:
        assert await socket.until_finished() == seen


async def test_nothing_missed_and_nothing_to_come_is_said_as_well() -> None:
    run = await rested()
    last = (await journal_of(run))[-1].seq
    for after in (last, last + 100):
        async with watching(f"/ws/runs/{run.pk}/scenes?after={after}") as socket:
            assert await socket.next() == {"frames": [], "finished": True}


async def test_a_run_can_be_seen_from_any_of_its_sagas() -> None:
    run = await rested(orders=2)
    async with watching(f"/ws/runs/{run.pk}/scenes?saga={run.pk}-2") as socket:
        frames = await socket.until_finished()
    assert {frame["scene"]["saga"] for frame in frames} == {f"{run.pk}-2"}


async def test_a_lost_message_is_made_good_without_another_one() -> None:
    run = await made()
    async with watching(f"/ws/runs/{run.pk}/scenes") as socket, working() as (_, _, wait):
        await wait([run.pk])  # nobody publishes: as if the layer had dropped everything
        frames = await socket.until_finished()
    assert seqs(frames) == list(range(1, len(frames) + 1))


async def test_a_gap_between_messages_is_read_from_the_journal() -> None:
    run = await rested()
    entries = await journal_of(run)
    hub = live.hub()
    viewer = await hub.join(run.pk)
    feed = viewer.feed
    known = feed.head
    feed._frames.clear()  # as if the feed had begun before the run
    feed.offer(entries[:2])
    assert feed.head == 2
    feed.offer(entries[1:3])
    assert feed.head == 3
    feed.offer(entries[10:11])
    assert feed.head == 3
    await feed._refill  # type: ignore[misc]
    assert feed.head == known
    await hub.leave(viewer)


async def test_viewers_of_one_run_share_one_feed_and_its_memory_goes_with_the_last_of_them() -> None:
    run = await rested()
    path, layer = f"/ws/runs/{run.pk}/scenes", get_channel_layer()
    async with watching(path) as one:
        async with watching(f"{path}?saga={run.pk}-1") as two:
            assert await one.next() == await two.next()  # so both have joined
            assert live.hub().watched == 1
            assert metrics.registry.get_sample_value("saga_open_sockets") == 2
            assert len(members(layer)) == 1
        assert live.hub().watched == 1
    assert live.hub().watched == 0
    assert metrics.registry.get_sample_value("saga_open_sockets") == 0
    assert not members(layer)


async def test_an_operator_who_acts_sets_the_finished_stream_going_again() -> None:
    run = await rested(
        fault("create-order", "decline"), fault("reserve-inventory", "error", on="compensation", times=3)
    )
    async with watching(f"/ws/runs/{run.pk}/scenes") as socket:
        before = await socket.until_finished()
        assert before[-1]["scene"]["end"] == "stuck"
        async with at_work():
            await asyncio.to_thread(lambda: retry_saga(f"{run.pk}-1", who="ada"))
            after = await socket.until_finished()
    assert after[-1]["scene"]["end"] == "compensated"
    assert seqs(after) == list(range(1, len(after) + 1))


@pytest.mark.parametrize("path", ["/ws/runs/nothing/scenes", "/ws/runs/nothing/json"])
async def test_an_unknown_run_is_closed_with_a_reason(path: str) -> None:
    async with watching(path) as socket:
        assert await socket.refusal() == (4404, "no run 'nothing'")


async def test_a_saga_of_another_run_is_closed_with_a_reason() -> None:
    run, other = await rested(), await rested()
    for saga in (f"{other.pk}-1", f"{run.pk}-2", "%00", "x"):
        async with watching(f"/ws/runs/{run.pk}/scenes?saga={saga}") as socket:
            assert (await socket.refusal())[0] == 4404


@pytest.mark.parametrize("after", ["-1", "x", "1.5", "9" * 12])
async def test_a_bad_place_to_begin_is_closed_with_a_reason(after: str) -> None:
    async with watching(f"/ws/runs/nothing/scenes?after={after}") as socket:
        code, reason = await socket.refusal()
    assert (code, reason) == (4400, "after must be a whole number from 0 on")


async def test_any_other_address_is_closed_with_a_reason() -> None:
    async with watching("/ws/nowhere") as socket:
        assert await socket.closing() == 4404


@pytest.mark.parametrize(
    ("host", "origin", "welcome"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000", True),
        ("localhost:49152", "http://localhost:49152", True),
        ("127.0.0.1:8000", "http://evil.example", False),
        ("127.0.0.1:8000", "http://127.0.0.1:9000", False),
        ("evil.example", "http://evil.example", False),
        ("127.0.0.1:8000", "null", False),
    ],
)
async def test_a_foreign_page_gets_no_socket(host: str, origin: str, welcome: bool) -> None:
    headers = [(b"host", host.encode()), (b"origin", origin.encode())]
    line = WebsocketCommunicator(application_for(None), "/ws/nowhere", headers=headers)
    connected, _ = await line.connect(PATIENCE)
    assert connected is welcome
    await line.disconnect(timeout=PATIENCE)


async def test_what_a_client_says_is_not_trusted() -> None:
    run = await rested()
    async with watching(f"/ws/runs/{run.pk}/scenes") as socket:
        for word in ("x", {"ack": "1"}, {"ack": -1}, {"ack": True}, [], {"ack": 10**9}, {"ack": 1}):
            await socket.say(word)
        frames = await socket.until_finished()
    assert seqs(frames) == list(range(1, len(frames) + 1))


async def test_nothing_is_sent_through_a_layer_that_nobody_listens_to() -> None:
    run = await made()
    async with at_work() as wait:
        await wait([run.pk])
    assert get_channel_layer().channels == {}
