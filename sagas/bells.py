"""The bell: how workers of other processes hear at once that a run has something to do.

A bell may lose a ring and may be silent for a while, since every worker also looks by itself
once per poll. `SAGA_BELL` names one, as a dotted path to an object; without it nobody is called.
"""

from __future__ import annotations

from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Woken(Protocol):
    """Who hears a bell: a worker."""

    def holds(self, run: str) -> bool: ...

    def wants_more(self) -> bool: ...

    def wake(self, run: str) -> None: ...


class Bell(Protocol):
    """What calls workers. `ring` from any thread; `heed` on a worker's event loop, until cancelled."""

    def ring(self, run: str) -> None: ...

    async def heed(self, worker: Woken) -> None: ...


def bell() -> Bell | None:
    """Return the bell of this site, or None where there is none. Raises ImportError for a path that leads nowhere."""
    path = settings.SAGA_BELL
    found: Bell | None = import_string(path) if path else None
    return found
