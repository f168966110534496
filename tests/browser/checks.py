"""What every page is held to: no finding of axe, no scrolling sideways, no jumps, not too heavy."""

from __future__ import annotations

import gzip
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Response

from tests.browser.conftest import Reader

WIDTHS = (1440, 768, 390, 320)
SCHEMES = ("light", "dark")
BUDGETS = {"script": 45, "stylesheet": 12}  # kilobytes, as gzip sends them
SHIFT = 0.02  # of the layout, in all

WATCH_SHIFTS = """() => {
  window.shift = 0
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shift += entry.value
  }).observe({ type: "layout-shift" })
  window.wider = 0
  const page = document.documentElement
  const look = () => {
    window.wider = Math.max(window.wider, page.scrollWidth - page.clientWidth)
    requestAnimationFrame(look)
  }
  look()
}"""


def problems(page: Page, width: int) -> list[Any]:
    """Return what axe finds, and by how many pixels the page can be scrolled sideways if it can."""
    found = Axe().run(page).response["violations"]
    over = page.evaluate("document.documentElement.scrollWidth") - width
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] + ([over] if over > 0 else [])


def weigh(one: Reader, path: str) -> dict[str, float]:
    """Return kilobytes of script and of style; fails beyond the budgets."""
    heard: list[Response] = []

    def hear(response: Response) -> None:
        heard.append(response)

    one.page.on("response", hear)
    one.open(path)
    one.page.wait_for_load_state("networkidle")
    one.page.remove_listener("response", hear)
    weights = dict.fromkeys(BUDGETS, 0.0)
    for response in {response.url: response for response in heard}.values():
        if response.request.resource_type in weights:
            weights[response.request.resource_type] += len(gzip.compress(response.body())) / 1000
    for kind, budget in BUDGETS.items():
        assert 0 < weights[kind] <= budget, kind
    return weights


def watch_shifts(page: Page) -> None:
    """Begin to add up how far the layout jumps by itself, and to see in each frame whether it is wider than the window."""
    page.evaluate(WATCH_SHIFTS)


def shifted(page: Page) -> float:
    """Return how far it has jumped since."""
    moved: float = page.evaluate("window.shift")
    return moved


def widened(page: Page) -> int:
    """Return by how many pixels the page could be scrolled sideways in any frame since."""
    most: int = page.evaluate("window.wider")
    return most
