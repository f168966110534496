"""Examples: forks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.api.examples.one import RUN, Example, problem
from playground.api.examples.runs import NO_RUN, made

FORK = "n8d4q6cx2mz5w9rh"

EXAMPLES: Mapping[str, Sequence[Example]] = {
    "POST /api/runs/{id}/fork": (
        Example(
            name="another future",
            id=RUN,
            body={"at": 8, "faults": [{"step": "notify-warehouse", "kind": "decline"}]},
            status=201,
            answer=made(FORK),
        ),
        Example(name="its own faults again", id=RUN, body={"at": 8}, status=201, answer=made(FORK)),
        Example(
            name="before the first entry",
            id=RUN,
            body={"at": 0},
            status=422,
            answer=problem("at", "must be a whole number from 1 to 30"),
        ),
        Example(name="no such run", id="nothing", body={"at": 8}, status=404, answer=NO_RUN),
    ),
}
