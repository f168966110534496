"""A thousand runs: counted beside the server, shown as they come, and each of them real on demand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pytest
from django.test import Client

from playground import facts, thousand
from playground.scenario import Scenario
from playground.thousand import RUNS, Busy, Job
from playground.verdicts import Outcome, outcome_of
from sagas.models import Run
from tests.engine import finish
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("engine_databases")

FEW = 60


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A thousand of sixty, and nothing kept from one test for the next."""
    monkeypatch.setattr(thousand, "RUNS", FEW)
    monkeypatch.setattr("playground.views.thousand.RUNS", FEW)
    yield
    thousand._jobs.clear()


def counted(job: Job) -> list[Outcome]:
    """Return all outcomes of a job once it is done."""
    until(lambda: job.done, lambda: f"{len(job.outcomes)} so far")
    assert not job.failed
    return job.outcomes


def of_real_runs(base: Scenario, numbers: Sequence[int], client: Client) -> list[str]:
    """Open these runs as a reader does, drive them with a real worker, and return what became of them."""
    runs = []
    for n in numbers:
        answer = client.post(f"/lab/thousand/open/?{base.query()}", {"n": n})
        assert answer.status_code == 303
        runs.append(Run.objects.get(pk=answer["Location"].split("/")[2]))
    found = []
    for done in finish(*runs):
        counts = facts.read(done.run).facts(facts.price_of(done.run), at_rest=True)
        found.append(str(outcome_of(done.states, counts)))
    return found


@pytest.mark.parametrize(
    "query",
    [
        "latency_ms=0&idempotency=off&retry=3,2,1&compensation_retry=2,2,1",
        "latency_ms=0&orders=3&stock=2&lock=wait&retry=2,2,1&compensation_retry=1,2,1",
        "latency_ms=0&orders=2&stock=1&lock=off&retry=2,2,1",
        "latency_ms=0&mode=choreography&orders=2&stock=1&retry=2,2,1",
    ],
)
def test_a_square_opens_a_real_run_that_ends_as_the_square_said(client: Client, query: str) -> None:
    base = Scenario.from_query(query)
    outcomes = counted(thousand.count(base))
    numbers = sorted(
        {next(n for n, o in enumerate(outcomes, 1) if o is each) for each in set(outcomes)} | set(range(1, 9))
    )
    assert of_real_runs(base, numbers, client) == [str(outcomes[n - 1]) for n in numbers]


def test_the_page_shows_how_far_the_count_has_come_and_then_every_square(client: Client) -> None:
    first = client.get("/lab/thousand/?latency_ms=0&seed=7")
    assert first.status_code == 200
    assert "A thousand runs" in first.content.decode()
    job = thousand.count(Scenario.from_query("latency_ms=0&seed=7"))
    outcomes = counted(job)
    page = client.get("/lab/thousand/?seed=7&latency_ms=0").content.decode()
    numbers = [int(n) for n in re.findall(r'<button name="n" value="(\d+)"', page)]
    assert sorted(numbers) == list(range(1, FEW + 1))
    shipped = outcomes.count(Outcome.COMPLETED)
    assert re.search(rf"shipped, charged once</th><td>{shipped}</td>", page)
    assert "hx-trigger" not in page, "nothing is asked for any more"
    part = client.get("/lab/thousand/?seed=7&latency_ms=0", headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<section")
    assert part.count('<button name="n"') == FEW


def test_while_it_is_counted_a_reader_without_javascript_has_a_link_and_htmx_asks_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(Scenario.from_query("stock=2"), [Outcome.COMPLETED] * 5)
    monkeypatch.setattr(thousand, "count", lambda base: job)
    page = client.get("/lab/thousand/?stock=2").content.decode()
    assert 'hx-get="/lab/thousand/?stock=2" hx-trigger="load delay' in page
    assert '<a href="/lab/thousand/?stock=2">Look again</a>' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    assert f'max="{FEW}" value="5"' in page


def test_every_broken_rule_is_listed_with_the_address_that_shows_it(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Scenario.from_query("stock=2")
    job = Job(base, [Outcome.COMPLETED, Outcome.VIOLATION], {2: ("rule 33: <money> is missing",)})
    monkeypatch.setattr(thousand, "count", lambda base: job)
    page = client.get("/lab/thousand/?stock=2").content.decode()
    assert f'<a href="/lab/?{thousand.scenario_of(base, 2).query()}">Run 2</a>'.replace("&", "&amp;") in page
    assert "rule 33: &lt;money&gt; is missing" in page


def test_one_scenario_is_counted_once_however_it_is_written() -> None:
    one = thousand.count(Scenario.from_query("latency_ms=0&stock=4"))
    assert thousand.count(Scenario.from_query("stock=4&latency_ms=0&lock=fail-fast")) is one
    counted(one)


def test_a_run_is_opened_by_get_without_being_started(client: Client) -> None:
    before = Run.objects.count()
    answer = client.get("/lab/thousand/open/?stock=2&n=17")
    assert answer.status_code == 302
    assert answer["Location"] == f"/lab/?{thousand.scenario_of(Scenario.from_query('stock=2'), 17).query()}"
    assert Run.objects.count() == before


@pytest.mark.parametrize("n", ["", "0", "61", "x", "-1", "9" * 40, "²"])
def test_there_is_no_run_beyond_the_thousand(client: Client, n: str) -> None:
    assert client.post("/lab/thousand/open/?stock=2", {"n": n}).status_code == 404


def test_a_scenario_that_makes_no_sense_is_named_by_its_field(client: Client) -> None:
    for path in ("/lab/thousand/?orders=99", "/lab/thousand/open/?orders=99&n=1"):
        answer = client.get(path)
        assert answer.status_code == 400
        assert "<b>orders</b>: must be at most 8, not 99" in answer.content.decode()
    assert client.get("/lab/thousand/?orders=99", headers={"HX-Request": "true"}).status_code == 422


def test_more_thousands_than_can_wait_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thousand, "WAITING", -thousand.AT_ONCE)
    with pytest.raises(Busy):
        thousand.count(Scenario.parse({"stock": 9}))
    assert client.get("/lab/thousand/?stock=9").status_code == 503
    assert "waits for its turn" in client.get("/lab/thousand/?stock=9", headers={"HX-Request": "true"}).content.decode()


def test_a_count_that_breaks_off_says_so_and_can_be_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Scenario.parse({"latency_ms": 0, "stock": 8})
    with monkeypatch.context() as broken:
        broken.setattr(thousand.sys, "executable", "/bin/false")
        job = thousand.count(base)
        until(lambda: job.done)
        assert job.failed
    again = thousand.count(base)
    assert again is not job
    counted(again)


def test_a_thousand_is_a_thousand() -> None:
    assert RUNS == 1000
