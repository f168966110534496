"""What a seed draws: always the same, always sound, and as often as it says."""

from __future__ import annotations

from collections import Counter

import pytest

from playground.chaos import anything, poisoned
from playground.draw import Draw
from playground.poison import ONE_IN
from playground.scenario import MAX_FAULTS, Scenario, refuse_unbuilt

SEEDS = range(1, 401)


def scenario(query: str) -> Scenario:
    return Scenario.from_query(query)


def test_a_draw_depends_on_its_seed_and_on_what_it_is_about_alone() -> None:
    assert Draw("chaos", 7).below(10**9, "a") == Draw("chaos", 7).below(10**9, "a")
    drawn = [Draw(purpose, seed).below(10**9, name) for purpose in "pq" for seed in (1, 2) for name in "ab"]
    assert len(set(drawn)) == 8
    assert sorted(Draw("chaos", 7).order_of(8)) == list(range(8))
    counts = Counter(Draw("chaos", n).weighted({"often": 9, "seldom": 1, "never": 0}) for n in range(2000))
    assert counts["never"] == 0
    assert 140 < counts["seldom"] < 260


def test_whatever_is_drawn_can_be_run_and_has_an_address_that_gives_it_again() -> None:
    for seed in SEEDS:
        found = anything(seed)
        refuse_unbuilt(found)
        assert Scenario.from_query(found.query()) == found == anything(seed)


def test_anything_goes_to_the_ends_of_the_ranges() -> None:
    found = [anything(seed) for seed in SEEDS]
    assert {one.orders for one in found} == set(range(1, 9))
    assert {one.mode for one in found} == {"orchestration", "choreography", "none"}
    assert {one.lock for one in found} == {"off", "naive", "fail-fast", "wait"}
    assert {len(one.faults) for one in found} >= {0, 1, MAX_FAULTS}
    assert {fault.kind for one in found for fault in one.faults} == {
        *("decline", "error", "timeout", "lost-reply", "duplicate", "late"),
        *("crash-before", "crash-after", "drop-event"),
    }
    assert {one.latency_ms for one in found} >= {0, 5000}
    assert {one.timeout_ms for one in found} >= {1, 60_000}
    assert {type(one.schedule) for one in found} == {str, list}
    assert len({one.query() for one in found}) == len(found)


def test_of_every_call_one_in_eight_fails() -> None:
    base = scenario("latency_ms=0")
    first_attempts = Counter(
        fault.step for seed in SEEDS for fault in {f.step: f for f in on_action(base, seed)}.values()
    )
    assert set(first_attempts) == {
        "reserve-inventory",
        "create-order",
        "charge-payment",
        "notify-warehouse",
        "book-delivery",
    }
    for step, failed in first_attempts.items():
        assert len(SEEDS) / ONE_IN * 0.6 < failed < len(SEEDS) / ONE_IN * 1.4, step


def on_action(base: Scenario, seed: int) -> list[object]:
    return [fault for fault in poisoned(base, seed).faults if fault.on == "action"]


def test_the_poisoned_scenario_keeps_all_that_it_was_told() -> None:
    base = scenario("fault=notify-warehouse:error&fault=book-delivery:lost-reply:2&stock=1&lock=wait&retry=5,100,1.5")
    for seed in SEEDS:
        found = poisoned(base, seed)
        assert found.faults[:2] == base.faults
        assert found.model_copy(update={"faults": base.faults, "seed": base.seed}) == base
        assert found.seed == seed
        assert not [f for f in found.faults[2:] if (f.step, f.on) == ("notify-warehouse", "action")], (
            "nothing comes after it"
        )


def test_attempts_fail_within_their_budget_and_none_follows_a_refusal() -> None:
    base = scenario("retry=2,200,2&compensation_retry=1,200,2")
    for seed in SEEDS:
        of_step: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for fault in poisoned(base, seed).faults:
            of_step.setdefault((fault.step, fault.on), []).append((fault.kind, fault.times or 0))
        for (_, on), kinds in of_step.items():
            assert sum(times for _, times in kinds) <= (2 if on == "action" else 1)
            assert "decline" not in [kind for kind, _ in kinds[:-1]]


@pytest.mark.parametrize(("lock", "rounds"), [("wait", 1), ("off", 2)])
def test_the_moves_of_a_race_begin_as_a_rendezvous_does(lock: str, rounds: int) -> None:
    base, found = scenario(f"orders=3&stock=1&lock={lock}"), set()
    for seed in SEEDS[:50]:
        moves = poisoned(base, seed).schedule
        assert isinstance(moves, list)
        for n in range(rounds):
            assert sorted(moves[3 * n : 3 * n + 3]) == [0, 1, 2], "all have asked before anyone goes on"
        found.add(tuple(moves[:3]))
    assert len(found) == 6, "and in every order"


def test_where_nobody_drives_all_orders_meet_the_same_faults() -> None:
    base = scenario("mode=choreography&orders=3")
    found = [poisoned(base, seed) for seed in SEEDS]
    assert {fault.saga for one in found for fault in one.faults} == {None}
    assert {str(one.schedule) for one in found} == {"rendezvous"}
    assert "drop-event" in {fault.kind for one in found for fault in one.faults}


def test_an_order_of_moves_that_was_asked_for_stays() -> None:
    assert poisoned(scenario("orders=2&schedule=0,1,1"), 5).schedule == [0, 1, 1]


def test_a_scenario_holds_no_more_faults_than_it_may() -> None:
    full = "&".join(["fault=book-delivery:error:1"] * 15)
    most = max(len(poisoned(scenario(f"orders=8&{full}"), seed).faults) for seed in SEEDS[:60])
    assert most == MAX_FAULTS
