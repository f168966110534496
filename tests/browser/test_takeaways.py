"""The takeaways as a reader meets them: five rules, each with a link that shows it kept and one that shows it broken."""

from __future__ import annotations

import zipfile
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Reader
from tests.play import Play

LOST = "fault=charge-payment:lost-reply:1"
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


def test_each_platform_is_a_tab_without_javascript_too(shared_play: Play, reader: ReaderOf) -> None:
    page = reader(shared_play.url, java_script_enabled=False).open(f"/takeaways/?{LOST}")
    panels = page.locator(".way")
    assert panels.count() == 4
    for n, key in enumerate(("here", "asl", "temporal", "durable")):
        if n == 1:
            page.get_by_label("Step Functions", exact=True).check()
        elif n:
            page.keyboard.press("ArrowRight")
        expect(page.locator(f'.way[data-way="{key}"]')).to_be_visible()
        assert sum(panel.is_visible() for panel in panels.all()) == 1
        expect(page.locator(f'.way[data-way="{key}"] .ln.back').first).to_be_attached()
    page.get_by_role("link", name="To the way back").filter(visible=True).first.click()
    expect(page.locator("#durable-1-back")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Copy").filter(visible=True)).to_have_count(0)


def test_a_file_is_copied_and_a_project_is_saved_as_they_are_shown(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url, permissions=["clipboard-read", "clipboard-write"])
    page = one.open(f"/takeaways/?{LOST}&platform=temporal")
    page.evaluate("navigator.clipboard.writeText('')")
    page.locator(".way[data-way=temporal] [data-copy]").first.click()
    expect(page.locator("#heard")).to_have_text("Copied.")
    shown = page.locator("#temporal-1").text_content()
    assert page.evaluate("navigator.clipboard.readText()") == shown
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download as a zip").filter(visible=True).click()
    assert saved.value.suggested_filename == "order-temporal.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert archive.read("order-temporal/workflow.py").decode() == shown
        assert (
            'Fault("charge-payment", "action", "lost-reply", times=1)'
            in archive.read("order-temporal/saga.py").decode()
        )


@pytest.mark.parametrize("width", [1440, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scroll_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    one = reader(shared_play.url, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = one.open(f"/takeaways/?platform={'asl' if width == 1440 else 'temporal'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [(f["id"], [n["html"] for n in f["nodes"]]) for f in found] == []
