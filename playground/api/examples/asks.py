"""Examples: what may be asked of a run while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.api.examples.one import RUN, SLOW, Example, problem
from playground.api.examples.runs import NO_RUN

NEEDS_PAUSE = ("step", "resume")


def _of(kind: str) -> Sequence[Example]:
    after = "pause" if kind in NEEDS_PAUSE else ""
    over = problem("id", f"a {kind} makes no sense: finished")
    taken = {"id": SLOW, "state": "accepted"}
    return (
        Example(
            name="while it runs",
            id=SLOW,
            body={"who": "ada", "why": "to look around"},
            after=after,
            status=202,
            answer=taken,
        ),
        Example(name="a run that has ended", id=RUN, body={}, status=409, answer=over),
        Example(name="no such run", id="nothing", body={}, status=404, answer=NO_RUN),
    )


EXAMPLES: Mapping[str, Sequence[Example]] = {
    f"POST /api/runs/{{id}}/{kind}": _of(kind) for kind in ("pause", "step", "resume", "cancel")
}
