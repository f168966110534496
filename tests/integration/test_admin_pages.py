"""The admin shows what is in the databases, to those who may look, and lets nobody change it."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory

from sagas.admin.pages import ENTRIES_A_PAGE
from sagas.models import JournalEntry, Run
from sagas.services.inventory.models import Ticket
from tests.engine import Finished, drive, fault, scenario
from tests.integration.admin import client_of, make_room, stuck_run, user

pytestmark = pytest.mark.usefixtures("engine_databases")


@pytest.fixture(scope="module")
def stuck(engine_databases: None) -> Finished:
    make_room()
    return stuck_run()


@pytest.fixture
def boss() -> Client:
    return client_of("boss", superuser=True)


def text(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def of_engine() -> list[str]:
    return [m._meta.label_lower for m in admin.site._registry if m._meta.app_label not in ("auth",)]


@pytest.mark.parametrize("label", of_engine())
def test_not_even_a_superuser_may_add_change_or_delete(label: str) -> None:
    (one,) = [a for m, a in admin.site._registry.items() if m._meta.label_lower == label]
    request = RequestFactory().get("/")
    request.user = user("boss", superuser=True)
    assert one.has_view_permission(request)
    assert not one.has_add_permission(request)
    assert not one.has_change_permission(request)
    assert not one.has_delete_permission(request)
    assert one.get_actions(request) == {}


def test_nothing_is_written_by_a_post_to_a_page(boss: Client, stuck: Finished) -> None:
    saga = stuck.sagas[0].pk
    for path in (f"saga/{saga}/change/", f"run/{stuck.run.pk}/change/", "run/add/", f"run/{stuck.run.pk}/delete/"):
        assert boss.post(f"/admin/sagas/{path}", {"state": "completed"}).status_code == 403, path
    assert Run.objects.get(pk=stuck.run.pk).last_seq == stuck.entries[-1].seq


def test_who_may_not_look_is_refused(stuck: Finished) -> None:
    nobody = client_of("newcomer")
    for path in ("run/", f"run/{stuck.run.pk}/change/", f"saga/{stuck.sagas[0].pk}/change/", f"run/?q={stuck.run.pk}"):
        assert nobody.get(f"/admin/sagas/{path}").status_code == 403, path
    assert Client().get("/admin/sagas/run/").status_code == 302


def test_a_run_shows_its_steps_its_locks_and_its_journal(boss: Client, stuck: Finished) -> None:
    shown = text(boss, f"/admin/sagas/run/{stuck.run.pk}/change/")
    for words in (
        "reserve-inventory inventory done 1 saga:ord-8412:reserve-inventory release-inventory idle 0",
        "charge-payment payments stuck 1 saga:ord-8412:charge-payment refund-payment stuck 3",
        "unit-1 inventory PENDING ord-8412",
        "ord-8412 orders PENDING ord-8412",
        "orchestrator ord-8412 saga-needs-operator charge-payment compensation",
        "Still owed: release-inventory , cancel-order , refund-payment . Its locks are kept.",
    ):
        assert words in shown
    page = boss.get(f"/admin/sagas/run/{stuck.run.pk}/change/").content.decode()
    assert f'href="/runs/{stuck.run.pk}/?at={stuck.entries[-1].seq}"' in page
    assert page.count('class="bar"') == len(
        [e for e in stuck.entries if e.kind in ("attempt-started", "retry-scheduled")]
    )


def test_the_pages_need_no_inline_style_or_script(boss: Client, stuck: Finished) -> None:
    for path in ("", "sagas/run/", "sagas/alert/", f"sagas/run/{stuck.run.pk}/change/", "auth/user/", "auth/user/add/"):
        page = boss.get(f"/admin/{path}").content.decode()
        assert not re.search(r"<[^>]+ style=|<style|<script(?![^>]+src=)|<[^>]+ on\w+=", page), path


def test_a_long_journal_comes_a_hundred_entries_at_a_time(boss: Client) -> None:
    faults = [fault("book-delivery", "error", times=9)]
    (run,) = drive(scenario(*faults, orders=6, stock=9, retry={"max_attempts": 10, "initial_ms": 1, "max_ms": 1}))
    assert len(run.entries) > 2 * ENTRIES_A_PAGE
    seen: list[str] = []
    address = f"/admin/sagas/run/{run.run.pk}/change/"
    while address:
        answer = boss.get(address)
        found = re.findall(r'<th scope="row" class="n"><a href="[^"]+">(\d+)</a>', answer.content.decode())
        assert len(found) <= ENTRIES_A_PAGE
        seen += found
        later = answer.context["journal"].later
        address = f"/admin/sagas/run/{run.run.pk}/change/?after={later}" if later else ""
    assert seen == [str(entry.seq) for entry in run.entries]
    second = boss.get(f"/admin/sagas/run/{run.run.pk}/change/?after={ENTRIES_A_PAGE}").context["journal"]
    assert (second.earlier, second.entries[0].seq) == (0, ENTRIES_A_PAGE + 1)


def test_a_saga_shows_only_what_concerns_it(boss: Client) -> None:
    (run,) = drive(scenario(orders=2, stock=2, timeout_ms=2000))
    entries = boss.get(f"/admin/sagas/saga/{run.sagas[1].pk}/change/").context["journal"].entries
    assert {entry.saga for entry in entries} == {"", run.sagas[1].pk}


def test_an_id_that_is_searched_for_opens_its_page(boss: Client, stuck: Finished) -> None:
    for listed in ("sagas/run", "sagas/saga", "sagas/alert", "sagas/journalentry", "inventory/unit"):
        answer = boss.get(f"/admin/{listed}/", {"q": f" {stuck.run.pk} "})
        assert (answer.status_code, answer["Location"]) == (302, f"/admin/sagas/run/{stuck.run.pk}/change/"), listed
        answer = boss.get(f"/admin/{listed}/", {"q": stuck.sagas[0].pk})
        assert answer["Location"] == f"/admin/sagas/saga/{stuck.sagas[0].pk}/change/"


def test_an_order_lists_its_sagas_from_everywhere(boss: Client, stuck: Finished) -> None:
    for listed in ("sagas/run", "sagas/alert", "payments/ledgerrow"):
        assert boss.get(f"/admin/{listed}/?q=ord-8412")["Location"] == "/admin/sagas/saga/?q=ord-8412"
    listed = boss.get("/admin/sagas/saga/?q=ord-8412&state=needs-operator").context["cl"].result_list
    assert stuck.sagas[0].pk in [saga.pk for saga in listed]
    assert {saga.order for saga in listed} == {"ord-8412"}
    assert "Nothing is called ord-0." in text(boss, "/admin/sagas/saga/?q=ord-0")


def test_sagas_are_filtered_by_the_cause_that_turned_them_back(boss: Client, stuck: Finished) -> None:
    (lost,) = drive(scenario(fault("create-order", "timeout"), timeout_ms=1000, retry={"max_attempts": 1}))
    found = {
        outcome: [s.pk for s in boss.get(f"/admin/sagas/saga/?{outcome}").context["cl"].result_list]
        for outcome in ("step=notify-warehouse&outcome=failed", "step=create-order&outcome=unknown")
    }
    assert [stuck.sagas[0].pk in pks for pks in found.values()] == [True, False]
    assert [lost.sagas[0].pk in pks for pks in found.values()] == [False, True]


@pytest.mark.parametrize(
    ("query", "told"),
    [("state=sleeping", "state: 'sleeping' is none of"), ("age=7y", "age: '7y' is none of")],
)
def test_a_filter_that_is_none_is_told(boss: Client, query: str, told: str) -> None:
    answer = boss.get(f"/admin/sagas/saga/?{query}", follow=True)
    assert told in answer.content.decode().replace("&#x27;", "'")


def test_a_place_in_a_list_that_is_none_shows_the_first_page(boss: Client, stuck: Finished) -> None:
    for place in ("x", "1~2~3", "2026-99-99~x"):
        answer = boss.get("/admin/sagas/run/", {"p": place}, follow=True)
        assert answer.status_code == 200
        assert answer.context["cl"].is_first


def test_the_queue_has_the_oldest_first_and_says_what_is_owed(boss: Client, stuck: Finished) -> None:
    stuck_run()
    listed = list(boss.get("/admin/sagas/alert/").context["cl"].result_list)
    assert [a.raised_at_ms for a in listed] == sorted(a.raised_at_ms for a in listed)
    assert {a.resolved_at_ms for a in listed} == {None}
    shown = text(boss, "/admin/sagas/alert/")
    assert "refund-payment, 3 times release-inventory , cancel-order , refund-payment" in shown
    assert stuck.run.pk in shown


def test_locks_name_their_owner_their_run_and_their_age(boss: Client, stuck: Finished) -> None:
    shown = text(boss, "/admin/inventory/unit/")
    assert re.search(rf"unit-1 PENDING ord-8412 needs-operator \d+ \w+ {stuck.run.pk}", shown)
    assert "unit-1 PENDING" in shown
    assert re.search(
        rf"ord-8412 PENDING ord-8412 needs-operator .{{0,8}} {stuck.run.pk}", text(boss, "/admin/orders/orderrecord/")
    )
    assert "unit-2 free" not in shown
    assert "unit-2 free" in text(boss, "/admin/inventory/unit/?held=any")


def test_who_waits_for_a_lock_stands_in_the_queue(boss: Client) -> None:
    Ticket.objects.all().delete()
    faults = [
        {**each, "saga": 0}
        for each in (fault("book-delivery", "decline"), fault("charge-payment", "error", on="compensation"))
    ]
    (run,) = drive(scenario(*faults, orders=2, stock=1, lock="wait", timeout_ms=2000))
    assert sorted(run.states) == ["needs-operator", "running"]
    waiting = next(saga for saga in run.sagas if saga.state == "running")
    assert re.search(
        rf"\d+ {waiting.order} waits running \S+( \S+)? {run.run.pk}", text(boss, "/admin/inventory/ticket/")
    )


def test_the_newest_entries_of_all_runs_come_first(boss: Client, stuck: Finished) -> None:
    listed = boss.get("/admin/sagas/journalentry/").context["cl"].result_list
    assert listed[0].pk == JournalEntry.objects.latest("pk").pk
    only = boss.get("/admin/sagas/journalentry/?kind=saga-needs-operator").context["cl"].result_list
    assert {entry.kind for entry in only} == {"saga-needs-operator"}
