"""Examples: sagas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.api.examples.one import RUN, STUCK, Example, problem

EXAMPLES: Mapping[str, Sequence[Example]] = {
    "POST /api/sagas/{id}/retry": (
        Example(
            name="the cause is mended",
            id=f"{STUCK}-1",
            body={"who": "ada", "why": "the cause is mended"},
            status=202,
            answer={"id": f"{STUCK}-1", "state": "accepted"},
        ),
        Example(
            name="a saga that waits for nobody",
            id=f"{RUN}-1",
            body={},
            status=409,
            answer=problem("id", "a retry makes no sense: completed"),
        ),
        Example(
            name="no such saga", id="nothing-1", body={}, status=404, answer=problem("saga", "no saga 'nothing-1'")
        ),
    ),
}
