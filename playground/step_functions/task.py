"""What every task function does: one command of one service, asked for over HTTP under its idempotency key.

What comes back is one of three things. The service did it: that is the result. The service said no,
or said that nothing happened. Or nobody can tell: no answer, half an answer, a gateway's. The name of the
exception says which; the machine's Retry and Catch go by that name and by nothing else.

Needs Python 3.11 and nothing besides. SERVICES_URL and SERVICES_TOKEN say where the services are.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

MOMENT = 0.25  # seconds that a connection may take beyond the service's own time


class Refused(Exception):
    """The service says no, and no attempt under this key has done or will do anything."""


class RefusedInDoubt(Exception):
    """The service says no now. An attempt before this one was not heard, and may have been done."""


class DeadlinePassed(Exception):
    """It is too late to begin this step, and nothing was asked for."""


class Failed(Exception):
    """The service says that it could not, and that nothing happened. Asking again may help."""


class Queued(Exception):
    """What is wanted is locked, and there is a place in the line for it. Asking again takes it up."""


class Unknown(Exception):
    """Nobody can tell whether it was done. Asking again under the same key is safe."""


class Misused(Exception):
    """The services do not understand the question, so there is something to mend here."""


def handler_for(service: str) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
    """Return the Lambda handler of a service's commands."""

    def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        return call(service, event)

    return handler


def call(service: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"answer", "replayed"}` of one attempt. Raises one of the exceptions above for anything but a yes.

    Of `event`, `op` is action, compensation or settlement, `attempt` counts from 0 within the state, and
    `deadline_ms`, if there is one, counts from `started`.
    """
    first = event["attempt"] == 0
    if _is_late(event):
        raise DeadlinePassed("the deadline has passed") if first else RefusedInDoubt("the deadline has passed")
    status, said, replayed = _ask(service, event)
    reason = str(said.get("reason", status))
    match said.get("verdict"):
        case "ok" if status == 200:
            return {"answer": said["answer"], "replayed": replayed}
        case "refused" | "fenced" | "mismatch":
            certain = first or said.get("whole_key") or event["op"] != "action"
            raise Refused(reason) if certain else RefusedInDoubt(reason)
        case "failed":
            raise Failed(reason)
        case "queued":
            raise Queued(f"{said.get('record')} is held by {said.get('owner')}")
        case "conflict" | "unknown":
            raise Unknown(reason)
    if 400 <= status < 500:
        raise Misused(f"{service} answered {status}: {json.dumps(said)}")
    raise Unknown(f"{service} answered {status}")


def _is_late(event: Mapping[str, Any]) -> bool:
    deadline_ms = event.get("deadline_ms")
    if deadline_ms is None:
        return False
    started = datetime.fromisoformat(str(event["started"]).replace("Z", "+00:00"))
    return datetime.now(UTC) >= started + timedelta(milliseconds=deadline_ms)


def _ask(service: str, event: Mapping[str, Any]) -> tuple[int, dict[str, Any], bool]:
    """Return status, body, and whether the answer was given before. Raises Unknown when there is none to read."""
    base = urlsplit(os.environ["SERVICES_URL"])
    kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
    connection = kind(base.hostname or "", base.port, timeout=event["timeout_ms"] / 1000 + MOMENT)
    body = json.dumps({"order": event["order"], **event["payload"]}, sort_keys=True)
    headers = {
        "Authorization": f"Bearer {os.environ['SERVICES_TOKEN']}",
        "Content-Type": "application/json",
        "Idempotency-Key": f'"{event["key"]}"',
        "Saga-World": event["world"],
    }
    try:
        connection.request("POST", f"{base.path.rstrip('/')}/services/{service}/{event['command']}", body, headers)
        response = connection.getresponse()
        said = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unknown(f"no answer from {service}: {type(error).__name__}: {error}") from None
    finally:
        connection.close()
    replayed = response.headers.get("Idempotency-Replayed") == "true"
    return response.status, said if isinstance(said, dict) else {}, replayed
