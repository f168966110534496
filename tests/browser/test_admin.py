"""The admin, as an operator meets it: find what is stuck, look, act, and see the act in the journal."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import SCHEMES, WIDTHS, problems, weigh
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

ReaderOf = Callable[..., Reader]

STUCK = {
    "latency_ms": 0,
    "orders": 1,
    "faults": [
        {"step": "book-delivery", "kind": "decline"},
        {"step": "charge-payment", "on": "compensation", "kind": "error", "times": 2},
    ],
    "compensation_retry": {"max_attempts": 2, "initial_ms": 1, "factor": 1, "max_ms": 1, "jitter": False},
}
WHY = "The bank answers again."


def log_in(one: Reader, play: Play) -> Page:
    """Go in by the password that the first start of this playground printed."""
    said = re.search(r"Admin: http\S+  user (\S+)  password (\S+)", play.output)
    assert said is not None
    page = one.open("/admin/")
    page.get_by_label("Username").fill(said[1])
    page.get_by_label("Password").fill(said[2])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text(said[1], exact=True)).to_be_visible()
    return page


def stuck(one: Reader) -> str:
    """Return a run whose refund has failed twice and would work the next time."""
    run: str = httpx.post(f"{one.url}/api/runs", json=STUCK, timeout=10).json()["id"]
    one.open(f"/runs/{run}/")
    one.wait_for_end("stuck")
    return run


def test_an_operator_finds_a_stuck_saga_and_has_it_go_on(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    run = stuck(one)
    page = log_in(one, shared_play)

    page.get_by_role("link", name="Sagas").first.click()
    page.get_by_label("Find").fill("ord-8412")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="needs-operator").click()
    page.locator("#result_list tr", has_text=run).get_by_role("link", name="ord-8412").click()
    expect(page.locator(".waiting")).to_contain_text("Still owed: release-inventory, cancel-order, refund-payment")
    undo = page.locator(".timeline .bar[data-op=compensation]")
    expect(undo.and_(page.locator("[data-state=failed]"))).to_have_count(2)
    saw = one.api(f"/api/runs/{run}/journal")["entries"][-1]["seq"]

    page.get_by_role("link", name="Retry now").click()
    page.get_by_label("Why").fill(WHY)
    page.get_by_role("button", name="Retry now").click()
    expect(page.locator("#asked")).to_contain_text("journaled", timeout=PATIENCE_MS)
    for words in ("operator-acted", "whooperator", f"why{WHY}", f"saw{saw}"):
        expect(page.locator("#asked")).to_contain_text(words)

    page.goto(page.url)
    expect(page.locator(".facts-line .state").first).to_have_text("compensated", timeout=PATIENCE_MS)
    acted = page.locator(".journal-rows [data-kind=operator-acted]")
    expect(acted).to_contain_text(f"action: retry · who: operator · why: {WHY} · saw: {saw}")
    expect(page.locator(".timeline .mark[data-state=acted]")).to_have_count(1)
    acted.get_by_role("link").click()
    expect(page).to_have_url(re.compile(rf"/runs/{run}/\?at={saw + 1}$"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_page_of_the_admin_scrolls_sideways_and_axe_finds_nothing(
    shared_play: Play, reader: ReaderOf, scheme: str
) -> None:
    one = reader(shared_play.url, color_scheme=scheme, viewport={"width": WIDTHS[0], "height": 900})
    run = stuck(one)
    page = one.open("/admin/")
    assert problems(page, WIDTHS[0]) == []
    log_in(one, shared_play)
    saga = f"/admin/sagas/saga/{run}-1"
    for path in ("/admin/", "/admin/sagas/alert/", f"{saga}/change/", f"{saga}/act/retry/"):
        page = one.open(path)
        assert problems(page, WIDTHS[0]) == [], path
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


def test_the_theme_is_switched_and_kept_for_the_whole_site(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, color_scheme="light")
    page = one.open("/admin/")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.locator(".theme-toggle").click()
    assert page.evaluate(paper) != light
    dark = page.evaluate(paper)
    one.open("/")
    assert page.evaluate(paper) == dark
    one.open("/admin/")
    page.locator(".theme-toggle").click()
    assert page.evaluate(paper) == light


def test_the_admin_works_without_javascript(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    run = stuck(one)
    plain = reader(shared_play.url, java_script_enabled=False)
    page = log_in(plain, shared_play)
    page.goto(f"{plain.url}/admin/sagas/saga/{run}-1/change/")
    page.get_by_role("link", name="Retry now").click()
    page.get_by_label("Why").fill(WHY)
    page.get_by_role("button", name="Retry now").click()
    one.open(f"/runs/{run}/")
    one.wait_for_end("compensated")
    page.reload()
    expect(page.locator("#asked")).to_contain_text("journaled")


def test_the_heaviest_pages_keep_to_the_budget(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    run = stuck(one)
    log_in(one, shared_play)
    for path in ("/admin/sagas/saga/", f"/admin/sagas/run/{run}/change/", f"/admin/sagas/saga/{run}-1/act/retry/"):
        weigh(one, path)
