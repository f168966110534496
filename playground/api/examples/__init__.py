"""Examples of every operation of the API, by method and path, and the shell lines that try them.

An operation without examples fails a test. To add some, write them into a room beside this one and
name that in ROOMS. `RUN`, `STUCK` and the like stand for the ids of runs that the examples of
`POST /api/runs` start; in a shell line they are asked for first.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

from playground.api.examples import asks, exports, forks, runs, sagas, scenarios
from playground.api.examples.one import HOST, SLOW, Example
from playground.api.examples.runs import STARTED

__all__ = ["EXAMPLES", "HOST", "SLOW", "STARTED", "Example", "shell"]

ROOMS: Sequence[Mapping[str, Sequence[Example]]] = (
    runs.EXAMPLES,
    asks.EXAMPLES,
    forks.EXAMPLES,
    exports.EXAMPLES,
    sagas.EXAMPLES,
    scenarios.EXAMPLES,
)
EXAMPLES: Mapping[str, Sequence[Example]] = {operation: found for room in ROOMS for operation, found in room.items()}

JSON_TYPE = "-H 'Content-Type: application/json'"
STUCK_SECONDS = 1  # which its run takes to get stuck, and more


def shell(method: str, path: str, example: Example) -> str:
    """Return the lines to paste into a shell that send an example to a playground on this machine."""
    lines, shown = [], example.id
    for run, body in runs.STARTED.items():
        if run in example.id:
            lines.append(f"RUN={_id_of(body)}")
            lines += [f"sleep {STUCK_SECONDS}"] if body is runs.STUCK_ORDER else []
            shown = example.id.replace(run, "$RUN")
    if example.after:
        lines.append(_curl("POST", f"/api/runs/$RUN/{example.after}", None))
    asked = path.replace("{id}", shown)
    query = "&".join(f"{key}={value}" for key, value in example.query.items())
    return "\n".join([*lines, _curl(method, f"{asked}?{query}" if query else asked, example.body)])


def _id_of(body: object) -> str:
    return f"""$({_curl("POST", "/api/runs", body)} | cut -d'"' -f4)"""


def _curl(method: str, path: str, body: object) -> str:
    """Return one line. Nothing in a path is special to a shell but `$RUN`, which is meant to be."""
    url = f'"{HOST}{path}"' if "?" in path else f"{HOST}{path}"
    sent = "" if body is None else f" {JSON_TYPE} -d {shlex.quote(json.dumps(body))}"
    verb = " -X POST" if method.upper() == "POST" and body is None else ""
    return f"curl -s{verb} {url}{sent}"
