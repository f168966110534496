"""The stream through a real Redis: workers and web processes need not be one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.test import override_settings

from playground import live
from playground.feeds import encode
from playground.layer import GROUP
from sagas.runs import create_run
from tests.engine import finish, read, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")

IDLE_SECONDS = 6.5  # longer than redis-py's own time-out of a socket


@pytest.fixture
def redis_layer(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """Channel layers as the settings make them for REDIS_URL, and no patrol that could help out."""
    config = {"hosts": [{"address": redis_url, "socket_timeout": None}]}
    monkeypatch.setattr(live, "PATROL_SECONDS", 3600.0)
    with override_settings(
        CHANNEL_LAYERS={"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}}
    ):
        yield config


@asynccontextmanager
async def elsewhere(config: dict[str, Any]) -> AsyncIterator[RedisPubSubChannelLayer]:
    """The layer of another process."""
    layer = RedisPubSubChannelLayer(**config)
    try:
        yield layer
    finally:
        await layer.flush()


async def test_a_message_from_another_process_reaches_a_viewer_that_has_been_idle(
    redis_layer: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    run = await asyncio.to_thread(create_run, scenario(timeout_ms=2000))
    hub = live.hub()
    viewer = await hub.join(run.pk)
    stream = aiter(viewer)
    waiting = asyncio.ensure_future(anext(stream))  # type: ignore[arg-type]
    await asyncio.wait({waiting}, timeout=IDLE_SECONDS)
    assert not waiting.done()
    await asyncio.to_thread(finish, run)
    entries = (await asyncio.to_thread(read, run.pk)).entries
    async with elsewhere(redis_layer) as layer:
        text = encode([entry.to_json() for entry in entries])
        await layer.group_send(GROUP, {"type": "journal.committed", "at": 0.0, "runs": [[run.pk, text]]})
        message = await asyncio.wait_for(waiting, 10)
    assert '"finished":true' in message
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    await hub.leave(viewer)
    await get_channel_layer().flush()
