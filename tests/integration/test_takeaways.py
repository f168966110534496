"""The saga as files: what the page shows is what the zip holds, and what is marked as the way back is that."""

from __future__ import annotations

import html
import io
import json
import re
import tokenize
import zipfile
from collections.abc import Iterator

import pytest
from django.test import Client

from playground import export, platforms
from playground.acts import ways
from playground.export import scenarios
from playground.export.scenarios import WAYS
from playground.scenario import Scenario
from sagas.runs import create_run

pytestmark = pytest.mark.django_db(databases="__all__")

QUERIES = ["", "fault=charge-payment:lost-reply:1&retry=5,100,2.0", "saga=trip&fault=charge-card:error"]
SHOWN = re.compile(r'<code id="(\w+)-\d+">(.*?)</code>', re.DOTALL)
NAMES = re.compile(r"<summary><code>(.*?)</code>")


def shown(page: str) -> dict[str, dict[str, str]]:
    """Return the files of each platform as a reader sees them."""
    texts = [(key, html.unescape(re.sub(r"<[^>]+>", "", text))) for key, text in SHOWN.findall(page)]
    found: dict[str, dict[str, str]] = {}
    for (key, text), name in zip(texts, NAMES.findall(page), strict=True):
        found.setdefault(key, {})[name] = text
    return found


def unpacked(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("query", QUERIES)
def test_the_page_shows_the_very_files_of_the_zip(client: Client, query: str) -> None:
    files = shown(client.get(f"/takeaways/?{query}").content.decode())
    assert set(files) == set(WAYS)
    for key in WAYS:
        answer = client.get(f"/takeaways/{key}.zip?{query}")
        assert answer["Content-Type"] == "application/zip"
        assert answer["Content-Disposition"].endswith('.zip"')
        assert unpacked(answer.content) == files[key]


def test_a_scenario_gives_the_files_that_a_run_of_it_gives() -> None:
    query = "fault=book-delivery:decline&latency_ms=0"
    scenario = Scenario.from_query(query)
    run = create_run(scenario.full())
    for key in WAYS:
        of_run = unpacked(bytes(export.export(run.pk, key).text))  # type: ignore[arg-type]
        of_scenario = dict(scenarios.project(key, scenario).files)
        own = {"saga.py", "README.md"} if key == "temporal" else set()  # which say where they come from
        assert set(of_run) == set(of_scenario)
        assert [name for name in of_run if of_run[name] != of_scenario[name] and name not in own] == []
        for name in own:
            assert of_run[name].replace(f"run {run.pk}", "a scenario") == of_scenario[name]


def comments(text: str) -> Iterator[int]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.string.startswith("# undo"):
            yield token.start[0]


@pytest.mark.parametrize("query", QUERIES)
def test_the_lines_of_the_way_back_are_marked_and_no_others(query: str) -> None:
    for tab in ways.tabs(Scenario.from_query(query)):
        backs = 0
        for file in tab.files:
            text = "".join(line.text for line in file.lines)
            marked = [n for n, line in enumerate(file.lines, 1) if line.back]
            if file.path.endswith(".py"):
                assert marked == list(comments(text)), file.path
            elif file.path == "machine.asl.json":
                states = json.loads(text)["States"]
                undos = {name: state for name, state in states.items() if state["Comment"].startswith("undo")}
                block = "".join(line.text for line in file.lines if line.back)
                assert json.loads("{" + block.rstrip().rstrip(",") + "}") == undos
            else:
                assert marked == []
            backs += len(marked)
        assert backs > 5, tab.key
        assert tab.files[0].path == WAYS[tab.key].main
        assert tab.files[0].backs > 0


@pytest.mark.parametrize(
    ("query", "field"),
    [("fault=charge-payment", "faults.0"), ("orders=99", "orders"), ("nonsense=1", "nonsense"), ("saga=x", "saga")],
)
def test_a_bad_address_is_answered_at_its_field(client: Client, query: str, field: str) -> None:
    for path in ("/takeaways/", "/takeaways/temporal.zip"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert f'data-field="{field}"' in answer.content.decode()


def test_a_platform_that_is_not_there(client: Client) -> None:
    assert client.get("/takeaways/cobol.zip").status_code == 404
    answer = client.get("/takeaways/?platform=cobol")
    assert answer.status_code == 400
    assert 'data-field="platform"' in answer.content.decode()


@pytest.mark.parametrize("mode", ["choreography", "none"])
def test_where_nobody_drives_the_page_says_that_platforms_do(client: Client, mode: str) -> None:
    for path, status in (("/takeaways/", 200), ("/takeaways/asl.zip", 409)):
        answer = client.get(f"{path}?mode={mode}")
        assert answer.status_code == status
        page = answer.content.decode()
        assert f"mode {mode} has no orchestrator" in page
        assert shown(page) == {}


def test_the_table_is_the_one_that_the_engines_are_held_to(client: Client) -> None:
    page = html.unescape(client.get("/takeaways/").content.decode())
    table = page[page.index("differences-title") :]
    for one in platforms.DIFFERENCES:
        assert all(words in table for words in (one.what, one.why, f"{one.platform}: <code>{one.there}"))


def ways_of(page: str) -> list[str]:
    """Return where a page's links to its scenario's projects lead."""
    return [html.unescape(found) for found in re.findall(r'href="(/takeaways/[^"]*)">The same saga, four ways<', page)]


@pytest.mark.parametrize("query", QUERIES)
def test_the_lab_and_a_runs_own_page_lead_to_the_projects_of_their_scenario(client: Client, query: str) -> None:
    scenario = Scenario.from_query(query)
    expected = "/takeaways/" + (f"?{scenario.query()}" if query else "") + "#platforms"
    run = create_run(scenario.full()).pk
    pages = [client.get(f"/lab/?{query}"), client.get(f"/lab/?run={run}"), client.get(f"/runs/{run}/")]
    assert [ways_of(page.content.decode()) for page in pages] == [[expected]] * 3
    led = client.get(expected.partition("#")[0])
    assert led.status_code == 200
    assert shown(led.content.decode())["temporal"] == dict(scenarios.project("temporal", scenario).files)


def test_a_check_in_the_lab_leads_to_the_projects_of_what_was_chosen(client: Client) -> None:
    fields = {"fault.charge-payment": "error", "times.charge-payment": "2", "orders": "1", "seed": "7"}
    answer = client.post("/lab/check/", fields, headers={"hx-request": "true"})
    assert ways_of(answer.content.decode()) == ["/takeaways/?fault=charge-payment:error:2&seed=7#platforms"]


@pytest.mark.parametrize("mode", ["choreography", "none"])
def test_where_nobody_drives_no_page_leads_to_projects(client: Client, mode: str) -> None:
    run = create_run(Scenario.parse({"mode": mode}).full()).pk
    for address in (f"/lab/?mode={mode}", f"/runs/{run}/"):
        assert ways_of(client.get(address).content.decode()) == []
