"""Workers killed in the midst of what people ask of their runs: pause, step, resume, cancel, and a step failed by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from sagas.errors import CommandRefused
from sagas.models import Command, Run
from sagas.runs import ask_run, fail_step
from tests.faults.test_cut_off import Victims, crowd, held
from tests.waiting import until
from tests.yard import Yard

ACTS_A_KILL = 12
SAID = {"who": "ann", "why": "to see what happens"}
ACTS: dict[str, Callable[[str], object]] = {
    "pause": lambda run: ask_run(run, "pause", **SAID),
    "step": lambda run: ask_run(run, "step", **SAID),
    "resume": lambda run: ask_run(run, "resume", **SAID),
    "cancel": lambda run: ask_run(run, "cancel", **SAID),
    "fail": lambda run: fail_step(f"{run}-1", **SAID),
}


def asked(run: str, act: str) -> bool:
    """Return whether an act was taken; what makes no sense at the moment is refused, and nothing happens."""
    try:
        ACTS[act](run)
    except CommandRefused:
        return False
    return True


def operated(yard: Yard, kills: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Return runs of which people asked things at random while their workers were killed, and what was obeyed."""
    chance, runs = random.Random(seed), list[str]()
    with ExitStack() as stack:
        victims = Victims(yard, stack, 2)
        for _ in range(kills):
            fresh = crowd(yard, 4, latency_ms=500)
            runs += fresh
            until(lambda fresh=fresh: held(fresh))
            assert any(asked(run, "fail") for run in fresh), "a call of some run is under way"
            until(lambda fresh=fresh: not Command.objects.filter(run__in=fresh, handled_seq=None).exists())
            for _ in range(ACTS_A_KILL):
                asked(chance.choice(fresh), chance.choice(list(ACTS)))
            victims.strike(fresh, chance, may_stop=False)
        until(lambda: _resumed(runs), lambda: "a run stayed paused")
        yard.until_finished(runs)
        for hand in victims.hands:
            hand.stop()
    assert victims.told["runs"] > 0, "nobody who was killed had anything"
    obeyed = Command.objects.filter(run__in=runs, handled_seq__gt=0).values_list("kind", flat=True)
    return runs, Counter(obeyed)


def _resumed(runs: list[str]) -> bool:
    """Ask each run that is or will be paused to go on; return whether none is left."""
    for run in runs:
        asked(run, "resume")
    waiting = Command.objects.filter(run__in=runs, handled_seq=None, run__state=Run.State.RUNNING)
    return not Run.objects.filter(pk__in=runs, paused=True).exists() and not waiting.exists()


def test_what_people_ask_in_the_midst_of_a_kill_breaks_no_rule(sqlite_yard: Yard) -> None:
    runs, obeyed = operated(sqlite_yard, 1, 1)
    assert obeyed.total() > 0
    assert [said for run in runs for said in sqlite_yard.violations(run)] == []


@pytest.mark.torture
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_whatever_people_ask_while_workers_are_killed_breaks_no_rule(
    yard: Yard, record_property: Callable[[str, object], None], seed: int
) -> None:
    runs, obeyed = operated(yard, 8, seed)
    assert set(obeyed) == set(ACTS), "each kind of act was obeyed at least once"
    assert [said for run in runs for said in yard.violations(run)] == []
    told = ", ".join(f"{number} x {act}" for act, number in sorted(obeyed.items()))
    record_property(
        "fault", f"people's acts while workers are killed, seed {seed}, {yard.kind}: {told}, {len(runs)} runs"
    )
