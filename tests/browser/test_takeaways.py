"""The takeaways as a reader meets them: five rules, each with a link that shows it kept and one that shows it broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Reader
from tests.play import Play

ReaderOf = Callable[..., Reader]


def test_each_rule_leads_to_a_page_that_keeps_it_and_one_that_breaks_it(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/takeaways/")
    assert page.locator(".rules li h2").count() == 5
    links = [link.get_attribute("href") or "" for link in page.locator(".cases a").all()]
    found = page.locator(".cases div").filter(has_text="found").locator("a").all()
    assert (len(links), len(found)) == (11, 1)
    for link in links:
        answer = page.goto(f"{shared_play.url}{link}")
        assert answer is not None
        assert answer.status == 200, link
        expect(page.locator("main .btn").first).to_be_visible()


def test_the_definition_without_a_way_back_is_really_refused(shared_play: Play, reader: ReaderOf) -> None:
    page = reader(shared_play.url, java_script_enabled=False).open("/takeaways/")
    answer = page.locator(".answer").inner_text()
    assert "DefinitionInvalid: step 'charge-payment' of saga 'hasty-order'" in answer
    assert "has no compensation" in answer
    assert page.locator(".code .ln.back").count() == 5


def test_the_fifth_rule_broken_sells_by_a_copy(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/takeaways/")
    broken = page.locator(".rules li").nth(4).locator("[data-state=failed] a").get_attribute("href")
    rules = page.locator(".rules li").nth(4).locator("pre").all_inner_texts()
    assert ["free > kept_back" in rules[0], "free > KEPT_BACK" in rules[1]] == [True, True]
    one.open(f"{broken}&latency_ms=0")
    page.get_by_role("button", name="Run once").click()
    one.wait_for_end("done")
    facts = one.api(f"/api/runs/{one.run()}")["facts"]
    assert (facts["kept_back_sold"], facts["consistent"]) == (1, False)


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scroll_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open("/takeaways/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in found] == []
