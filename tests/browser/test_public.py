"""A public site, as a reader meets its limits."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from playwright.sync_api import expect

from playground.limits import RUNS
from tests.browser.checks import problems
from tests.browser.conftest import Reader
from tests.play import Play

KEY = "a-key-for-tests-that-is-long-enough-to-please-the-check-of-keys-0123456789"
TOO_MANY = f"A visitor may have at most {RUNS.mine} runs started within a minute. Try again in "


def test_a_reader_who_has_had_too_much_is_told_where_the_page_tells_its_other_errors(
    live_play: Callable[..., Play], reader: Callable[..., Reader]
) -> None:
    play = live_play(SAGA_PUBLIC="1", SECRET_KEY=KEY)
    one = reader(play.url)
    run = _had_too_much(play)[0]
    page = one.open("/acts/2/")
    page.get_by_role("button", name="Run the order").click()
    expect(page.locator("#problem")).to_contain_text(TOO_MANY)
    page = one.open(f"/runs/{run}/")
    _had_too_much(play)
    page.locator("#fork button[type=submit]").click()
    expect(page.locator("#fork-refused")).to_contain_text(TOO_MANY)

    one.open("/acts/2/")
    _had_too_much(play)
    page.evaluate("document.querySelector('form.order').submit()")  # as without JavaScript
    expect(page.get_by_role("heading", level=1)).to_have_text("Too much at once")
    expect(page.get_by_role("alert")).to_contain_text(TOO_MANY)
    for width, scheme in ((1440, "light"), (320, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert problems(page, width) == []
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The way back")
    one.console[:] = [line for line in one.console if "429" not in line]


def _had_too_much(play: Play) -> list[str]:
    """Return the runs that were started, from this very machine as the reader's own, until there was no more room."""
    runs = []
    while (answer := httpx.post(f"{play.url}/api/runs", json={"latency_ms": 0}, timeout=60)).status_code == 201:
        runs.append(answer.json()["id"])
    assert answer.status_code == 429
    return runs
