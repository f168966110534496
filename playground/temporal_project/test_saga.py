"""The saga on a Temporal server, its books read afterwards: `pytest`, with TEMPORAL_ADDRESS or without.

Without it the test brings up Temporal's own server for tests, which it downloads the first time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from playground.temporal_project import run
from playground.temporal_project.saga import ENDS, STEPS


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return asyncio.run(_drive(tmp_path_factory.mktemp("services")))


async def _drive(folder: Path) -> dict[str, str]:
    async with _client() as client:
        return await run.drive(client, folder)


@asynccontextmanager
async def _client() -> AsyncIterator[Client]:
    if address := os.environ.get("TEMPORAL_ADDRESS"):
        yield await Client.connect(address)
        return
    async with await WorkflowEnvironment.start_local() as environment:
        yield environment.client


def test_every_order_ends_as_it_did(ends: dict[str, str]) -> None:
    assert not ENDS or sorted(ends.values()) == sorted(ENDS.values())


def test_whoever_completed_has_all_and_whoever_was_undone_has_nothing(ends: dict[str, str]) -> None:
    for order, end in ends.items():
        for step in STEPS:
            stands = sum(amount for whose, kind, amount, _ in run.books()[step.service] if whose == order)
            has = step.effect[1] + (step.settlement[1] if step.settlement else 0)
            assert end == "needs-operator" or stands == (has if end == "completed" else 0)


def test_what_was_undone_was_undone_once(ends: dict[str, str]) -> None:
    for order in ends:
        for step in STEPS:
            if step.undo is not None:
                undone = [row for row in run.books()[step.service] if row[:2] == (order, step.undo[1])]
                assert len(undone) == (1 if undone else 0)
