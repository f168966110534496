"""A rule of Inventory's that its caller keeps a copy of. Wrong on purpose.

With a lock, Inventory is asked for a unit and decides. In the modes `off` and `naive` the
caller asks what stands on the shelf, decides by the answer, and has Inventory hold what it
names. So the rule stands twice: Inventory's in `services.shelf`, and here as it was
on the day it was copied. When Inventory changes its own, this one goes on selling.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagas.services.unlocked import Seen

KEPT_BACK = 0  # what Inventory kept back on the day its rule was copied


def may_sell(free: int) -> bool:
    """The caller's copy of Inventory's rule."""
    return free > KEPT_BACK


def decided(seen: Any) -> Any:
    """Return what a caller carries to the write: of a shelf by which it may not sell, no unit."""
    if isinstance(seen, Seen) and not may_sell(len(seen.units)):
        return replace(seen, units=())
    return seen
