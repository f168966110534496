"""Runs the app on this computer: the SDK replays the orchestrator, and this file plays the host around it.

    pip install -r requirements.txt
    SERVICES_URL=http://127.0.0.1:8000 SERVICES_TOKEN=… python run_locally.py [SECONDS]

It opens a world at the services with scenario.json, runs one orchestration an order, prints every action, how each
saga ends, and what the services have in their ledgers. An order that waits for a person ends the run after SECONDS
(default: 60). Nothing leaves this computer but the calls to SERVICES_URL.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ACTIVITY, TIMER, EVENT = 0, 5, 6  # the SDK's numbers of what an orchestrator can want
STARTED, SCHEDULED, COMPLETED, FAILED = 0, 4, 5, 6  # and those of what a history tells
TIMER_CREATED, TIMER_FIRED, THINKS, THOUGHT, RAISED = 10, 11, 12, 13, 15
PATIENCE_SECONDS = 60.0

Say = Callable[[str], None]


class Host:
    """The functions of an app, and whoever has them called."""

    def __init__(self, app: Any, say: Say = print) -> None:
        self._functions = {each.get_function_name(): each for each in app.get_functions()}
        self._say = say

    async def run(self, orchestrator: str, instance: str, given: Mapping[str, Any], events: asyncio.Queue[str]) -> Any:
        """Return what an orchestration returns. `events` are the names of external events as they are raised."""
        handle = self._functions[orchestrator].get_user_function()
        history: list[dict[str, Any]] = []
        _tell(history, THINKS)
        _tell(history, STARTED, Name=orchestrator, Version=None, Input=json.dumps(given))
        answered = 0
        while True:
            body = {
                "history": history,
                "instanceId": instance,
                "isReplaying": False,
                "parentInstanceId": None,
                "input": json.dumps(given),
                "upperSchemaVersion": 1,
            }
            said = json.loads(handle(json.dumps(body)))
            if "customStatus" in said and said["customStatus"].get("state") == "needs-operator":
                self._say(f"{instance} needs a person: {said['customStatus']['reason']}")
            if said["isDone"]:
                return said.get("output")
            _tell(history, THOUGHT)
            wanted = [action for actions in said["actions"] for action in actions]
            for action in wanted[answered:]:
                number = sum(each["actionType"] != EVENT for each in wanted[:answered])
                await self._do(instance, action, number, history, events)
                answered += 1

    async def _do(
        self, instance: str, action: Mapping[str, Any], number: int, history: list[Any], events: asyncio.Queue[str]
    ) -> None:
        """Do what an orchestrator wants, and add to its history what came of it."""
        match action["actionType"]:
            case kind if kind == ACTIVITY:
                _tell(history, SCHEDULED, EventId=number, Name=action["functionName"])
                self._say(f"{instance} {action['functionName']}")
                done = await asyncio.to_thread(self._call, action["functionName"], action["input"])
                _tell(history, THINKS)
                _tell(history, *done, TaskScheduledId=number)
            case kind if kind == TIMER:
                fire_at = datetime.fromisoformat(action["fireAt"].replace("Z", "+00:00"))
                _tell(history, TIMER_CREATED, EventId=number, FireAt=action["fireAt"])
                await asyncio.sleep(max(0.0, (fire_at - datetime.now(UTC)).total_seconds()))
                _tell(history, THINKS)
                _tell(history, TIMER_FIRED, TimerId=number, FireAt=action["fireAt"])
            case kind if kind == EVENT:
                name = await events.get()
                _tell(history, THINKS)
                _tell(history, RAISED, Name=name, Input="{}")
            case other:
                raise NotImplementedError(f"this host knows no action {other}")

    def _call(self, name: str, given: Any) -> tuple[Any, ...]:
        value = json.loads(given) if isinstance(given, str) else given
        try:
            result = self._functions[name].get_user_function()(value)
        except Exception as error:
            return FAILED, {"Reason": str(error), "Details": type(error).__name__}
        return COMPLETED, {"Result": json.dumps(result)}


def _tell(history: list[dict[str, Any]], kind: int, more: Mapping[str, Any] | None = None, **fields: Any) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    event = {"EventType": kind, "EventId": -1, "IsPlayed": False, "Timestamp": now}
    history.append({**event, **(more or {}), **fields})


async def run_all(app: Any, world: Mapping[str, Any], orchestrator: str, seconds: float, say: Say = print) -> list[Any]:
    """Return what the orchestration of each order returns, None for one that still waits after `seconds`."""
    host = Host(app, say)

    async def one(order: str) -> Any:
        given = {"order": order, "world": world["world"], "payload": world["payload"]}
        try:
            async with asyncio.timeout(seconds):
                return await host.run(orchestrator, f"{world['world']}-{order}", given, asyncio.Queue())
        except TimeoutError:
            return None

    return list(await asyncio.gather(*(one(order) for order in world["orders"])))


def main() -> None:
    """Run the app that this file is in."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here))
    function_app, services = importlib.import_module("function_app"), importlib.import_module("services")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else PATIENCE_SECONDS
    world = services.open_world(json.loads((here / "scenario.json").read_text()))
    print(f"world {world['world']}, {len(world['orders'])} order(s)")
    ends = asyncio.run(run_all(function_app.app, world, function_app.ORCHESTRATOR, seconds))
    for order, end in zip(world["orders"], ends, strict=True):
        print(f"{order}: {end['state'] if end else 'waits for a person'}")
    for service, book in services.close_world(world["world"])["books"].items():
        for row in book["ledger"]:
            print(f"  {service:<10} {row['n']:>2} {row['kind']:<8} {row['amount']:>+6} {row['key']}")


if __name__ == "__main__":
    main()
