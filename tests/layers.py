"""Who listens at a channel layer, whichever it is."""

from __future__ import annotations

from typing import Any

from playground.layer import GROUP


def members(layer: Any) -> list[str]:
    """Return who is in the group of this process; the layer of Redis gives it a longer name."""
    return [member for name, group in layer.groups.items() if name.endswith(GROUP) for member in group]
