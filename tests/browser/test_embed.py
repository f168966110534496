"""A run and a scenario in somebody else's page: another origin, no cookie, the same stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from playwright.sync_api import FrameLocator, expect

from playground import frames
from tests.browser.checks import problems, weigh
from tests.browser.conftest import PATIENCE_MS, Reader
from tests.play import Play

ReaderOf = Callable[..., Reader]
BRISK = "fault=notify-warehouse:error&latency_ms=60&timeout_ms=20000&retry=1,50,2"


class Stranger(ThreadingHTTPServer):
    """Another site with one page, which frames what it is given. `framed` is that page's HTML."""

    framed = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Pages(BaseHTTPRequestHandler):
    server: Stranger

    def do_GET(self) -> None:
        body = self.server.framed.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    """Another origin than the playground's: another port."""
    with Stranger(("127.0.0.1", 0), Pages) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def framed(one: Reader, stranger: Stranger, *paths: str) -> list[FrameLocator]:
    """Open the stranger's page with these of our pages in it."""
    inside = (
        f'<iframe title="{n}" src="{one.url}{path}" width="960" height="520"></iframe>' for n, path in enumerate(paths)
    )
    stranger.framed = f"<!doctype html><title>Elsewhere</title><link rel='icon' href='data:,'><p>A page elsewhere.</p>{''.join(inside)}"
    one.page.goto(stranger.url)
    return [one.page.frame_locator(f"iframe[title='{n}']") for n in range(len(paths))]


def at_home(one: Reader, stranger: Stranger) -> None:
    """Forget the requests to the stranger's own page, which is no stranger here."""
    one.strangers[:] = [url for url in one.strangers if not url.startswith(stranger.url)]


def started(play: Play, **scenario: object) -> str:
    return str(httpx.post(f"{play.url}/api/runs", json=scenario, timeout=30).json()["id"])


def test_a_run_and_a_scenario_work_in_a_page_of_another_origin(
    shared_play: Play, reader: ReaderOf, stranger: Stranger
) -> None:
    one = reader(shared_play.url, viewport={"width": 1100, "height": 1200})
    run = started(shared_play, latency_ms=300, timeout_ms=20_000, faults=[{"step": "create-order", "kind": "decline"}])
    live, lab = framed(one, stranger, f"/runs/{run}/embed/?theme=dark", f"/lab/embed/?{BRISK}")

    expect(live.locator(".stage")).to_have_attribute("data-end", "compensated", timeout=PATIENCE_MS)
    expect(live.locator("#say")).to_contain_text("create-order failed")
    expect(live.locator("html")).to_have_attribute("data-theme", "dark")
    whole = live.get_by_role("link", name="The whole run")
    assert whole.evaluate("link => [link.href, link.target || document.querySelector('base').target]") == [
        f"{one.url}/runs/{run}/",
        "_blank",
    ]

    lab.get_by_role("button", name="Run the order").click()
    expect(lab.locator(".stage")).to_have_attribute("data-end", "compensated", timeout=PATIENCE_MS)
    expect(lab.locator("#fact-charged")).to_have_text("0.00")
    started_there = lab.locator("#live").get_attribute("data-run") or ""
    assert one.api(f"/api/runs/{started_there}")["sagas"][0]["cause"]["step"] == "notify-warehouse"
    expect(lab.get_by_role("link", name="The whole run")).to_have_attribute("href", f"{one.url}/runs/{started_there}/")
    assert one.page.context.cookies() == []
    at_home(one, stranger)


def test_no_other_page_of_ours_shows_in_a_foreign_frame(
    shared_play: Play, reader: ReaderOf, stranger: Stranger
) -> None:
    one = reader(shared_play.url)
    with one.page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        (home,) = framed(one, stranger, "/")
    expect(home.locator(".brand")).to_have_count(0)
    one.console.clear()  # the browser says why it shows nothing
    at_home(one, stranger)


def test_a_link_in_a_frame_opens_beside_it(shared_play: Play, reader: ReaderOf, stranger: Stranger) -> None:
    one = reader(shared_play.url)
    run = started(shared_play, latency_ms=0)
    (frame,) = framed(one, stranger, f"/runs/{run}/embed/")
    with one.page.context.expect_page() as opened:
        frame.get_by_role("link", name="The whole run").click()
    opened.value.wait_for_url(f"{one.url}/runs/{run}/")
    assert one.page.url.rstrip("/") == stranger.url
    at_home(one, stranger)


def test_a_frame_can_stand_at_one_moment_of_a_run(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    run = started(shared_play, latency_ms=0)
    page = one.open(f"/runs/{run}/embed/")
    one.wait_for_end("done")
    page = one.open(f"/runs/{run}/embed/?at=3")
    assert (one.seq(), page.locator(".stage").get_attribute("data-end")) == (3, "")


def test_a_refusal_is_told_in_the_frame(shared_play: Play, reader: ReaderOf) -> None:
    one = reader(shared_play.url)
    page = one.open("/lab/embed/")
    page.locator("[data-run-scenario]").evaluate("""button => { button.dataset.runScenario = '{"orders": 99}' }""")
    page.get_by_role("button", name="Run the order").click()
    expect(page.locator("#problem")).to_have_text("must be at most 8, not 99")
    one.console.clear()  # the browser reports the status 422 by itself


def test_a_frame_says_how_it_stands_without_javascript(shared_play: Play, reader: ReaderOf) -> None:
    run = started(shared_play, latency_ms=0)
    one = reader(shared_play.url, java_script_enabled=False)
    page = one.open(f"/runs/{run}/embed/")
    expect(page.locator(".stage")).to_have_attribute("data-end", "done", timeout=PATIENCE_MS)
    expect(one.open("/lab/embed/").get_by_role("button")).to_be_hidden()


@pytest.mark.parametrize(("width", "scheme"), [(frames.WIDTH, "light"), (320, "dark")])
def test_frames_fit_and_axe_finds_nothing(shared_play: Play, reader: ReaderOf, width: int, scheme: str) -> None:
    run = started(shared_play, latency_ms=0, mode="choreography")
    one = reader(shared_play.url, viewport={"width": width, "height": 690}, color_scheme=scheme)
    for path in (f"/runs/{run}/embed/", f"/lab/embed/?{BRISK}&orders=2", "/lab/embed/?orders=99"):
        one.page.goto(f"{one.url}{path}")
        assert problems(one.page, width) == [], path
        bottom = one.page.evaluate("document.querySelector('main').getBoundingClientRect().bottom")
        assert bottom <= frames.size(width)[1], f"{path} is taller than its frame"
    one.console.clear()  # the browser reports the status 400 by itself


def test_a_frame_is_light(shared_play: Play, reader: ReaderOf) -> None:
    weigh(reader(shared_play.url), "/lab/embed/")
