"""Examples: sagas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.api.examples.one import BY_HAND, HELD, RUN, STUCK, Example, problem

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
    "POST /api/sagas/{id}/resolve": (
        Example(
            name="done by hand",
            id=f"{BY_HAND}-1",
            body={"who": "ada", "why": "Inventory cannot be reached", "evidence": "counted on the shelf: unit-1"},
            status=202,
            answer={"id": f"{BY_HAND}-1", "state": "accepted"},
        ),
        Example(
            name="without evidence",
            id=f"{STUCK}-1",
            body={"who": "ada", "why": "it looks fine"},
            status=422,
            answer=problem("evidence", "is missing"),
        ),
    ),
    "POST /api/sagas/{id}/fail": (
        Example(
            name="a saga of which no call is under way",
            id=f"{RUN}-1",
            body={"who": "ada", "why": "the bank does not answer"},
            status=409,
            answer=problem("id", "a fail makes no sense: completed"),
        ),
        Example(
            name="without a reason",
            id=f"{RUN}-1",
            body={"who": "ada"},
            status=422,
            answer=problem("why", "is missing"),
        ),
    ),
    "POST /api/sagas/{id}/release": (
        Example(
            name="by force",
            id=f"{HELD}-1",
            body={"who": "ada", "why": "others wait for it", "record": "unit-1"},
            status=202,
            answer={"id": f"{HELD}-1", "state": "accepted"},
        ),
        Example(
            name="a record that it does not hold",
            id=f"{HELD}-1",
            body={"who": "ada", "why": "others wait for it", "record": "unit-2"},
            status=409,
            answer=problem("id", "a release makes no sense"),
        ),
    ),
}
