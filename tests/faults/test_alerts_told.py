"""Alerts reach a person: through the log, through a webhook that may fail, and across a worker's death."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
from typing import Any

import pytest

from sagas.models import Alert, Run
from tests.faults.test_killed_everywhere import QUICK, SCENARIOS
from tests.receiver import Receiver
from tests.waiting import until
from tests.yard import Hand, Yard

SOON = {"SAGA_ALERT_TIMEOUT_SECONDS": "1", "SAGA_ALERT_RETRY_SECONDS": "0.1"}


def stuck_run(yard: Yard) -> str:
    return yard.create({**QUICK, **SCENARIOS["stuck"]})


def hook(receiver: Receiver, **more: str) -> dict[str, str]:
    return {"SAGA_ALERT_WEBHOOK": receiver.url, **SOON, **more}


def is_told(run: str) -> bool:
    return Alert.objects.filter(saga__run_id=run, notified_at_ms__isnull=False).exists()


@pytest.fixture
def yard(sqlite_yard: Yard) -> Yard:
    """A yard in which no alert of other tests is left to tell."""
    Alert.objects.filter(resolved_at_ms=None).update(resolved_at_ms=1)
    return sqlite_yard


def test_an_alert_is_logged_once_and_told_until_the_webhook_takes_it(yard: Yard) -> None:
    run = stuck_run(yard)
    asked = {"SAGA_ALERT_SECRET": "hush", "SAGA_SITE_URL": "https://sagas.example/"}
    with Receiver([500, 302]) as receiver, Hand(yard, **hook(receiver, **asked)) as worker:
        until(lambda: is_told(run), lambda: worker.output)
        worker.stop()
    (logged,) = [line for line in worker.lines if "alert.raised" in line]
    row = Alert.objects.get(saga__run_id=run)
    facts = json.loads(logged.partition("alert.raised ")[2])
    headers, body = receiver.heard[0]
    told = json.loads(body)
    assert told == {
        "id": f"{run}-1@{row.raised_at_ms}",
        "kind": "needs-operator",
        "run": run,
        "saga": f"{run}-1",
        "order": "ord-8412",
        "step": "charge-payment",
        "reason": row.reason,
        "raised_at": told["raised_at"],
        "links": {
            "run": f"https://sagas.example/runs/{run}/",
            "admin": f"https://sagas.example/admin/sagas/saga/{run}-1/change/",
        },
    }
    assert facts == {name: told[name] for name in ("id", "run", "saga", "order", "step", "reason")}
    assert [again for _, again in receiver.heard] == [body] * 3, "every try says the same, byte for byte"
    assert {each["idempotency-key"] for each, _ in receiver.heard} == {told["id"]}
    assert headers["x-saga-signature"] == "sha256=" + hmac.new(b"hush", body, hashlib.sha256).hexdigest()
    assert row.notify_tries == 3


def test_a_worker_that_dies_while_it_tells_loses_no_alert(yard: Yard) -> None:
    run = stuck_run(yard)
    with Receiver([0]) as receiver:
        with Hand(yard, **hook(receiver)) as first:
            until(lambda: receiver.heard, lambda: first.output)
            first.kill()
        assert not is_told(run)
        with Hand(yard, **hook(receiver)) as second:
            until(lambda: is_told(run), lambda: second.output)
            second.stop()
    first_body, *others = [body for _, body in receiver.heard]
    assert others == [first_body]


def test_a_worker_that_dies_before_it_tells_loses_no_alert(yard: Yard) -> None:
    run = stuck_run(yard)
    with Hand(yard) as deaf:
        yard.until_finished([run])
        deaf.kill()
    with Receiver() as receiver, Hand(yard, **hook(receiver)) as second:
        until(lambda: is_told(run), lambda: second.output)
        second.stop()
    assert [json.loads(body)["run"] for _, body in receiver.heard] == [run]


def passed(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return {line["what"]: line["ok"] for line in map(json.loads, done.stdout.splitlines())}


def test_the_self_test_of_alerts_passes_when_the_webhook_takes_one_and_leaves_nothing_open(yard: Yard) -> None:
    with Receiver([503]) as receiver:
        done = yard.manage("saga", "alert-test", "--json", **hook(receiver))
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed(done) == {"raised": True, "journaled": True, "delivered": True, "closed again": True}
    assert len(receiver.heard) == 2
    assert not Alert.objects.filter(resolved_at_ms=None).exists()


def test_the_self_test_of_alerts_passes_where_new_runs_are_for_an_engine_elsewhere(yard: Yard) -> None:
    with Receiver() as receiver:
        done = yard.manage("saga", "alert-test", "--json", **hook(receiver), SAGA_ENGINE="durable")
    assert done.returncode == 0, done.stdout + done.stderr
    assert passed(done) == {"raised": True, "journaled": True, "delivered": True, "closed again": True}
    (told,) = [json.loads(body)["run"] for _, body in receiver.heard]
    assert Run.objects.get(pk=told).engine == "durable"


def test_the_self_test_of_alerts_fails_when_nobody_takes_one(yard: Yard) -> None:
    with Receiver([500] * 200) as receiver:
        done = yard.manage("saga", "alert-test", "--json", "--patience", "3", **hook(receiver))
    assert done.returncode == 1, done.stdout + done.stderr
    assert passed(done)["delivered"] is False


def test_a_webhook_that_is_no_address_is_named_in_one_line(yard: Yard) -> None:
    done = yard.manage("sagaworker", SAGA_ALERT_WEBHOOK="ftp://pager")
    assert done.returncode == 1
    (line,) = (done.stdout + done.stderr).strip().splitlines()
    assert "SAGA_ALERT_WEBHOOK" in line
    assert "ftp://pager" in line
