"""The worker of an event loop, to whom a run that begins there can be given at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from sagas.models import Run
from sagas.tape import NewRows


class Host(Protocol):
    """A worker of this event loop, which may drive a run from its first moment."""

    @property
    def owner(self) -> str: ...

    def lease_until(self) -> int:
        """Return until when a lease that begins now is good, in milliseconds since the epoch."""
        ...

    def wants_more(self) -> bool:
        """Return whether it would drive another run."""
        ...

    async def adopt(self, run: Run, sagas: Mapping[str, str], rows: NewRows) -> None:
        """Return when a run is durable, and driven. Raises JournalConflict when there is such a run already."""
        ...


_hosts: dict[asyncio.AbstractEventLoop, Host] = {}


def open_house(host: Host) -> None:
    """Have `host` drive what is started on the running event loop, as far as it has room."""
    _hosts[asyncio.get_running_loop()] = host


def close_house(host: Host) -> None:
    """Take back `open_house`, unless another host has taken its place."""
    loop = asyncio.get_running_loop()
    if _hosts.get(loop) is host:
        del _hosts[loop]


def host() -> Host | None:
    """Return the worker of the running event loop, if it has room for one more run."""
    found = _hosts.get(asyncio.get_running_loop())
    return found if found is not None and found.wants_more() else None
