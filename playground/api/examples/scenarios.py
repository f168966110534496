"""Examples: scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from playground.api.examples.one import HOST, Example, problem

EXAMPLES: Mapping[str, Sequence[Example]] = {
    "POST /api/scenarios": (
        Example(
            name="two orders wait for one lamp",
            body={"orders": 2, "stock": 1, "lock": "wait"},
            status=201,
            answer={"slug": "ae654ctrdx4cd", "url": f"{HOST}/s/ae654ctrdx4cd/"},
        ),
        Example(
            name="a number out of range",
            body={"orders": 9},
            status=422,
            answer=problem("orders", "must be at most 8, not 9"),
        ),
    ),
}
