"""Several style sheets as one: nothing is lost, and what is kept for good has its content in its address."""

from __future__ import annotations

import gzip
import re

from django.test import Client

from playground.styles import joined

NAMES = ["base", "page", "controls", "stage", "plan"]


def address(html: str) -> str:
    found = re.search(r'href="(/styles/base\+page\+controls\+stage\+plan\.[0-9a-f]+\.css)"', html)
    assert found is not None
    return found[1]


def test_a_page_links_to_one_sheet_that_may_be_kept_for_good(db: None, client: Client) -> None:
    sheet = client.get(address(client.get("/acts/2/").content.decode()))
    assert sheet["Content-Type"] == "text/css; charset=utf-8"
    assert sheet["Cache-Control"] == "public, max-age=31536000, immutable"
    text = sheet.content.decode()
    assert text.startswith("@layer reset, tokens, base, layout, parts, states, motion;")
    assert text.count("{") == text.count("}")
    assert "@container sheet (min-width: 900px){" in text
    assert "/*" not in text


def test_the_fonts_and_glyphs_are_named_by_whole_addresses() -> None:
    text = joined(NAMES).text.decode()
    assert 'url("/static/fonts/besley-latin-wght-normal.woff2")' in text
    assert 'url("/static/glyphs.svg")' in text
    assert 'url("../' not in text


def test_who_takes_gzip_gets_it(client: Client) -> None:
    sheet = client.get(f"/styles/base+page.{joined(NAMES[:2]).version}.css", headers={"accept-encoding": "gzip, br"})
    assert sheet["Content-Encoding"] == "gzip"
    assert gzip.decompress(sheet.content) == joined(NAMES[:2]).text


def test_an_address_of_yesterday_gives_todays_sheet_and_says_so(client: Client) -> None:
    sheet = client.get("/styles/base.000000000000.css")
    assert sheet.content == joined(["base"]).text
    assert sheet["Cache-Control"] == "no-cache"


def test_a_sheet_that_is_not_there_is_not_found(client: Client) -> None:
    for names in ("nothing", "base+nothing", "base+..+secret", "", "base+"):
        assert client.get(f"/styles/{names}.0.css").status_code == 404, names
