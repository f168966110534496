"""Who looks on while a process works: metrics count what it commits, and its traces are sent.

The engine knows none of them. A journal tells its listeners what was committed, and a service
lets somebody stand around its deliveries; both are here, for every command that works.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import CommandError
from prometheus_client import start_http_server

from playground import metrics
from playground.tracing.follower import Follower
from playground.tracing.sdk import Tracing, current
from playground.tracing.services import watched
from sagas import catalog
from sagas.journal import Journal

logger = logging.getLogger(__name__)


@contextmanager
def work(journal: Journal) -> Iterator[None]:
    """Look on at what is committed through a journal. The end of the block waits a little for what is to be sent."""
    journal.listen(metrics.committed)
    tracing = current()
    if tracing is None:
        yield
        return
    try:
        with traced(journal, tracing):
            yield
    finally:
        tracing.close()
        current.cache_clear()


@contextmanager
def traced(journal: Journal, tracing: Tracing) -> Iterator[None]:
    """Trace what is committed through a journal, and what services do meanwhile."""
    follower = Follower(tracing)
    journal.listen(follower.hear)
    try:
        with watched(catalog.SERVICES.values(), tracing):
            yield
    finally:
        follower.close()


@contextmanager
def work_alone(journal: Journal) -> Iterator[None]:
    """Look on at a worker that has no pages: its metrics are served at `SAGA_METRICS_PORT`, if that is set.

    Raises CommandError, in one line, where nothing can be served there.
    """
    with work(journal):
        port, host = settings.SAGA_METRICS_PORT, settings.SAGA_METRICS_HOST
        if port is None:
            yield
            return
        try:
            server, thread = start_http_server(port, host, metrics.registry)
        except OSError as error:
            raise CommandError(f"cannot serve metrics on {host}:{port} (SAGA_METRICS_PORT): {error.strerror}") from None
        logger.info("metrics.served http://%s:%s/metrics", host, server.server_port)
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
