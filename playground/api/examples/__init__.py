"""Examples of every operation of the API, by method and path, and the shell lines that try them.

An operation without examples fails a test. To add some, write them into a room beside this one and
name that in ROOMS. `RUN` and `STUCK` stand for the ids of the two runs that the examples of
`POST /api/runs` start; in a shell line they are asked for first.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence

from playground.api.examples import exports, runs, sagas, scenarios
from playground.api.examples.one import HOST, RUN, STUCK, Example

__all__ = ["EXAMPLES", "HOST", "RUN", "STUCK", "Example", "shell"]

ROOMS: Sequence[Mapping[str, Sequence[Example]]] = (
    runs.EXAMPLES,
    exports.EXAMPLES,
    sagas.EXAMPLES,
    scenarios.EXAMPLES,
)
EXAMPLES: Mapping[str, Sequence[Example]] = {operation: found for room in ROOMS for operation, found in room.items()}

JSON_TYPE = "-H 'Content-Type: application/json'"
STUCK_SECONDS = 1  # which its run takes to get stuck, and more


def shell(method: str, path: str, example: Example) -> str:
    """Return the lines to paste into a shell that send an example to a playground on this machine."""
    lines = []
    if RUN in example.id:
        lines.append(f"RUN={_id_of(runs.ORDER)}")
    if STUCK in example.id:
        lines += [f"RUN={_id_of(runs.STUCK_ORDER)}", f"sleep {STUCK_SECONDS}"]
    asked = path.replace("{id}", example.id.replace(RUN, "$RUN").replace(STUCK, "$RUN"))
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
