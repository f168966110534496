"""The latest runs on the home page: rows from real journals, and the socket that keeps them current."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
from channels.layers import get_channel_layer
from channels.testing import WebsocketCommunicator
from django.db import connection
from django.test.utils import CaptureQueriesContext

from playground import board, latest, live, metrics
from playground.latest import Newest
from playground.routing import application_for
from sagas.clock import cancel_and_wait
from sagas.models import Run
from sagas.runs import create_run, retry_saga
from tests.engine import drive, fault, finish, scenario, working
from tests.layers import members

pytestmark = pytest.mark.usefixtures("engine_databases")

PATIENCE = 20  # seconds until a message that does not come fails a test
QUIET = 0.2  # seconds in which nothing may come
OWN = (b"host", b"localhost:8000")


def row_of(run: Run) -> dict[str, Any]:
    (row,) = [row for row in latest.rows() if row["run"] == run.pk]
    return row


def ran(*faults: Any, **fields: Any) -> dict[str, Any]:
    """Return the row of a run that has come to rest."""
    (finished,) = drive(scenario(*faults, **fields))
    return row_of(finished.run)


def test_a_completed_run_is_five_ticks_and_nothing_below_them() -> None:
    row = ran()
    assert (row["order"], row["others"], row["url"]) == ("ord-8412", 0, f"/runs/{row['run']}/")
    assert (row["steps"], row["back"]) == (["done"] * 5, [""] * 5)
    assert (row["state"], row["word"], row["ago"]) == ("done", "completed", "just now")
    assert row["took"].endswith(" s")
    assert row["started"].endswith("Z")


def test_a_run_that_turned_shows_its_way_back_below() -> None:
    row = ran(fault("notify-warehouse", "decline"))
    assert row["steps"] == ["done", "done", "done", "failed", "skipped"]
    assert row["back"] == ["compensated", "compensated", "compensated", "", ""]
    assert (row["state"], row["word"]) == ("compensated", "all undone")


def test_a_run_that_waits_for_a_person_says_so() -> None:
    row = ran(fault("create-order", "decline"), fault("reserve-inventory", "error", on="compensation"))
    assert (row["back"], row["state"], row["word"]) == (["stuck", "", "", "", ""], "stuck", "needs a human")


def test_a_checkout_that_was_abandoned_has_no_way_back() -> None:
    row = ran(fault("notify-warehouse", "error"), mode="none")
    assert row["steps"] == ["done", "done", "done", "failed", "skipped"]
    assert (row["back"], row["state"], row["word"]) == ([""] * 5, "failed", "abandoned")


def test_an_order_that_is_lost_shows_where_its_event_died() -> None:
    row = ran(fault("notify-warehouse", "drop-event"), mode="choreography")
    assert row["steps"] == ["done", "done", "done", "failed", "idle"]
    assert (row["back"], row["state"], row["word"]) == ([""] * 5, "failed", "lost")


def test_where_nobody_drives_the_way_back_is_that_of_the_steps_that_were_done() -> None:
    row = ran(fault("notify-warehouse", "drop-event"), mode="choreography", watcher_ms=1500)
    assert row["steps"] == ["done", "done", "done", "failed", "idle"]
    assert row["back"] == ["compensated", "compensated", "compensated", "", ""]
    assert (row["state"], row["word"]) == ("compensated", "all undone")


def test_a_run_that_nobody_drives_yet_waits_and_has_taken_no_time() -> None:
    run = create_run(scenario(orders=2))
    row = row_of(run)
    assert (row["steps"], row["back"]) == (["idle"] * 5, [""] * 5)
    assert (row["state"], row["word"], row["took"], row["others"]) == ("idle", "waiting", "", 1)
    finish(run)
    assert row_of(run)["state"] == "done"


def test_the_newest_eight_come_newest_first() -> None:
    runs = [create_run(scenario()) for _ in range(latest.SHOWN + 1)]
    assert [row["run"] for row in latest.rows()] == [run.pk for run in reversed(runs[1:])]
    finish(*runs)


def test_a_run_of_a_definition_that_is_not_known_here_is_left_out() -> None:
    run = Run.objects.create(
        id="unknown-saga", definition="dream", version=1, scenario={}, state="finished", pruning=True
    )
    try:
        assert run.pk not in [row["run"] for row in latest.rows()]
    finally:
        run.delete()


def test_what_is_known_is_not_read_again() -> None:
    runs = drive(*[scenario()] * 3)
    newest = Newest()
    first = newest.rows()
    with CaptureQueriesContext(connection) as queries:
        assert newest.rows() == first
    assert len(queries) == 1
    assert "LIMIT 8" in queries[0]["sql"]
    assert {run.run.pk for run in runs} <= {row["run"] for row in first}


def test_the_query_for_the_newest_runs_walks_an_index() -> None:
    plan = Run.objects.order_by("-created_at")[: latest.SHOWN].explain()
    assert "run_newest" in plan or connection.vendor == "postgresql"  # which reads a tiny table as a whole


@asynccontextmanager
async def looking(*headers: tuple[bytes, bytes]) -> AsyncIterator[WebsocketCommunicator]:
    line = WebsocketCommunicator(application_for(None), "/ws/latest/", headers=[OWN, *headers])
    connected, _ = await line.connect(PATIENCE)
    assert connected
    try:
        yield line
    finally:
        await line.disconnect(timeout=PATIENCE)


async def until(line: WebsocketCommunicator, *words: str) -> str:
    """Return the first text that holds all of these words."""
    while True:
        text: str = await line.receive_from(PATIENCE)
        if all(word in text for word in words):
            return text


async def made(**fields: Any) -> Run:
    return await asyncio.to_thread(create_run, scenario(**fields))


async def test_a_page_that_opens_gets_the_whole_body_of_the_table() -> None:
    run = await made()
    async with looking() as line:
        text = await line.receive_from(PATIENCE)
    assert text == await asyncio.to_thread(latest.draw)
    assert text.lstrip().startswith('<tbody id="runlist-body" hx-swap-oob="innerHTML">')
    assert f'href="/runs/{run.pk}/"' in text
    await asyncio.to_thread(finish, run)


async def test_a_run_that_goes_on_shows_on_every_open_page() -> None:
    async with looking() as one, looking() as two, working() as (book, _, wait):
        book.listen(live.publish)
        run = await made(latency_ms=4)
        await wait([run.pk])
        seen = [await until(line, f"/runs/{run.pk}/", "completed") for line in (one, two)]
    assert seen[0] == seen[1]


async def test_a_lost_message_is_made_good_without_another_one() -> None:
    async with looking() as line, working() as (_, _, wait):
        run = await made()
        await wait([run.pk])  # nobody publishes: as if the layer had dropped everything
        assert await until(line, f"/runs/{run.pk}/", "completed")


async def test_an_operator_who_acts_changes_the_row() -> None:
    faults = [fault("create-order", "decline"), fault("reserve-inventory", "error", on="compensation", times=3)]
    run = await asyncio.to_thread(create_run, scenario(*faults))
    async with looking() as line, working() as (book, _, wait):
        book.listen(live.publish)
        await wait([run.pk])
        assert await until(line, f"/runs/{run.pk}/", "needs a human")
        await asyncio.to_thread(lambda: retry_saga(f"{run.pk}-1", who="ada"))
        await wait([run.pk])
        assert await until(line, f"/runs/{run.pk}/", "all undone")


async def test_the_table_is_sent_at_most_twice_a_second_however_much_happens() -> None:
    loop, sent = asyncio.get_running_loop(), []

    async def note(line: WebsocketCommunicator) -> None:
        while True:
            await line.receive_from(PATIENCE)
            sent.append(loop.time())

    async with looking() as line, working() as (book, _, wait):
        book.listen(live.publish)
        noting = asyncio.create_task(note(line))
        runs = [await made(latency_ms=200) for _ in range(4)]
        await wait([run.pk for run in runs])
        await cancel_and_wait(noting)
    assert len(sent) > 1
    assert all(later - sooner > board.PACE_SECONDS * 0.9 for sooner, later in pairwise(sent))


async def test_nothing_is_sent_while_nothing_changes() -> None:
    async with looking() as line:
        await line.receive_from(PATIENCE)
        assert await line.receive_nothing(QUIET)


async def test_sockets_share_one_board_that_rests_when_the_last_of_them_closes() -> None:
    layer = get_channel_layer()
    async with looking() as one:
        async with looking() as two:
            assert metrics.registry.get_sample_value("saga_open_sockets") == 2
            assert await one.receive_from(PATIENCE) == await two.receive_from(PATIENCE)
            assert len(members(layer)) == 1
        assert board.board().html
    assert metrics.registry.get_sample_value("saga_open_sockets") == 0
    assert not members(layer)
    assert board.board().html == ""


async def test_a_foreign_page_gets_no_table() -> None:
    headers = [OWN, (b"origin", b"http://evil.example")]
    line = WebsocketCommunicator(application_for(None), "/ws/latest/", headers=headers)
    connected, code = await line.connect(PATIENCE)
    assert (connected, code) == (False, 4403)
    async with looking((b"origin", b"http://localhost:8000")) as own:
        assert await own.receive_from(PATIENCE)
