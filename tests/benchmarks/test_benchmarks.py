"""The harness adds up, and the part `engine` runs; how fast anything is, no test says."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.engine import AMOUNTS, AT_ONCE, GOALS, MOST_AT_ONCE, OTHERS, ratios
from tests.benchmarks.engine.contenders import percentiles
from tests.benchmarks.figures import Figure, Ratio, Table, ratio
from tests.benchmarks.peers.asked import measured
from tests.benchmarks.rounds import QUICK, Effort, interleaved, interleaved_many

ROOT = Path(__file__).parents[2]


def figure(name: str, *samples: float, setting: str = "1 at once", unit: str = "sagas/s") -> Figure:
    return Figure(name=name, setting=setting, unit=unit, samples=samples)


def test_a_figure_is_the_median_of_its_samples_with_half_of_their_range() -> None:
    assert figure("a", 10.0, 40.0, 20.0).value == 20.0
    assert figure("a", 10.0, 40.0, 20.0).spread == 0.75
    assert figure("a", 0.0).spread == 0.0


def test_a_ratio_is_one_of_medians_and_meets_its_goal_from_the_right_side() -> None:
    found = ratio(figure("ours", 30.0, 90.0, 60.0), figure("others", 20.0), 3.0)
    assert (found.name, found.value, found.is_met) == ("ours / others", 3.0, True)
    assert Ratio(name="x", setting="", value=2.9, goal=3.0).is_met is False
    assert Ratio(name="x", setting="", value=2.9, goal=3.0, at_most=True).is_met is True
    assert Ratio(name="x", setting="", value=2.9).is_met is None


def test_every_contender_is_asked_once_a_round_and_begins_a_round_in_its_turn() -> None:
    asked: list[str] = []

    def contender(name: str) -> Callable[[], float]:
        def sample() -> float:
            asked.append(name)
            return float(len(asked))

        return sample

    figures = interleaved({name: contender(name) for name in "abc"}, 4, setting="s", unit="ms")
    assert "".join(asked) == "abc" + "bca" + "cab" + "abc"
    assert [(f.name, f.samples) for f in figures] == [
        ("a", [1.0, 6.0, 8.0, 10.0]),
        ("b", [2.0, 4.0, 9.0, 11.0]),
        ("c", [3.0, 5.0, 7.0, 12.0]),
    ]


def test_a_contender_may_give_samples_in_several_units() -> None:
    figures = interleaved_many({"a": lambda: {"sagas/s": 2.0, "p50 ms": 500.0}}, 2, setting="s")
    assert [(f.name, f.unit, f.samples) for f in figures] == [
        ("a", "sagas/s", [2.0, 2.0]),
        ("a", "p50 ms", [500.0] * 2),
    ]


def test_percentiles_are_those_of_all_latencies() -> None:
    assert percentiles([float(n) for n in range(1, 102)]) == (51.0, 100.0)
    assert percentiles([7.0]) == (7.0, 7.0)


def test_an_amount_is_a_share_of_the_usual_and_at_least_one() -> None:
    assert (Effort(scale=0.5).amount(9), QUICK.amount(10)) == (4, 1)


def test_goals_stand_beside_the_path_that_they_were_set_for_and_no_other() -> None:
    settings = [f"{n:,} at once" for n in AT_ONCE]
    figures = [
        figure(name, float(n), setting=setting)
        for setting in settings
        for n, name in enumerate(("ours SQLite", "limit SQLite", "DBOS SQLite"), 1)
        if not (name == "DBOS SQLite" and setting == settings[-1])
    ]
    told = [(r.name, r.setting, r.goal) for r in ratios(figures, fails=False)]
    assert ("ours SQLite / DBOS SQLite", "16 at once", 40) in told
    assert ("ours SQLite / limit SQLite", "1,000 at once", None) in told
    assert len(told) == 7
    assert {r.goal for r in ratios(figures, fails=True)} == {None}


def test_every_contender_has_an_amount_for_each_number_at_once_that_it_is_asked_for() -> None:
    for what in ("ours", "limit", *{name.partition(" ")[0] for name in OTHERS}):
        asked = [n for n in AT_ONCE if n <= MOST_AT_ONCE.get(what, n)]
        assert len(AMOUNTS[what]) == len(asked)
    assert all(len(goals) <= len(AT_ONCE) for goals in GOALS.values())


async def test_a_sample_keeps_as_many_at_once_as_asked_and_refuses_another_end() -> None:
    running, most, seen = 0, 0, list[str]()

    async def one(order: str, fails: bool) -> str:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        seen.append(order)
        for _ in range(3):
            await asyncio.sleep(0)
        running -= 1
        return "completed"

    told = await measured(one, 20, 4, False)
    assert (most, len(told["latencies_ms"]), len(set(seen))) == (4, 20, 20)
    with pytest.raises(RuntimeError, match="ended as 'completed' and not as 'compensated'"):
        await measured(one, 1, 1, True)


def test_the_engine_part_runs_and_ends_with_one_json_object() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "engine", "--quick"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["machine"]["cores"] >= 1
    good, failing = told["engine"]
    for table in (good, failing):
        taken = {(f["name"], f["setting"]) for f in table["figures"] if f["unit"] == "sagas/s"}
        assert taken == {(n, f"{k:,} at once") for n in ("ours SQLite", "limit SQLite") for k in AT_ONCE}
        assert all(sample > 0 for f in table["figures"] for sample in f["samples"])
    assert [r["goal"] for r in good["ratios"]][:3] == list(GOALS["ours SQLite", "limit SQLite"])


@pytest.mark.torture
@pytest.mark.parametrize("part", ["workers", "whole", "stream", "growth", "start"])
def test_every_other_part_runs_too(part: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", part, "--quick"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])[part]


def test_a_part_that_is_not_there_is_refused_by_name() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks", "motor"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no such part: motor; there are engine" in done.stderr


def test_a_table_is_plain_values() -> None:
    table = Table(title="t", figures=[figure("a", 1.0)], ratios=[Ratio(name="r", setting="s", value=2.0, goal=3.0)])
    assert json.loads(json.dumps(table.as_json()))["ratios"] == [
        {"name": "r", "setting": "s", "ratio": 2.0, "goal": 3.0, "met": False}
    ]
