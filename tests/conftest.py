"""What every kind of test can ask for: databases, real servers, a real browser, a whole playground."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, sync_playwright
from pytest_django import DjangoDbBlocker

from tests.migrated import SERVER, SHARED, configs, database_on, drop, files_in, lead, server_of
from tests.play import Play
from tests.postgres import Postgres

if TYPE_CHECKING:
    from tests.temporal import Temporal

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# No sandbox, as root has none, and not one word to the outside.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

BROWSER_LOOP = pytest.StashKey[asyncio.AbstractEventLoop | None]()


@pytest.fixture(scope="session", autouse=True)
def _shared_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A folder for all processes of this test run: what takes long is made in there once."""
    own = tmp_path_factory.getbasetemp()
    os.environ.setdefault(SHARED, str(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own))


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    _shared_folder: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """All databases, migrated and of this process's own, so that runs can overlap: files, or a PostgreSQL database."""
    data, url = tmp_path_factory.mktemp("databases"), os.environ.get("DATABASE_URL", "")
    own = database_on(server_of(url)) if url.startswith("postgres") else ""
    if not own:
        files_in(data)
    with django_db_blocker.unblock():
        lead(configs({**os.environ, "DATABASE_URL": own}, data))
    yield
    if own:
        drop(own)


@pytest.fixture(scope="session")
def postgres(_shared_folder: None) -> Iterator[Postgres]:
    """A PostgreSQL server; `postgres.fresh_database()` is the URL of a new database on it."""
    if SERVER in os.environ:
        yield Lent(os.environ[SERVER])
        return
    with Postgres() as server:
        yield server


class Lent(Postgres):
    """The server that was started for the whole test run."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="session")
def redis_url(valkey_url: str) -> str:
    """The URL of a Redis-compatible server that all tests of this process share."""
    return valkey_url.replace("valkey://", "redis://", 1)


@pytest.fixture
def temporal() -> Iterator[Temporal]:
    """A Temporal server of the test's own: this one goes on handing work to workers that asked for it and are gone."""
    yield from _temporal()


@pytest.fixture(scope="module")
def temporal_of_module() -> Iterator[Temporal]:
    """A Temporal server for one worker that all tests of a module look at."""
    yield from _temporal()


def _temporal() -> Iterator[Temporal]:
    from tests.temporal import Temporal  # it brings temporalio along, which few tests need

    with Temporal() as server:
        yield server


@pytest.fixture(scope="session")
def chromium_args() -> list[str]:
    """Chromium's flags."""
    return CHROMIUM_ARGS


@pytest.fixture(scope="session")
def browser(chromium_args: list[str]) -> Iterator[Browser]:
    """Debian's Chromium, one for this process: take a new context or page for each test."""
    with sync_playwright() as playwright:
        loop = asyncio.get_running_loop()
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=chromium_args)
        yield chromium
        asyncio._set_running_loop(loop)
        chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Shows Playwright's event loop to the tests that drive a browser and to no others.

    Its synchronous face leaves that loop marked as running for the whole session, and then
    asynchronous tests and Django's ORM refuse to work.
    """
    loop = item.config.stash.get(BROWSER_LOOP, None)
    if "browser" in getattr(item, "fixturenames", ()):
        asyncio._set_running_loop(loop)
    try:
        return (yield)
    finally:
        item.config.stash[BROWSER_LOOP] = asyncio._get_running_loop() or loop
        asyncio._set_running_loop(None)


@pytest.fixture
def live_play(tmp_path: Path) -> Iterator[Callable[..., Play]]:
    """Starts playgrounds, `live_play(DATABASE_URL=…)`, each with its own data; each must stop cleanly."""
    count = iter(range(100))
    with ExitStack() as running:

        def start(**environment: str) -> Play:
            return running.enter_context(Play(tmp_path / f"play-{next(count)}", environment))

        yield start


@pytest.fixture(scope="session")
def shared_play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    """One playground for this process, for the tests that leave it as it was for others."""
    with Play(tmp_path_factory.mktemp("shared-play")) as play:
        yield play


@pytest.fixture(scope="session")
def engine_databases(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The six databases, open to every thread. Nothing is rolled back: each run is a world of its own."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(autouse=True)
def _journals_may_be_flushed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Marks every run as pruned before a transactional test empties the tables: nothing else may delete one."""
    marked = request.node.get_closest_marker("django_db")
    empties = "transactional_db" in request.fixturenames or (marked and marked.kwargs.get("transaction"))
    if empties:
        request.getfixturevalue("transactional_db")
    yield
    if empties:
        from sagas.models import Run

        Run.objects.update(pruning=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests measured against the budgets of the pages, and the faults that runs survived."""
    _told(terminalreporter, "budget", "pages against their budgets")
    _told(terminalreporter, "fault", "faults tried and survived")


def _told(terminalreporter: pytest.TerminalReporter, kind: str, title: str) -> None:
    told = [
        str(text)
        for report in terminalreporter.getreports("passed")
        for name, text in report.user_properties
        if name == kind
    ]
    if told:
        terminalreporter.section(title)
        terminalreporter.write_line("\n".join(sorted(told)))
