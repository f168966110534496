"""A public site: what one visitor may do, what all may, and how each of them hears that it was too much."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from playground import environment, imported, limits, reads
from playground.imports import read
from playground.limits import AtOnce, Limit, OverLimit
from playground.models import StoredScenario, Turn
from playground.reads import Lately
from playground.scenario import Scenario
from playground.worlds import start
from sagas.models import Run
from tests.engine import Finished, drive, scenario
from tests.play import ROOT
from tests.visitors import Visitor

pytestmark = pytest.mark.usefixtures("engine_databases")

QUICK = {"latency_ms": 0}
MANY = 10**6


@pytest.fixture(autouse=True)
def public(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A public site that nobody has visited; what other tests left running takes nobody's place."""
    settings.SAGA_PUBLIC = True
    monkeypatch.setattr(limits, "UNFINISHED", AtOnce("unfinished runs", 20, MANY))
    monkeypatch.setattr(limits, "SAGAS", AtOnce("unfinished sagas", 60, MANY))
    Turn.objects.all().delete()
    yield
    Turn.objects.all().delete()


def post(client: Visitor, value: object = QUICK, path: str = "/api/runs", key: str = "") -> Any:
    headers = {"idempotency-key": key} if key else {}
    return client.post(path, value, content_type="application/json", headers=headers)


def statuses(client: Visitor, times: int, **given: Any) -> list[int]:
    return [post(client, **given).status_code for _ in range(times)]


def test_the_limit_of_one_visitor_is_said_by_field_with_the_time_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 2, 100))
    one = Visitor()
    assert statuses(one, 2) == [201, 201]
    runs = Run.objects.count()
    refused = post(one)
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    (error,) = refused.json()["errors"]
    assert error["field"] == ""
    assert error["message"].startswith("a visitor may have at most 2 runs started within a minute. Try again in")
    assert Run.objects.count() == runs
    assert post(Visitor(2)).status_code == 201


def test_the_limit_of_all_visitors_holds_for_whoever_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 2, 3))
    assert [post(Visitor(n)).status_code for n in (1, 2, 3, 4)] == [201, 201, 201, 429]
    assert "this site takes at most 3" in post(Visitor(5)).json()["errors"][0]["message"]


def test_a_minute_later_there_is_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 1, 100))
    one = Visitor()
    assert statuses(one, 2) == [201, 429]
    now = limits._now()
    monkeypatch.setattr(limits, "_now", lambda: now + 60_000)
    assert statuses(one, 2) == [201, 429]


def test_a_visitor_has_so_many_unfinished_runs_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNFINISHED", AtOnce("unfinished runs", 2, MANY))
    one = Visitor()
    first = post(one).json()["id"]
    assert statuses(one, 2) == [201, 429]
    Run.objects.filter(pk=first).update(state=Run.State.FINISHED)
    assert statuses(one, 2) == [201, 429]


def test_the_sagas_of_unfinished_runs_are_counted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SAGAS", AtOnce("unfinished sagas", 8, MANY))
    one = Visitor()
    assert [post(one, {**QUICK, "orders": n}).status_code for n in (5, 4, 3, 1)] == [201, 429, 201, 429]


def test_runs_that_nobody_of_the_visitors_started_take_places_of_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Run.objects.filter(state=Run.State.RUNNING).count()
    monkeypatch.setattr(limits, "UNFINISHED", AtOnce("unfinished runs", 20, running + 1))
    start(Scenario.parse(QUICK))
    assert post(Visitor()).status_code == 429


def test_what_is_asked_again_under_one_key_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 2, 100))
    monkeypatch.setattr(limits, "ASKS", Limit("ask", "requests", 2, 100))
    one, key = Visitor(), str(uuid4())
    assert statuses(one, 5, key=key) == [201] * 5
    assert statuses(one, 2, key=str(uuid4())) == [201, 201]


