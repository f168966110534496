"""Every call to a service: one command over HTTP, under its idempotency key, and what came of it in one of four words.

Needs nothing besides Python. SERVICES_URL and SERVICES_TOKEN say where the services are.
"""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

MOMENT = 0.25  # seconds that a connection may take beyond the service's own time
PATIENCE = 30.0  # seconds for what is no call of a saga


def call(service: str, command: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one attempt came to: `{"outcome", "retry", "final", "reason"}`, see `saga`.

    Raises RuntimeError when the services do not understand the question: there is something to mend here.
    """
    headers = {"Idempotency-Key": f'"{given["key"]}"', "Saga-World": given["world"]}
    body = {"order": given["order"], **given["payload"]}
    try:
        status, said = _ask("POST", f"{service}/{command}", body, headers, given["timeout_ms"] / 1000 + MOMENT)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _heard("unknown", f"no answer from {service}: {type(error).__name__}: {error}", retry=True)
    reason = str(said.get("reason", status))
    match said.get("verdict"):
        case "ok" if status == 200:
            return _heard("ok", "")
        case "refused" | "fenced" | "mismatch":
            return _heard("failed", reason, final=bool(said.get("whole_key")))
        case "failed":
            return _heard("failed", reason, retry=True)
        case "queued":
            return _heard("queued", f"{said.get('record')} is held by {said.get('owner')}", retry=True)
        case "conflict" | "unknown":
            return _heard("unknown", reason, retry=True)
    if 400 <= status < 500:
        raise RuntimeError(f"{service} answered {status}: {json.dumps(said)}")
    return _heard("unknown", f"{service} answered {status}", retry=True)


def open_world(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Return `{"world", "orders", "payload"}` of a new world, furnished for a scenario. Raises RuntimeError."""
    return _need("POST", "worlds", scenario)


def close_world(world: str) -> dict[str, Any]:
    """Let arrive what is still on its way, and return what every service has on file. Raises RuntimeError."""
    _need("POST", f"worlds/{world}/close", {})
    return _need("GET", f"worlds/{world}", None)


def _heard(outcome: str, reason: str, *, retry: bool = False, final: bool = False) -> dict[str, Any]:
    return {"outcome": outcome, "retry": retry, "final": final, "reason": reason}


def _need(method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
    status, said = _ask(method, path, body, {}, PATIENCE)
    if status >= 400:
        raise RuntimeError(f"{method} {path}: {status} {json.dumps(said)}")
    return said


def _ask(
    method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str], seconds: float
) -> tuple[int, dict[str, Any]]:
    base = urlsplit(os.environ["SERVICES_URL"])
    kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
    connection = kind(base.hostname or "", base.port, timeout=seconds)
    sent = {"Authorization": f"Bearer {os.environ['SERVICES_TOKEN']}", "Content-Type": "application/json", **headers}
    try:
        text = None if body is None else json.dumps(body, sort_keys=True)
        connection.request(method, f"{base.path.rstrip('/')}/services/{path}", text, sent)
        response = connection.getresponse()
        said = json.loads(response.read())
    finally:
        connection.close()
    return response.status, said if isinstance(said, dict) else {}
