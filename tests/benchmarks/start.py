"""How soon the playground answers after its start, and what a first visit to each page fetches."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from playwright.sync_api import Browser, CDPSession, sync_playwright

from tests.benchmarks.figures import Figure, Ratio, Table
from tests.benchmarks.rounds import Effort, interleaved
from tests.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.play import Play
from tests.waiting import until

GOAL_SECONDS = 2.0
FRESH, KEPT = "a new data folder", "a data folder that is there"
PAGES = {
    "home": "/",
    **{f"act {n}": f"/acts/{n}/" for n in range(5)},
    "takeaways": "/takeaways/",
    "lab": "/lab/",
}
FEW_PAGES = ("home", "lab")


def measure(effort: Effort) -> Iterable[Table]:
    """Yield seconds to the first answer, and then requests and bytes of each page."""
    with TemporaryDirectory(prefix="start-") as folder:
        yield _starts(effort, Path(folder))
        with Play(Path(folder) / "kept") as play:
            yield _pages(effort, play)


def _starts(effort: Effort, folder: Path) -> Table:
    kept = folder / "kept"
    _answered(kept)
    new = iter(range(1000))
    used: dict[str, list[float]] = {FRESH: [], KEPT: []}
    takes: dict[str, Callable[[], float]] = {
        FRESH: lambda: _answered(folder / f"new-{next(new)}", used[FRESH]),
        KEPT: partial(_answered, kept, used[KEPT]),
    }
    figures = interleaved(takes, effort.rounds, setting="to the first answer", unit="s")
    work = [Figure(name=name, setting="and to the end", unit="CPU s", samples=of) for name, of in used.items()]
    return Table(
        title="Start: `manage.py play` until `/` answers 200",
        figures=[*figures, *work],
        ratios=[
            Ratio(name=f"s, {f.name}", setting=f.setting, value=f.value, goal=GOAL_SECONDS, at_most=True)
            for f in figures
        ],
        notes=[
            "From the start of the process in a clone that is set up: what `make play` runs once `make setup` is done."
        ],
    )


def _answered(data: Path, used: list[float] | None = None) -> float:
    """Return seconds from the start of a playground to its first answer; to `used` goes its CPU time, in seconds."""
    data.mkdir(exist_ok=True)
    (data / "default.sqlite3").touch()  # an empty file is an empty database: nothing is made ready beforehand
    before, began = _cpu_of_children(), time.monotonic()
    with Play(data) as play:
        httpx.get(f"{play.url}/", timeout=30).raise_for_status()
        answered = time.monotonic() - began
    if used is not None:
        used.append(_cpu_of_children() - before)
    return answered


def _cpu_of_children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _pages(effort: Effort, play: Play) -> Table:
    run = httpx.post(f"{play.url}/api/runs", json={"latency_ms": 0}, timeout=30).json()["id"]
    _until_finished(play.url, run)
    pages = {**PAGES, "a run": f"/runs/{run}/"}
    figures: list[Figure] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        for name, path in pages.items():
            if not effort.quick or name in FEW_PAGES:
                figures += _page(browser, name, f"{play.url}{path}")
        browser.close()
    return Table(
        title="Start: what a page fetches on a first visit",
        figures=figures,
        notes=[
            "kB as they come over the line, head and body; requests without websockets. The run has finished.",
            "Nothing is compressed here: that is left to the proxy in front of a public site.",
        ],
    )


def _page(browser: Browser, name: str, url: str) -> Iterable[Figure]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    heard = Heard(context.new_cdp_session(page))
    page.goto(url, wait_until="networkidle")
    context.close()
    for setting, value in (("requests", heard.requests), ("kB", heard.bytes / 1000), ("kB of HTML", heard.html / 1000)):
        yield Figure(name=name, setting=setting, unit="cold cache", samples=[value])


class Heard:
    """What went over the line for one page, as the browser's network stack counts it."""

    def __init__(self, line: CDPSession) -> None:
        self.requests = 0
        self.bytes = self.html = 0.0
        self._document = ""
        line.on("Network.responseReceived", self._received)
        line.on("Network.loadingFinished", self._finished)
        line.send("Network.enable")
        line.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def _received(self, said: Mapping[str, Any]) -> None:
        if said["type"] == "Document":
            self._document = said["requestId"]

    def _finished(self, said: Mapping[str, Any]) -> None:
        self.requests += 1
        self.bytes += said["encodedDataLength"]
        if said["requestId"] == self._document:
            self.html += said["encodedDataLength"]


def _until_finished(url: str, run: str) -> None:
    until(lambda: httpx.get(f"{url}/api/runs/{run}", timeout=30).json()["state"] == "finished")
