"""What is brought to an engine elsewhere: runs to start and commands to tell, until it has taken them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sagas.engines import carrier
from sagas.engines.carrier import Carrier
from sagas.models import Command, Run
from tests.engine import scenario
from tests.inline import ENGINE, create

pytestmark = pytest.mark.usefixtures("engine_databases")

POLL_MS = 10


class Unreachable(Exception):
    pass


class Elsewhere:
    """An engine that is down for the first `down` of its calls, and keeps what it was told."""

    def __init__(self, down: int = 0) -> None:
        self._down = down
        self.heard: list[str] = []
        self.news = asyncio.Event()

    async def start(self, run: str) -> None:
        self._hear(run)

    async def tell(self, command: Command) -> None:
        self._hear(command.kind)

    def _hear(self, what: str) -> None:
        if self._down:
            self._down -= 1
            raise Unreachable(what)
        self.heard.append(what)
        self.news.set()


def carried(until: Callable[[Elsewhere], bool], *, down: int = 0, lease_ms: int = 60_000, only: str = "") -> list[str]:
    """Return what an engine was told by the time `until` is true of it."""

    async def go() -> list[str]:
        elsewhere, one = Elsewhere(down), Carrier(ENGINE, lease_ms=lease_ms, poll_ms=POLL_MS, only=only)
        async with one.open():
            carrying = asyncio.create_task(one.carry_forever(elsewhere.start, elsewhere.tell, Unreachable))
            try:
                async with asyncio.timeout(20):
                    await _heard(elsewhere, until)
            finally:
                carrying.cancel()
                await asyncio.gather(carrying, return_exceptions=True)
        return elsewhere.heard

    return asyncio.run(go())


async def _heard(elsewhere: Elsewhere, until: Callable[[Elsewhere], bool]) -> None:
    while not until(elsewhere):
        elsewhere.news.clear()
        await elsewhere.news.wait()


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three runs that some engine had begun, and a look that takes two rows."""
    Run.objects.filter(engine=ENGINE).update(state=Run.State.FINISHED)
    monkeypatch.setattr(carrier, "ROWS_PER_LOOK", 2)
    runs = [create(scenario()).pk for _ in range(3)]
    Run.objects.filter(pk__in=runs).update(lease_epoch=1)
    return runs


def test_the_first_look_starts_every_run_that_was_left_in_the_middle(left: list[str]) -> None:
    assert carried(lambda there: len(there.heard) == 3) == left


def test_what_the_engine_did_not_take_is_brought_again(left: list[str]) -> None:
    assert carried(lambda there: len(there.heard) == 3, down=2) == left


def test_a_run_is_started_again_until_the_engine_has_begun_it_some_a_look(left: list[str]) -> None:
    Run.objects.filter(pk__in=left).update(lease_epoch=0)
    heard = carried(lambda there: len(there.heard) == 7)
    assert heard == [*left, *left[:2], *left[:2]]


def test_a_command_is_told_once_a_lease(left: list[str]) -> None:
    Command.objects.create(run_id=left[0], kind="cancel", who="ada", saw=0)
    Command.objects.create(run_id=left[1], kind="pause", who="ada", saw=0)
    heard = carried(lambda there: there.heard.count("cancel") == 3, lease_ms=1, only=left[0])
    assert heard == [left[0], "cancel", "cancel", "cancel"]


def test_a_carrier_that_dies_says_of_what(left: list[str]) -> None:
    async def breaks(run: str) -> None:
        raise ZeroDivisionError(run)

    async def go() -> None:
        one = Carrier(ENGINE, lease_ms=1, poll_ms=POLL_MS)
        tell: Callable[[Command], Awaitable[None]] = Elsewhere().tell
        async with one.open():
            await one.carry_forever(breaks, tell, Unreachable)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(go())
