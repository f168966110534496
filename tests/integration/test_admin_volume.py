"""Every list of the admin reads its page by an index, with a hundred thousand runs as with one.

No stopwatch: the database itself says how it would read, for every statement that a page makes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import Client

from sagas.databases import SERVICES
from sagas.models import Run, Saga
from tests.integration import crowd
from tests.integration.admin import client_of

QUERIES = 9  # that a list may make; the session and the user are two of them
LISTS = (
    *("sagas/run", "sagas/saga", "sagas/step", "sagas/journalentry", "sagas/command", "sagas/alert"),
    *("inventory/unit", "inventory/ticket", "inventory/ledgerrow", "orders/orderrecord", "orders/ledgerrow"),
    *("payments/ledgerrow", "payments/card", "warehouse/ledgerrow", "warehouse/shift"),
    *("delivery/ledgerrow", "delivery/van"),
)
FULL = ("sagas/run", "sagas/saga", "sagas/step", "sagas/journalentry", "sagas/alert", "inventory/unit")


@pytest.fixture(scope="module")
def client(engine_databases: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A superuser in front of a crowd, in databases of this module's own."""
    with crowd.moved(tmp_path_factory.mktemp("crowd"), "default", "inventory"):
        crowd.fill()
        yield client_of("counter", superuser=True)


def look(client: Client, address: str) -> tuple[crowd.Heard, object]:
    """Return what a page asked for, and its list."""
    with crowd.hearing("default", *SERVICES) as heard:
        answer = client.get(address)
    assert answer.status_code == 200, address
    assert heard.queries <= QUERIES, address
    return heard, answer.context["cl"]


def test_the_crowd_is_there(client: Client) -> None:
    assert Run.objects.count() > crowd.RUNS
    assert Saga.objects.filter(cause_step="charge-payment").count() > crowd.RUNS // 4


@pytest.mark.parametrize("name", LISTS)
def test_every_list_and_every_filter_is_read_by_an_index(client: Client, name: str) -> None:
    heard, listed = look(client, f"/admin/{name}/")
    assert heard.slow() == []
    for spec in listed.filter_specs:  # type: ignore[attr-defined]
        for choice in spec.choices(listed):
            address = f"/admin/{name}/{choice['query_string']}"
            heard, _ = look(client, address)
            assert heard.slow() == [], address


@pytest.mark.parametrize("name", FULL)
def test_a_page_far_down_costs_what_the_first_one_does(client: Client, name: str) -> None:
    _, listed = look(client, f"/admin/{name}/")
    assert len(listed.result_list) == listed.list_per_page  # type: ignore[attr-defined]
    heard, deeper = look(client, f"/admin/{name}/{listed.more}")  # type: ignore[attr-defined]
    assert heard.slow() == []
    (first,) = [lines for sql, lines in heard.plans if " LIMIT 51" in sql]
    assert first[0].startswith("SEARCH"), "it begins where the page before ended"
    assert not {row.pk for row in deeper.result_list} & {row.pk for row in listed.result_list}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "query",
    [
        "q=ord-8415",
        "q=ord-8415&state=needs-operator",
        "q=ord-9999",
        "state=compensated&step=charge-payment&outcome=failed&age=older",
        "definition=order&state=needs-operator&age=1h",
    ],
)
def test_a_search_and_filters_together_are_read_by_an_index(client: Client, query: str) -> None:
    heard, _ = look(client, f"/admin/sagas/saga/?{query}")
    assert heard.slow() == []


def test_the_pages_of_a_list_hold_every_row_once(client: Client) -> None:
    seen: list[str] = []
    address = "?state=needs-operator"
    while address:
        _, listed = look(client, f"/admin/sagas/saga/{address}")
        seen += [saga.pk for saga in listed.result_list]  # type: ignore[attr-defined]
        address = listed.more  # type: ignore[attr-defined]
    wanted = Saga.objects.filter(state="needs-operator").order_by("-created_at", "-pk")
    assert seen == list(wanted.values_list("pk", flat=True))
    assert len(seen) >= crowd.RUNS // 1000


def test_nothing_is_counted(client: Client) -> None:
    for name in FULL:
        heard, _ = look(client, f"/admin/{name}/")
        assert [sql for sql, _ in heard.plans if "COUNT(" in sql] == []


def test_the_page_of_a_run_is_read_by_an_index(client: Client) -> None:
    run = Run.objects.filter(state="finished")[0]
    with crowd.hearing("default", *SERVICES) as heard:
        assert client.get(f"/admin/sagas/run/{run.pk}/change/").status_code == 200
    few = ("inventory_unit", "orders_orderrecord")  # the records of one world may be sorted
    assert [(line, sql) for line, sql in heard.slow() if not any(table in sql for table in few)] == []
    assert [line for line, _ in heard.slow() if line.startswith("SCAN")] == []
    assert heard.queries <= 20


def test_metrics_count_only_what_moves_or_waits_and_count_it_along_an_index(client: Client) -> None:
    with crowd.hearing("default", *SERVICES) as heard:
        assert client.get("/metrics").status_code == 200
    assert heard.slow() == []
    counted = [lines for sql, lines in heard.plans if "COUNT(" in sql]
    assert len(counted) == heard.queries
    assert all(line.startswith("SEARCH") or "alert_open" in line for lines in counted for line in lines)
    moving = Run.objects.filter(state="running").count()
    assert f'saga_runs{{state="running"}} {float(moving)}' in client.get("/metrics").content.decode()


def test_a_list_that_lost_its_index_would_be_noticed(client: Client) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("DROP INDEX saga_by_state")
    heard, _ = look(client, "/admin/sagas/saga/?state=needs-operator")
    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE INDEX saga_by_state ON sagas_saga (state, created_at DESC, id DESC)")
    assert heard.slow() != []
