"""Drives every order of the scenario once, on a server that runs already: `python run.py [ADDRESS]`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from playground.temporal_project import services
from playground.temporal_project.activities import call_service
from playground.temporal_project.saga import NAME, ORDERS, STEPS
from playground.temporal_project.workflow import Saga

QUEUE = f"{NAME}-saga"
LOOK_SECONDS = 0.1
AT_REST = ("completed", "compensated", "needs-operator")


async def drive(client: Client, folder: Path) -> dict[str, str]:
    """Return how each order ended, or that it waits for a person; such a one goes on when it gets a signal."""
    services.open_services(folder)
    async with Worker(client, task_queue=QUEUE, workflows=[Saga], activities=[call_service]):
        sagas = [
            await client.start_workflow(Saga.run, order, id=f"{NAME}-{order}", task_queue=QUEUE) for order in ORDERS
        ]
        ends = await asyncio.gather(*map(_end, sagas))
    return dict(zip(ORDERS, ends, strict=True))


def books() -> dict[str, list[tuple[str, str, int, str]]]:
    """Return what each service has on file."""
    return {step.service: services.ledger(step.service) for step in STEPS}


async def _end(saga: WorkflowHandle[Saga, str]) -> str:
    while (state := await saga.query(Saga.state)) not in AT_REST:
        await asyncio.sleep(LOOK_SECONDS)
    return state


async def main() -> None:
    client = await Client.connect(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7233")
    for order, end in (await drive(client, Path("services"))).items():
        print(f"{order}: {end}")  # noqa: T201
    for service, rows in books().items():
        for row in rows:
            print(f"  {service}:", *row)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main())
