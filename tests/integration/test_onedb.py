"""Act 0's other shop: five tables, one database, one transaction."""

from __future__ import annotations

import pytest
from django.db import connections

from playground import onedb
from playground.onedb import WRITES

pytestmark = pytest.mark.django_db(databases=["default"], transaction=True)

SERVICES = [write.service for write in WRITES]


def test_five_writes_are_committed_together() -> None:
    onedb.checkout("world-1", "ord-8412")
    rows = onedb.read("world-1")
    assert [(name, rows[name].kind, rows[name].amount) for name in SERVICES] == [
        ("inventory", "hold", 1),
        ("orders", "open", 1),
        ("payments", "charge", 4900),
        ("warehouse", "pick", 1),
        ("delivery", "book", 1),
    ]
    strip = onedb.strip("world-1")
    assert (strip["word"], [write["state"] for write in strip["writes"]]) == ("COMMIT", ["done"] * 5)
    assert strip["writes"][2]["word"] == "+49.00"
    assert strip["say"].endswith("Read back afterwards: five rows, one per table.")


@pytest.mark.parametrize("down", SERVICES)
def test_an_error_in_the_middle_leaves_no_row_anywhere(down: str) -> None:
    onedb.checkout("world-1", "ord-8412", down=down)
    assert onedb.read("world-1") == {}
    before = SERVICES.index(down)
    strip = onedb.strip("world-1")
    assert strip["word"] == "ROLLBACK"
    states = [write["state"] for write in strip["writes"]]
    assert states == ["skipped"] * before + ["failed"] + ["idle"] * (4 - before)
    assert "no row in any of the five tables" in strip["say"]


def test_the_writes_are_made_before_the_error_and_it_is_the_database_that_takes_them_back() -> None:
    said: list[str] = []

    def listen(execute: object, sql: str, *rest: object) -> object:
        said.append(sql.split()[0])
        return execute(sql, *rest)  # type: ignore[operator]

    with connections["default"].execute_wrapper(listen):
        onedb.checkout("world-1", "ord-8412", down="warehouse")
    assert said.count("INSERT") == 3 + 1, "three in pencil, and one that says it was tried"
    assert "DELETE" not in said


def test_worlds_are_apart_and_one_can_be_forgotten() -> None:
    onedb.checkout("world-1", "ord-8412")
    onedb.checkout("world-2", "ord-8412", down="orders")
    onedb.forget("world-1")
    assert onedb.read("world-1") == {}
    assert onedb.strip("world-1")["word"] == "no transaction"
    assert onedb.strip("world-2")["word"] == "ROLLBACK"


def test_before_any_run_the_strip_is_empty() -> None:
    strip = onedb.strip("")
    assert {write["state"] for write in strip["writes"]} == {"idle"}
    assert strip["word"] == "no transaction"