def test_a_refusal_for_too_much_is_no_answer_that_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 1, 100))
    one, key = Visitor(), str(uuid4())
    assert [post(one).status_code, post(one, key=key).status_code] == [201, 429]
    Turn.objects.all().delete()
    answer = post(one, key=key)
    assert (answer.status_code, answer.headers.get("Idempotency-Replayed")) == (201, None)


def test_two_requests_at_the_same_time_do_not_both_get_the_last_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 3, 100))
    together, answers = threading.Barrier(8), []

    def ask() -> None:
        together.wait(60)
        answers.append(post(Visitor()).status_code)
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201] * 3 + [429] * 5


def test_a_form_of_a_page_hears_it_in_a_sentence_and_a_browser_gets_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 1, 100))
    one = Visitor()
    assert one.post("/acts/2/", {"step": "4"}).status_code == 303
    inline = one.post("/acts/2/", {"step": "4"}, headers={"HX-Request": "true"})
    assert (inline.status_code, inline["Content-Type"]) == (429, "text/plain; charset=utf-8")
    assert inline.content.decode().startswith("A visitor may have at most 1 runs started within a minute.")
    page = one.post("/acts/2/", {"step": "4"}, headers={"Referer": "https://testserver/acts/2/?seed=7"})
    assert (page.status_code, page["Content-Type"]) == (429, "text/html; charset=utf-8")
    assert '<p class="lead" role="alert">A visitor may have at most 1 runs' in page.content.decode()
    assert '<a href="/acts/2/?seed=7">Back</a>' in page.content.decode()
    assert int(page["Retry-After"]) >= 1


def test_two_runs_of_one_click_are_started_both_or_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 3, 100))
    one, before = Visitor(), Run.objects.count()
    assert [one.post("/acts/1/", {}).status_code for _ in range(2)] == [303, 429]
    assert Run.objects.count() == before + 2


def test_forks_links_words_and_experiments_have_limits_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, kind in (("FORKS", "fork"), ("LINKS", "link"), ("TRIALS", "trial"), ("THOUSANDS", "thousand")):
        monkeypatch.setattr(limits, name, Limit(kind, kind, 0, 100))
    one = Visitor()
    run = post(one).json()["id"]
    links = StoredScenario.objects.count()
    asked = [
        post(one, {"at": 1}, f"/api/runs/{run}/fork"),
        one.post(f"/runs/{run}/fork", {"at": "1"}),
        post(one, {"seed": 4711}, "/api/scenarios"),
        one.post("/links/", {"query": "seed=4711"}),
        one.get("/acts/4/race/off/1/"),
        one.get("/acts/4/map/off/"),
        one.get("/lab/thousand/?seed=4711"),
    ]
    expected = [429, 422, 429, 429, 429, 429, 429]  # the run has no entry yet, which the form sees first
    assert [answer.status_code for answer in asked] == expected
    assert StoredScenario.objects.count() == links
    monkeypatch.setattr(limits, "ASKS", Limit("ask", "asks", 0, 100))
    asked = [post(one, None, f"/api/runs/{run}/pause"), one.post(f"/runs/{run}/ask/pause")]
    asked += [post(one, None, f"/api/sagas/{run}-1/retry"), one.post(f"/runs/{run}/sagas/{run}-1/retry")]
    assert [answer.status_code for answer in asked] == [429] * 4


def test_a_site_that_is_built_for_more_takes_more_of_all_together_and_no_more_of_one(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SAGA_LIMITS_TIMES = 2
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 2, 2))
    assert statuses(Visitor(1), 3) == [201, 201, 429]
    assert statuses(Visitor(2), 2) == [201, 201]
    assert "this site takes at most 4" in post(Visitor(3)).json()["errors"][0]["message"]
    assert limits.total(limits.SOCKETS) == limits.SOCKETS.all, "what a process holds is no matter of how many there are"


@pytest.fixture(scope="module")
def run_with_a_journal(engine_databases: None) -> Finished:
    (run,) = drive(scenario(latency_ms=0, timeout_ms=20_000))
    return run


