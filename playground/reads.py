"""Reads that take long to make: pictures, files, and journals folded into scenes. So many a minute, and no more.

They are counted where they weigh, in the memory of the process that answers them: a read writes nothing. So a
process that dies takes its count along, and a site with several of them takes as many times more.
"""

from __future__ import annotations

import functools
import math
import time
from collections import Counter, deque
from collections.abc import Callable
from threading import Lock
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from playground import limits
from playground.limits import Limit, OverLimit
from playground.visitors import visitor_of

View = Callable[..., HttpResponse]


class Lately:
    """Who read within a limit's seconds: never more of them than the limit allows all together. Any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._reads: deque[tuple[float, str]] = deque()  # seconds of a clock, and a visitor's name; oldest first
        self._of: Counter[str] = Counter()

    def count(self, limit: Limit, who: str, now: float) -> None:
        """Count a read of the visitor of this name. Raises OverLimit, and counts nothing then."""
        with self._lock:
            self._forget(now - limit.seconds)
            for number, most, for_all in (
                (self._of[who], limit.mine, False),
                (len(self._reads), limits.total(limit), True),
            ):
                if number >= most:
                    since = next((at for at, name in self._reads if for_all or name == who), now)
                    free_in = math.ceil(since + limit.seconds - now)
                    raise OverLimit(limit.words, most, free_in, for_all=for_all, within=limit.seconds)
            self._reads.append((now, who))
            self._of[who] += 1

    def _forget(self, until: float) -> None:
        while self._reads and self._reads[0][0] <= until:
            _, who = self._reads.popleft()
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]


lately = Lately()


def counted(view: View) -> View:
    """Return a view whose answers are counted on a public site. Raises OverLimit."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.SAGA_PUBLIC:
            lately.count(limits.READS, visitor_of(request), time.monotonic())
        return view(request, *args, **kwargs)

    return answer
