"""The bell of a site with Redis: workers of other processes hear at once that a run has something to do.

Whoever holds the run is told by name. Besides, one ring is put into a list from which exactly one
worker takes it, the one that has waited longest: so a new run wakes one worker and not all of
them. Rings that nobody takes are forgotten. A ring may get lost; then a poll finds the run.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import cached_property

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from sagas.bells import Woken
from sagas.clock import cancel_and_wait, spawn

logger = logging.getLogger(__name__)

CHANNEL = "sagas:rung"  # every worker hears the id of the run
RINGS = "sagas:rings"  # a list: each ring is taken by one worker
MOST_RINGS = 500
RING_SECONDS = 30  # after which a list that nobody takes from is dropped
SEND_SECONDS = 0.25  # the longest that whoever rings is kept waiting
PAUSE_SECONDS = 1.0
WAIT_SECONDS = 1  # how long a worker waits at the list before it asks itself anew whether it wants more


class RedisBell:
    """The bell of this process. See `sagas.bells.Bell`."""

    def __init__(self) -> None:
        self._silent_until = 0.0
        self._is_away = False

    @cached_property
    def _line(self) -> redis.Redis:
        return redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=SEND_SECONDS,
            socket_connect_timeout=SEND_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    def ring(self, run: str) -> None:
        """Call the worker that holds a run, and one that would claim it. Never fails: a poll finds the run as well."""
        if time.monotonic() < self._silent_until:
            return
        try:
            with self._line.pipeline(transaction=False) as both:
                if run:
                    both.publish(CHANNEL, run)
                both.rpush(RINGS, run)
                both.ltrim(RINGS, -MOST_RINGS, -1)
                both.expire(RINGS, RING_SECONDS)
                both.execute()
            self._is_away = False
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + PAUSE_SECONDS
            if not self._is_away:
                logger.warning("bell.not-rung: %s", error)
            self._is_away = True

    async def heed(self, worker: Woken) -> None:
        """Wake a worker whenever it is called, until cancelled."""
        # A line that waits for a ring is idle for as long as there is none.
        line = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=None, socket_keepalive=True, decode_responses=True
        )
        hearing = [
            spawn(_again_and_again(lambda: _hear_names(line, worker)), "hear of runs by name"),
            spawn(_again_and_again(lambda: _take_a_ring(line, worker)), "wait for a ring"),
        ]
        try:
            await asyncio.gather(*hearing)
        finally:
            await cancel_and_wait(*hearing)
            await line.aclose()


bell = RedisBell()


async def _again_and_again(hear: Callable[[], Awaitable[None]]) -> None:
    is_deaf = False
    while True:
        try:
            await hear()
            is_deaf = False
        except Exception as error:  # whatever it was, who hears nothing still polls
            if not is_deaf:
                logger.warning("bell.not-heard: %r", error)
            is_deaf = True
            await asyncio.sleep(PAUSE_SECONDS)


async def _hear_names(line: redis.asyncio.Redis, worker: Woken) -> None:
    async with line.pubsub(ignore_subscribe_messages=True) as channel:
        await channel.subscribe(CHANNEL)
        async for message in channel.listen():
            if worker.holds(run := message["data"]):
                worker.wake(run)


async def _take_a_ring(line: redis.asyncio.Redis, worker: Woken) -> None:
    if not worker.wants_more():
        await asyncio.sleep(WAIT_SECONDS)
    elif taken := await line.blpop([RINGS], timeout=WAIT_SECONDS):
        worker.wake(str(taken[1]))
