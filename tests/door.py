"""The services over HTTP in a test: a real server on loopback, with the door to the services and nothing else."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.http.response import HttpResponseBase
from django.test.utils import override_settings

TOKEN = "a-token-for-the-tests"
PATIENCE = 30  # seconds

ADDRESSES = "tests.door_urls"


@dataclass(frozen=True)
class Heard:
    """One answer as it came over the socket."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@dataclass(frozen=True)
class Door:
    """Where the services are."""

    url: str

    def ask(self, method: str, at: str, body: object = None, *, token: str | None = TOKEN, **headers: str) -> Heard:
        """Return the answer to one request on a connection of its own; `Saga_World="x"` is a header."""
        base = urlsplit(self.url)
        connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=PATIENCE)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            connection.request(method, f"/services/{at}", body, sent)
            response = connection.getresponse()
            return Heard(response.status, dict(response.headers), response.read())
        finally:
            connection.close()


@contextmanager
def opened(token: str = TOKEN) -> Iterator[Door]:
    """Serve the services on a free port of loopback, each request in a thread of its own."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet, connections_override=None)
    server.daemon_threads = True
    server.set_app(_ServicesAlone())
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="services")
    with override_settings(SAGA_SERVICES_TOKEN=token):
        thread.start()
        try:
            yield Door(f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _ServicesAlone(WSGIHandler):
    def get_response(self, request: WSGIRequest) -> HttpResponseBase:
        request.urlconf = ADDRESSES
        return super().get_response(request)


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing: what a test needs of it is in the answer."""
