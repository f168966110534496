"""The whole playground in one process: migrate, serve, work. Ctrl-C stops it cleanly."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.management import BaseCommand, CommandError
from django.db import connections

from playground import edges, embedded
from playground.management.operator import first_operator
from sagas.management.ready import need_engine, need_webhook, pace, prepare_databases, settle_memory

if TYPE_CHECKING:
    from playground.webserver import Server

SOCKET_CLOSE_SECONDS = 2


class Command(BaseCommand):
    help = "Migrate, serve and work, in one process; or serve only, for workers that are elsewhere."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=os.environ.get("PORT") or 8000, help="0 picks a free one")
        parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
        parser.add_argument("--no-worker", action="store_true", help="serve only: sagaworker works elsewhere")

    def handle(self, *, host: str, port: int, no_worker: bool, **options: Any) -> None:
        if not 0 <= port <= 65535:
            raise CommandError(f"--port {port} (PORT) is not between 0 and 65535")
        need_webhook()
        need_engine()
        prepare_databases()
        self._operator = first_operator()
        connections["default"].close()  # who serves is another thread
        settle_memory()
        self._serve(host, port, works=not no_worker)
        self.stdout.write("bye")

    def _serve(self, host: str, port: int, *, works: bool) -> None:
        # Importing Daphne's server installs Twisted's reactor on asyncio, which only this command wants.
        from playground.webserver import reactor

        edges.cap_bodies()
        loop: asyncio.AbstractEventLoop = reactor._asyncioEventloop
        asyncio.set_event_loop(loop)
        died: list[BaseException] = []
        engine = embedded.current = embedded.Embedded(pace()) if works else None

        def on_death(error: BaseException) -> None:
            died.append(error)
            server.stop()

        def ready() -> None:
            if server.listening_addresses:
                if engine is not None:
                    engine.start(loop, on_death)
                    _stop_before_the_end(engine, loop)
                self._greet(*server.listening_addresses[0])

        server = _server(host, port, ready)
        # A port that is taken is told in this command's own line.
        logging.getLogger("daphne.server").addFilter(lambda record: "Listen failure" not in str(record.msg))
        server.run()
        if died:
            raise CommandError(f"the worker died: {died[0]!r}") from died[0]
        if not server.listening_addresses:
            raise CommandError(f"cannot listen on {host}:{port}: is another server there? Try PORT=0 or another port")

    def _greet(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        if self._operator is not None:
            self.stdout.write(f"Admin: http://{shown}:{port}/admin/{self._operator}")
        self.stdout.write(f"Ready: http://{shown}:{port}/")
        self.stdout.flush()


def _server(host: str, port: int, ready: Callable[[], None]) -> Server:
    from daphne.endpoints import build_endpoint_description_strings

    from playground.asgi import application
    from playground.webserver import Server

    return Server(
        application=application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        signal_handlers=True,
        ready_callable=ready,
        verbosity=0,
        application_close_timeout=SOCKET_CLOSE_SECONDS,
        websocket_max_frame_size=edges.MAX_SAID,
    )


def _stop_before_the_end(engine: embedded.Embedded, loop: asyncio.AbstractEventLoop) -> None:
    """Have the reactor wait, when it shuts down, until the worker has stopped."""
    from twisted.internet.defer import Deferred

    from playground.webserver import reactor

    def stop() -> Deferred[None]:
        return Deferred.fromFuture(asyncio.ensure_future(engine.stop(), loop=loop))

    reactor.addSystemEventTrigger("before", "shutdown", stop)
