"""Runs the machine on this computer: moto plays Step Functions, the tasks call the real services over HTTP.

    pip install "moto[stepfunctions]>=5.2.5" boto3
    SERVICES_URL=http://127.0.0.1:8000 SERVICES_TOKEN=… python run_locally.py

It opens a world at the services with scenario.json, starts one execution an order, prints every state
as it is entered, how each saga ends, and what the services have in their ledgers. Nothing leaves this computer
but the calls to SERVICES_URL.
"""

from __future__ import annotations

import http.client
import importlib
import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REGION = "us-east-1"
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 600.0

Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


@dataclass(frozen=True)
class Execution:
    """One saga that was executed: `status` is the platform's word, `end` the last state, `history` all its events."""

    order: str
    status: str
    end: str
    history: list[dict[str, Any]]


@contextmanager
def platform(functions: Mapping[str, Handler]) -> Iterator[Any]:
    """Give a client of Step Functions that really executes, with these Lambda functions by name."""
    names = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    # Whoever only reads this file, or makes a machine of it, needs neither of the two.
    import boto3
    from moto import mock_aws
    from moto.awslambda.models import LambdaBackend

    original = LambdaBackend.invoke
    setattr(LambdaBackend, "invoke", _invoker(functions))  # noqa: B010
    try:
        with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
            role = boto3.client("iam").create_role(RoleName="local", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
            for name in functions:
                boto3.client("lambda").create_function(
                    FunctionName=name, Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": _nothing()}
                )
            yield boto3.client("stepfunctions"), role
    finally:
        setattr(LambdaBackend, "invoke", original)  # noqa: B010
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def create(client: Any, role: str, machine: str, name: str) -> str:
    """Return the address of a new state machine."""
    return str(client.create_state_machine(name=name, definition=machine, roleArn=role)["stateMachineArn"])


def start(client: Any, machine: str, inputs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (order, execution) of an execution for each input, all under way."""
    names = [f"{one['world']}-{one['order']}" for one in inputs]
    begun = [
        client.start_execution(stateMachineArn=machine, name=name, input=json.dumps(one))
        for name, one in zip(names, inputs, strict=True)
    ]
    return [(one["order"], execution["executionArn"]) for one, execution in zip(inputs, begun, strict=True)]


def wait(client: Any, order: str, execution: str) -> Execution:
    """Return an execution once it has ended. Raises TimeoutError when it does not."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (status := client.describe_execution(executionArn=execution)["status"]) == "RUNNING":
        if time.monotonic() > end:
            raise TimeoutError(f"{order} still runs after {PATIENCE_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
    events = [event for page in pages for event in page["events"]]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return Execution(order, status, entered[-1], events)


def ask(method: str, path: str, body: object = None) -> Any:
    """Return what the services answer. Raises RuntimeError for a refusal."""
    base = urlsplit(os.environ["SERVICES_URL"])
    kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
    connection = kind(base.hostname or "", base.port, timeout=30)
    headers = {"Authorization": f"Bearer {os.environ['SERVICES_TOKEN']}", "Content-Type": "application/json"}
    sent = None if body is None else json.dumps(body)
    connection.request(method, f"{base.path.rstrip('/')}/services/{path}", sent, headers)
    response = connection.getresponse()
    said = response.read()
    connection.close()
    if response.status >= 400:
        raise RuntimeError(f"{method} {path}: {response.status} {said.decode(errors='replace')}")
    return json.loads(said)


def inputs_of(world: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the input of an execution for each order of a world."""
    return [{"order": order, "world": world["world"], "payload": world["payload"]} for order in world["orders"]]


def main() -> None:
    """Run the project that this file is in."""
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here / "functions"))
    names = sorted(path.stem for path in (here / "functions").glob("*.py") if path.stem != "task")
    functions = {f"five-ledgers-{name}": importlib.import_module(name).handler for name in names}
    world = ask("POST", "worlds", json.loads((here / "scenario.json").read_text()))
    print(f"world {world['world']}, {len(world['orders'])} order(s)")
    with platform(functions) as (client, role):
        machine = create(client, role, (here / "machine.asl.json").read_text(), "saga")
        begun = start(client, machine, inputs_of(world))
        for execution in [wait(client, *one) for one in begun]:
            _print(execution)
    ask("POST", f"worlds/{world['world']}/close", {})
    for service, book in ask("GET", f"worlds/{world['world']}")["books"].items():
        for row in book["ledger"]:
            print(f"  {service:<10} {row['n']:>2} {row['kind']:<8} {row['amount']:>+6} {row['key']}")


def _print(execution: Execution) -> None:
    for event in execution.history:
        at = event["timestamp"].strftime("%H:%M:%S.%f")[:-3]
        if "stateEnteredEventDetails" in event:
            print(f"{at} {execution.order} {event['stateEnteredEventDetails']['name']}")
        elif "taskFailedEventDetails" in event:
            print(f"{at} {execution.order}   {event['taskFailedEventDetails']['error']}")
    print(f"{execution.order}: {execution.end} ({execution.status})")


def _invoker(functions: Mapping[str, Handler]) -> Callable[..., bytes]:
    """Return what stands in for Lambda itself: the function is called here, and fails the way that Lambda says it."""

    def invoke(
        backend: Any, function_name: str, qualifier: Any, body: Any, headers: Any, response_headers: Any
    ) -> bytes:
        name = function_name.rpartition(":")[2]
        try:
            return json.dumps(functions[name](json.loads(body), None)).encode()
        except Exception as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)}).encode()

    return invoke


def _nothing() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.py", "")
    return held.getvalue()


if __name__ == "__main__":
    main()
