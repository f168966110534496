"""A run's page without a browser: what may be asked of it, and the form that forks it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client

from playground import worlds
from playground.scenario import FaultSpec, Scenario
from sagas.models import Run
from tests.engine import Finished, drive, fault, scenario

CHARGE, PICK = "charge-payment", "notify-warehouse"


@pytest.fixture(scope="module")
def two(engine_databases: None) -> list[Finished]:
    """The same order once undone and once shipped."""
    pace = {"timeout_ms": 2500, "retry": {"max_attempts": 2, "initial_ms": 2}}
    return drive(scenario(fault(PICK, "error"), **pace), scenario(fault(PICK, "error", times=1), **pace))


@pytest.fixture
def client() -> Client:
    return Client(headers={"host": "localhost"})


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Run, int, Sequence[FaultSpec]]]:
    """What was asked of `worlds.fork`, which does it all the same."""
    real = worlds.fork
    asked: list[tuple[Run, int, Sequence[FaultSpec]]] = []

    def fork(run: Run, at: int, faults: Sequence[FaultSpec]) -> Run:
        asked.append((run, at, faults))
        return real(run, at, faults)

    monkeypatch.setattr(worlds, "fork", fork)
    return asked


def page(client: Client, run: Finished, query: str = "") -> str:
    answer = client.get(f"/runs/{run.run.pk}/?{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def marked(html: str, name: str) -> int:
    return len(re.findall(rf"\s{name}[\s>]", html))


def test_the_server_marks_each_moment_as_the_browser_would(client: Client, two: list[Finished]) -> None:
    run = two[0]
    for seq in (1, 7, len(run.entries)):
        html = page(client, run, f"at={seq}")
        journal = html[html.index('id="journal"') : html.index('id="records"')]
        assert marked(journal, "data-past") == seq
        assert f'id="j-{seq}" data-past data-current' in journal
        records = html[html.index('id="records"') : html.index('id="fork-title"')]
        assert marked(records, "data-past") == sum(entry.kind == "effect" for entry in run.entries[:seq])
        beliefs = html[html.index('id="beliefs"') : html.index('id="journal-title"')]
        assert marked(beliefs, "data-now") == 5, "one belief a step holds at a time"


def test_the_panels_are_read_again_with_the_records_beside_them(client: Client, two: list[Finished]) -> None:
    run = two[0]
    html = client.get(f"/runs/{run.run.pk}/panels/?saga={run.sagas[0].pk}").content.decode()
    assert f'data-head="{len(run.entries)}"' in html
    assert '<div class="records" id="records" hx-swap-oob="true">' in html
    assert html.count('class="span"') == page(client, run).count('class="span"')


def test_the_page_offers_its_exports_and_a_run_that_is_none_is_not_found(client: Client, two: list[Finished]) -> None:
    run = two[0].run.pk
    html = page(client, two[0])
    for name in ("journal", "mermaid", "otlp", "jaeger", "pytest"):
        assert f'href="/api/runs/{run}/export?format={name}"' in html
    assert client.get("/runs/nobody/").status_code == 404
    assert client.get(f"/runs/{run}/?saga={two[1].sagas[0].pk}").status_code == 404
    assert client.get(f"/runs/{run}/beside/nobody/").status_code == 404


def test_the_fork_form_shows_the_faults_of_the_run(client: Client, two: list[Finished]) -> None:
    html = page(client, two[1], "at=5")
    chosen = re.findall(r'<option value="([^"]+)" selected>', html)
    assert chosen == [f"{PICK}:error:1"]
    assert '<input type="hidden" name="at" value="5"' in html


def test_a_fork_starts_with_the_faults_that_were_chosen_and_opens_its_page(
    client: Client, two: list[Finished], forks: list[Any]
) -> None:
    run = two[0].run
    sent = {"at": "9", "fault": ["", f"{CHARGE}.compensation:error:2", "", f"{PICK}:decline"]}
    answer = client.post(f"/runs/{run.pk}/fork", sent)
    ((parent, at, faults),) = forks
    assert (parent.pk, at) == (run.pk, 9)
    assert [(one.step, one.on, one.kind, one.times) for one in faults] == [
        (CHARGE, "compensation", "error", 2),
        (PICK, "action", "decline", None),
    ]
    made = Run.objects.get(pk=answer["Location"].split("/")[2])
    assert answer.status_code == 303
    assert [one["step"] for one in made.scenario["faults"]] == [CHARGE, PICK]

    html = client.get(answer["Location"]).content.decode()
    assert ("forked from" in html) is hasattr(made, "forked_from_id")

    by_htmx = client.post(f"/runs/{run.pk}/fork", {"at": "9"}, headers={"HX-Request": "true"})
    assert by_htmx["HX-Redirect"].startswith("/runs/")
    assert list(forks[1][2]) == []


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"at": "999"}, "at"),
        ({"at": "x"}, "at"),
        ({}, "at"),
        ({"at": "3", "fault": f"{PICK}:drop-event"}, "faults.0.kind"),
        ({"at": "3", "fault": "no-such-step:error"}, "faults.0.step"),
        ({"at": "3", "fault": "nonsense"}, "faults.0"),
    ],
)
def test_a_fork_that_cannot_be_is_refused_at_its_field(
    client: Client, two: list[Finished], forks: list[Any], sent: dict[str, str], field: str
) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        answer = client.post(f"/runs/{two[0].run.pk}/fork", sent, headers=headers)
        assert answer.status_code == 422
        assert f'data-field="{field}"' in answer.content.decode()
    assert forks == []


def test_two_futures_stand_side_by_side_from_where_they_part(client: Client, two: list[Finished]) -> None:
    left, right = two
    html = client.get(f"/runs/{left.run.pk}/beside/{right.run.pk}/").content.decode()
    says = [[(one.kind, one.step, one.op, one.attempt) for one in run.entries] for run in two]
    common = next(n for n, (a, b) in enumerate(zip(*says, strict=False)) if a != b)
    assert f"They agree on {common} entries." in html
    assert re.search(rf'id="first-difference"><td class="n">{common + 1}<', html)
    longest = max(len(run.entries) for run in two)
    assert html[html.index('id="together"') :].count('<td class="n">') == longest - max(0, common - 3)

    same = client.get(f"/runs/{left.run.pk}/beside/{left.run.pk}/").content.decode()
    assert "They agree on every entry." in same


@pytest.fixture
def foreign(two: list[Finished]) -> str:
    """A run whose definition no process here has any more."""
    run = worlds.start(Scenario.parse({}))
    Run.objects.filter(pk=run.pk).update(version=99, leased_until=2**62)
    return run.pk


@pytest.mark.parametrize(
    "address",
    [
        "/runs/RUN/",
        "/runs/RUN/panels/",
        "/runs/RUN/beside/RUN/",
        "/runs/RUN/embed/",
        "/runs/RUN/embed/?at=1",
        "/runs/RUN/card.png",
        "/runs/RUN/card.png?at=1",
        "/acts/0/?run=RUN",
        "/acts/1/?run=RUN",
        "/acts/2/?run=RUN",
        "/acts/3/?run=RUN",
        "/acts/4/?run=RUN",
        "/lab/?run=RUN",
        "/oembed?url=http://localhost/runs/RUN/",
    ],
)
def test_nobody_is_shown_a_run_whose_definition_is_not_here(foreign: str, address: str) -> None:
    asking = Client(headers={"host": "localhost"}, raise_request_exception=False)
    assert asking.get(address.replace("RUN", foreign)).status_code == 404


def test_nothing_is_asked_of_a_run_whose_definition_is_not_here(foreign: str) -> None:
    asking = Client(headers={"host": "localhost"}, raise_request_exception=False)
    answer = asking.post(f"/runs/{foreign}/ask/cancel")
    assert (answer.status_code, answer.content) == (409, b"no definition 'order' in version 99.")
