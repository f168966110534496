"""Which application answers what: HTTP goes to Django, websockets to their consumers."""

from __future__ import annotations

from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path, re_path

from playground.bodies import Bounded
from playground.consumers import JournalConsumer, LatestConsumer, NowhereConsumer, ScenesConsumer
from playground.origins import OwnOrigins
from playground.tracing.web import traced
from playground.turnstile import Turnstile
from playground.visitors import Asgi, Proxies

scenes: Any = ScenesConsumer.as_asgi()
journal: Any = JournalConsumer.as_asgi()
latest: Any = LatestConsumer.as_asgi()
nowhere: Any = NowhereConsumer.as_asgi()

websockets: list[Any] = [
    path("ws/runs/<slug:run_id>/scenes", scenes),
    path("ws/runs/<slug:run_id>/json", journal),
    path("ws/latest/", latest),
    re_path(r"", nowhere),
]


def application_for(http: Any) -> Asgi:
    """Return the ASGI application around Django's own; a foreign page's websocket is refused."""
    sockets = OwnOrigins(Turnstile(URLRouter(websockets)))
    return Proxies(ProtocolTypeRouter({"http": traced(Bounded(http)), "websocket": sockets}))
