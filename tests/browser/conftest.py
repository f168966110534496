"""A reader with a browser: one page, and a record of everything that should never happen on one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Reader:
    """A page, and what it did besides: messages of its console, requests to strangers."""

    page: Page
    url: str
    console: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.url}{path}")
        return self.page

    def api(self, path: str) -> Any:
        answer = httpx.get(f"{self.url}{path}", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def run(self) -> str:
        """Return the id of the run that the page follows."""
        return self.page.locator("#live").get_attribute("data-run") or ""

    def wait_for_end(self, end: str) -> None:
        expect(self.page.locator(".stage")).to_have_attribute("data-end", end, timeout=PATIENCE_MS)

    def seq(self) -> int:
        return int(self.page.locator(".stage").get_attribute("data-seq") or 0)


@pytest.fixture
def reader(browser: Browser) -> Iterator[Callable[..., Reader]]:
    """Opens `reader(url, **context options)`; afterwards holds each page to a clean console and to one origin."""
    opened: list[Reader] = []
    with ExitStack() as contexts:

        def open_one(url: str, **options: Any) -> Reader:
            context = browser.new_context(**options)
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            one = Reader(context.new_page(), url)
            one.page.on("console", lambda message: one.console.append(f"{message.type}: {message.text}"))
            one.page.on("pageerror", lambda error: one.console.append(f"error: {error}"))
            one.page.on("request", lambda request: one.strangers.append(request.url))
            opened.append(one)
            return one

        yield open_one
    for one in opened:
        assert [line for line in one.console if line.startswith(("error", "warning"))] == []
        own = (one.url, one.url.replace("http", "ws", 1), "data:")
        assert [url for url in one.strangers if not url.startswith(own)] == []
