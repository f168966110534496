"""A scenario that breaks a rule is made as short as it can be; shown with an engine that is broken on purpose."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from playground import chaos
from playground.scenario import Scenario
from playground.shrinking import shortest
from sagas.simulation import Simulator
from sagas.state import Calls

pytestmark = pytest.mark.usefixtures("engine_databases")

NOISY = (
    "orders=3&stock=7&lock=wait&seed=99&latency_ms=3&deadline_ms=600000&schedule=free&retry=2,40,3.5"
    "&fault=create-order:error:1&fault=charge-payment:lost-reply@1&fault=book-delivery:duplicate"
    "&fault=notify-warehouse:timeout:1&fault=book-delivery.compensation:error:2"
)


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 9 broken: what has no answer is taken for what has not happened."""
    monkeypatch.setattr(Calls, "may_have_taken_effect", property(lambda calls: calls.ok))


def test_chaos_prints_the_shortest_scenario_that_still_violates(
    forgetful: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("saga", "chaos", "--of", NOISY, "--runs", "1", "--seed", "3", "--processes", "1")
    assert end.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    (address,) = [line.split()[1] for line in lines if line.strip().startswith("shortest: ")]
    scenario = Scenario.from_query(address.removeprefix("/lab/?"))
    assert len(scenario.faults) == 1
    assert scenario.faults[0].kind in ("timeout", "lost-reply")
    assert (scenario.orders, scenario.lock, scenario.latency_ms, scenario.deadline_ms) == (1, "fail-fast", 250, None)
    with Simulator() as simulator, chaos.quietly():
        assert chaos.tried(simulator, scenario, scenario.seed).violations


def test_what_is_shrunk_breaks_the_same_rule_with_one_fault_and_no_setting_left(forgetful: None) -> None:
    scenario = Scenario.from_query(NOISY)
    with Simulator() as simulator, chaos.quietly():
        trial = chaos.tried(simulator, scenario, scenario.seed)
    assert trial.violations
    found = chaos.shrunk(trial)
    assert found.address == "/lab/?fault=charge-payment:lost-reply"
    assert found.violations


def test_an_engine_that_is_whole_breaks_nothing_by_the_same_scenario() -> None:
    with Simulator() as simulator, chaos.quietly():
        assert not chaos.tried(simulator, Scenario.from_query(NOISY), 99).violations


def test_what_only_one_thing_keeps_broken_is_left_with_that_thing() -> None:
    scenario = Scenario.from_query(NOISY)
    assert shortest(scenario, lambda s: s.orders > 1).query() == "orders=2"
    assert shortest(scenario, lambda s: s.stock > 4).query() == "stock=5"
    assert shortest(scenario, lambda s: s.lock == "wait").query() == "lock=wait"
    twice = "fault=book-delivery.compensation:error:2"
    assert shortest(scenario, lambda s: any(f.times == 2 for f in s.faults)).query() == twice


def test_shrinking_gives_up_after_so_many_tries() -> None:
    tried: list[Scenario] = []

    def never(scenario: Scenario) -> bool:
        tried.append(scenario)
        return False

    scenario = Scenario.from_query(NOISY)
    assert shortest(scenario, never, most=5) == scenario
    assert len(tried) == 5
