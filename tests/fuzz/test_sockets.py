"""The sockets, with arbitrary addresses and clients that say anything."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from hypothesis import strategies as st

from playground import live, metrics
from playground.routing import application_for
from sagas import journal
from sagas.runs import create_run
from tests.engine import finish, scenario
from tests.fuzz.conftest import Shelf
from tests.fuzzing import JUNK, TEXTS, depths, fuzz, percent, queries, stored

pytestmark = pytest.mark.usefixtures("strict_databases")

PATIENCE_SECONDS = 60
CODES = {4400, 4403, 4404}  # of a line that was refused

Said = str | bytes


@dataclass(frozen=True)
class Talk:
    """Where a client goes, with which headers, and what it says there."""

    path: str
    headers: list[tuple[bytes, bytes]]
    says: list[Said]


def talks(shelf: Shelf) -> st.SearchStrategy[Talk]:
    run = st.one_of(*[st.sampled_from(shelf.runs)] * 3, TEXTS.map(percent), JUNK)
    place = st.one_of(
        *[st.builds("/ws/runs/{}/{}".format, run, st.sampled_from(["scenes", "json"]))] * 4,
        st.sampled_from(["/ws/latest/", "/ws/latest", "/ws/", "/"]),
    )
    query = queries({"after": ["0", "3", "9" * 9, "9" * 10, "-1"], "saga": [*shelf.sagas, shelf.runs[0]]}, most=3)
    origin = st.sampled_from([b"http://[", b"null", b"http://elsewhere.example", b"\xff", b"", b"http://testserver"])
    header = st.one_of(
        st.tuples(st.just(b"origin"), origin),
        st.tuples(st.sampled_from([b"host", b"cookie", b"x-forwarded-for", b""]), st.binary(max_size=20)),
    )
    number = st.one_of(st.integers(-3, 60), st.integers(), st.floats(), st.none(), st.booleans(), st.text(max_size=3))
    ack = number.map(lambda value: json.dumps({"ack": value}))
    junk = st.one_of(st.text(max_size=40), st.sampled_from(["[" * 150, "NaN", "x" * 2_000_000, '{"ack":' + "9" * 190]))
    says = st.lists(st.one_of(ack, ack, junk, st.binary(max_size=40)), max_size=6)
    headers = st.one_of(st.just([]), st.just([]), st.lists(header, max_size=2))
    return st.builds(Talk, st.builds("{}?{}".format, place, query), headers, says)


async def talk(asked: Talk) -> list[dict[str, Any]]:
    """Go there, say it, hang up, and return all that came back. Raises whatever the socket's own code raised."""
    address, _, query = asked.path.partition("?")
    line = WebsocketCommunicator(application_for(None), "/", headers=asked.headers)
    line.scope |= {"path": address, "query_string": query.encode("utf-8", "surrogatepass")}
    connected, code = await line.connect(PATIENCE_SECONDS)
    if not connected:
        return [{"type": "websocket.close", "code": code}]
    for said in asked.says:
        kind = "text" if isinstance(said, str) else "bytes"
        await line.send_input({"type": "websocket.receive", kind: said})
    await line.disconnect(timeout=PATIENCE_SECONDS)
    return [line.output_queue.get_nowait() for _ in range(line.output_queue.qsize())]


def check(asked: Talk, outputs: list[dict[str, Any]]) -> None:
    """Fail unless the socket sent what it may send, and closed the line itself only with a code that says why."""
    for output in outputs:
        if output["type"] == "websocket.close":
            assert output["code"] in CODES, (asked, output)
        elif asked.path.startswith("/ws/runs/"):
            assert {"frames", "entries", "errors"} & set(json.loads(output["text"])), (asked, output)


@depths(ordinary=150, torture=6000)
def test_no_client_harms_a_socket_or_whoever_else_watches(
    shelf: Shelf, examples: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    watched = create_run(scenario())
    before, open_before = stored(), _open()
    with asyncio.Runner() as runner:
        bystander = WebsocketCommunicator(application_for(None), f"/ws/runs/{watched.pk}/json")
        assert runner.run(bystander.connect(PATIENCE_SECONDS))[0]
        fuzz(examples, talks(shelf), lambda asked: check(asked, runner.run(talk(asked))))
        assert stored() == before
        assert runner.run(_watched()) == 1, "only the bystander is still there"
        assert not caplog.records
        finish(watched)
        assert runner.run(_until_finished(bystander)) == [entry.to_json() for entry in journal.read_all(watched.pk)]
        runner.run(bystander.disconnect(timeout=PATIENCE_SECONDS))
    assert _open() == open_before


def _open() -> float:
    return metrics.open_sockets._value.get()


async def _watched() -> int:
    return live.hub().watched


async def _until_finished(line: WebsocketCommunicator) -> list[dict[str, Any]]:
    """Return all entries that a viewer was sent, once it was told that the run is finished."""
    entries: list[dict[str, Any]] = []
    while True:
        said = json.loads(await line.receive_from(PATIENCE_SECONDS))
        entries += said["entries"]
        if said.get("finished"):
            return entries