READS = (
    "/runs/RUN/card.png",
    "/lab/card.png?seed=7",
    "/api/runs/RUN/scenes",
    "/api/runs/RUN/export?format=mermaid",
    "/api/runs/RUN/export?format=temporal",
    "/takeaways/durable.zip",
    "/import/IMPORT/scenes",
)


@pytest.mark.parametrize("address", READS)
def test_what_takes_long_to_make_is_made_so_often_and_no_more(
    address: str, run_with_a_journal: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = read("asl", (ROOT / "tests" / "data" / "histories" / "asl-trip.json").read_text(), "")
    path = address.replace("RUN", run_with_a_journal.run.pk).replace("IMPORT", imported.keep(history))
    monkeypatch.setattr(reads, "lately", Lately())
    monkeypatch.setattr(limits, "READS", Limit("read", "reads", 2, 3))
    one = Visitor()
    assert [one.get(path).status_code for _ in range(2)] == [200, 200]
    refused = one.get(path)
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["Cache-Control"] == "no-store"
    assert "visitor may have at most 2 reads within a minute" in refused.content.decode()
    assert one.get(f"/runs/{run_with_a_journal.run.pk}/").status_code == 200, "a page is no such read"
    assert [Visitor(n).get(path).status_code for n in (2, 3)] == [200, 429]
    assert not Turn.objects.exists(), "a read writes nothing"


def test_reads_of_a_minute_ago_no_longer_count() -> None:
    lately, limit = Lately(), Limit("read", "reads", 2, 3)

    def refusal(who: str, now: float) -> tuple[str, int]:
        with pytest.raises(OverLimit) as refused:
            lately.count(limit, who, now)
        return str(refused.value).partition(" may ")[0].partition(" takes ")[0], refused.value.seconds

    lately.count(limit, "ann", 0.0)
    lately.count(limit, "ann", 10.0)
    assert refusal("ann", 20.0) == ("a visitor", 40)
    lately.count(limit, "ben", 20.0)
    assert refusal("cem", 25.5) == ("this site", 35)
    assert refusal("ann", 59.9) == ("a visitor", 1)
    lately.count(limit, "ann", 60.0)
    assert refusal("ann", 60.0) == ("a visitor", 10)


def test_on_a_site_of_ones_own_no_read_is_counted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SAGA_PUBLIC = False
    monkeypatch.setattr(limits, "READS", Limit("read", "reads", 0, 0))
    assert Visitor().get("/lab/card.png").status_code == 200


@pytest.mark.parametrize(("given", "told"), [("", 1), ("1", 1), ("40", 40)])
def test_how_many_times_more_a_site_takes_is_a_whole_number(
    given: str, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAGA_LIMITS_TIMES", given)
    assert environment.whole("SAGA_LIMITS_TIMES", 1, 1) == told


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "many", "٣"])
def test_what_is_no_such_number_is_refused_by_its_name(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_LIMITS_TIMES", given)
    with pytest.raises(ImproperlyConfigured, match=r"^SAGA_LIMITS_TIMES must be a whole number from 1, not "):
        environment.whole("SAGA_LIMITS_TIMES", 1, 1)


def test_a_link_that_is_kept_already_is_given_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINKS", Limit("link", "short links", 1, 100))
    one = Visitor()
    assert [post(one, {"seed": n}, "/api/scenarios").status_code for n in (9001, 9001, 9002)] == [201, 201, 429]


def test_no_more_rows_are_kept_than_the_limits_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINKS", Limit("link", "short links", 5, 8))
    now = limits._now()
    for n in range(30):
        monkeypatch.setattr(limits, "_now", lambda n=n: now + n * 500)
        post(Visitor(n % 7), {"seed": 8000 + n}, "/api/scenarios")
        assert Turn.objects.filter(kind="link").count() <= 8


def test_on_a_site_of_ones_own_nothing_is_counted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SAGA_PUBLIC = False
    monkeypatch.setattr(limits, "RUNS", Limit("run", "runs started", 1, 1))
    assert statuses(Visitor(), 3) == [201] * 3
    assert not Turn.objects.exists()
