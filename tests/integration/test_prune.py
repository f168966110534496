"""Old runs go with all they own; what is young, held, asked or shared stays."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from playground import onedb
from playground.models import OneCheckout
from sagas import catalog
from sagas.errors import RunUnknown
from sagas.forks import fork_run
from sagas.leases import claim_due
from sagas.models import Alert, Command, JournalEntry, Run, Saga, Step
from sagas.pruning import prune
from sagas.runs import ask_run, create_run, retry_saga
from tests.engine import drive, fault, scenario

LATER = 10**15  # every run finished before
STUCK = scenario(
    fault("create-order", "decline"), fault("reserve-inventory", "error", on="compensation"), timeout_ms=5000
)


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Hides the runs of other tests from the broom, as if they had just finished."""
    others = list(
        Run.objects.filter(state="finished", finished_at_ms__isnull=False).values_list("pk", "finished_at_ms")
    )
    Run.objects.filter(pk__in=[pk for pk, _ in others]).update(finished_at_ms=None)
    yield
    for pk, at in others:
        Run.objects.filter(pk=pk).update(finished_at_ms=at)


def owned(run: str) -> dict[str, int]:
    """Return how many rows each table of every database has of a run; tables without any are left out."""
    found: dict[str, int] = {}
    for name in catalog.SERVICES:
        for model in apps.get_app_config(name).get_models():
            found[f"{name}.{model.__name__}"] = model._default_manager.filter(world=run).count()
    of_run: dict[type[Any], dict[str, Any]] = {
        Run: {"pk": run},
        Saga: {"run": run},
        Step: {"saga__run": run},
        JournalEntry: {"run": run},
        Alert: {"saga__run": run},
        Command: {"run": run},
        OneCheckout: {"pk": run},
    }
    for model, mine in of_run.items():
        found[model.__name__] = model._default_manager.filter(**mine).count()
    return {table: count for table, count in found.items() if count}


def test_a_run_goes_with_all_that_it_owns_in_every_database_and_others_stay() -> None:
    old, young = drive(STUCK, scenario(timeout_ms=5000))
    onedb.checkout(old.run.pk, "ord-8412")
    Command.objects.create(run=old.run, kind="pause", who="ada", handled_seq=0, refusal="the run is finished")
    fork = fork_run(old.run, 3, old.run.scenario)
    kept = owned(young.run.pk)
    assert len(owned(old.run.pk)) > 15
    Run.objects.filter(pk=old.run.pk).update(finished_at_ms=1000)
    assert list(prune(2000, LATER, also=[onedb.forget])) == [1]
    assert owned(old.run.pk) == {}
    assert owned(young.run.pk) == kept
    fork.refresh_from_db()
    assert (fork.forked_from, fork.forked_at) == (None, 3)
    assert list(prune(2000, LATER)) == []


def test_a_run_that_moves_is_held_or_was_asked_something_stays() -> None:
    moves = create_run(scenario(timeout_ms=5000))
    held, asked = drive(STUCK, STUCK)
    Run.objects.filter(pk__in=[held.run.pk, asked.run.pk]).update(finished_at_ms=1000)
    retry_saga(asked.sagas[0].pk, who="ada")
    Run.objects.filter(pk=held.run.pk).update(leased_until=9000, lease_owner="another worker")
    assert list(prune(2000, now=5000)) == []
    assert Run.objects.filter(pk__in=[moves.pk, held.run.pk, asked.run.pk]).count() == 3
    Command.objects.filter(run=asked.run).delete()


def test_an_interrupted_pruning_goes_on_where_it_was_left(monkeypatch: pytest.MonkeyPatch) -> None:
    done = drive(*[scenario(timeout_ms=5000)] * 3)
    runs = [each.run.pk for each in done]
    Run.objects.filter(pk__in=runs).update(finished_at_ms=1000)
    forget = catalog.SERVICES["warehouse"].forget

    def unplugged(*worlds: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(catalog.SERVICES["warehouse"], "forget", unplugged)
    with pytest.raises(KeyboardInterrupt):
        list(prune(2000, LATER, batch=2))
    half = list(Run.objects.filter(pk__in=runs, pruning=True).values_list("pk", flat=True))
    assert len(half) == 2, "one batch is marked, and its journal is still there"
    assert JournalEntry.objects.filter(run__in=half).exists()
    assert half[0] not in [lease.run for lease in claim_due("me", LATER, 1000, 1000)]
    with pytest.raises(RunUnknown):
        ask_run(half[0], "pause", who="ada")
    monkeypatch.setattr(catalog.SERVICES["warehouse"], "forget", forget)
    assert list(prune(0, LATER, batch=2)) == [2], "what is marked goes, however young it is by now"
    assert list(prune(2000, LATER, batch=2)) == [1]
    assert [owned(run) for run in runs] == [{}, {}, {}]


def test_rule_07_the_database_still_refuses_to_delete_a_run_that_is_not_marked() -> None:
    (done,) = drive(scenario(timeout_ms=5000))
    with pytest.raises(IntegrityError, match="append-only"):
        Run.objects.filter(pk=done.run.pk).delete()


def test_the_command_says_what_it_did_and_refuses_what_is_no_age() -> None:
    (done,) = drive(scenario(timeout_ms=5000))
    out = io.StringIO()
    call_command("prune", "--older-than", "1h", stdout=out)
    assert (out.getvalue(), Run.objects.filter(pk=done.run.pk).exists()) == ("nothing is that old\n", True)
    Run.objects.filter(pk=done.run.pk).update(finished_at_ms=done.run.finished_at_ms - 3_700_000)
    call_command("prune", "--older-than", "1h", stdout=out)
    assert out.getvalue().endswith("1 runs dropped in all\n")
    assert owned(done.run.pk) == {}
    for wrong in ("7", "d", "-1d", "7w", "1.5h"):
        with pytest.raises(CommandError, match="is no age"):
            call_command("prune", f"--older-than={wrong}")
