"""What operators ask of a playground: is it up, can it work, how is it doing."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.db import connections
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from playground import embedded, health, metrics
from sagas.entries import Entry, Kind, Op
from tests.engine import drive, fault, leave_alone, scenario

pytestmark = pytest.mark.usefixtures("engine_databases")


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_migrated", set())
    monkeypatch.setattr(health, "_last_beat", (0, 0.0))


def samples() -> dict[tuple[str, str], float]:
    """Return every sample of `/metrics` by its name and its labels' values."""
    text = Client().get("/metrics").content.decode()
    return {
        (sample.name, " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def half_migrated() -> Iterator[None]:
    """The payments database as it was before its last migration."""
    with connections["payments"].cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'later' WHERE app = 'payments'")
    yield
    with connections["payments"].cursor() as cursor:
        cursor.execute("UPDATE django_migrations SET app = 'payments' WHERE app = 'later'")


def test_a_process_that_serves_is_healthy() -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_a_migrated_playground_is_ready() -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ready": True, "reasons": []})


def test_a_database_that_is_not_migrated_is_named(half_migrated: None) -> None:
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["database payments is not migrated"])


def test_a_database_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connections["payments"]
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/payments.sqlite3")
    answer = Client().get("/readyz")
    connection.close()
    assert (answer.status_code, answer.json()["reasons"]) == (
        503,
        ["database payments cannot be reached: OperationalError"],
    )


def test_a_worker_that_no_longer_comes_round_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = SimpleNamespace(beats=7)
    monkeypatch.setattr(embedded, "current", SimpleNamespace(worker=worker))
    now = 1000.0
    monkeypatch.setattr(health.time, "monotonic", lambda: now)
    assert Client().get("/readyz").status_code == 200
    now += health.WORKER_SECONDS + 1
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (503, ["the worker has not come round for 15 s"])
    worker.beats += 1
    assert Client().get("/readyz").status_code == 200


def test_what_moves_and_what_waits_for_a_person_is_counted_in_the_database() -> None:
    leave_alone()
    before = samples()
    drive(
        scenario(timeout_ms=2000),
        scenario(
            fault("create-order", "decline"), fault("reserve-inventory", "error", on="compensation"), timeout_ms=2000
        ),
    )
    after = samples()

    def grown(name: str, label: str = "") -> float:
        return after[name, label] - before.get((name, label), 0)

    assert grown("saga_runs", "running") == 0
    assert grown("saga_sagas", "needs-operator") == 1
    # What has ended grows without end, so counters tell of it, and no answer counts its rows.
    assert not {("saga_runs", "finished"), ("saga_sagas", "completed")} & set(after)
    assert grown("saga_alerts_open") == 1
    assert after["saga_alert_oldest_seconds", ""] >= 0


def test_attempts_are_counted_by_step_direction_and_outcome() -> None:
    before = samples()
    metrics.count(
        [
            Entry(kind=Kind.ATTEMPT_FAILED, step="charge-payment", op=Op.ACTION, attempt=1),
            Entry(kind=Kind.SAGA_COMPENSATED),
        ]
    )
    after = samples()
    counted = ("saga_attempts_total", "action failed charge-payment")
    assert after[counted] - before.get(counted, 0) == 1
    assert after["saga_ends_total", "compensated"] - before.get(("saga_ends_total", "compensated"), 0) == 1
    assert after["saga_journal_entries_total", ""] - before["saga_journal_entries_total", ""] == 2


def test_lag_and_sockets_are_there_from_the_first_day() -> None:
    found = {name for name, _ in samples()}
    assert {"saga_open_sockets", "saga_commit_to_send_seconds_bucket", "saga_commit_to_send_seconds_count"} <= found
