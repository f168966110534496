"""Generated sagas: whatever is answered, lost, late, cancelled or killed, the rules hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy

from hypothesis import Phase as Stage
from hypothesis import given, settings
from hypothesis import strategies as st

from sagas.decider import Call, decide, split
from sagas.entries import Kind, Lane, entry_from_json
from sagas.language import sentence_violations
from sagas.state import Phase, Policy, SagaState, evolve
from tests.builders import ACTION, COMPENSATION, NOW, ORDER, ORDER_ID, SAGA, TRIP, fact, operator
from tests.fates import ACCIDENTS, LONGEST_WAIT_MS, fates, generated, plays, policies, scripts, turned_while_open
from tests.simulator import LATENCY_MS, Play


def untruths(play: Play) -> list[str]:
    """Return where the end of a saga and what the services really did contradict each other."""
    play.world.arrive()
    steps = {step.name for step in play.definition.steps}
    match play.state.phase:
        case Phase.COMPLETED:
            wrong = {"lacks": steps - play.world.effects, "waits for": play.world.places}
        case Phase.COMPENSATED:
            wrong = {"left": play.world.effects, "still waits for": play.world.places}
        case _:
            wrong = {}
    return [f"{play.state.phase} {what} {sorted(which)}" for what, which in wrong.items() if which]


@generated
@given(plays)
def test_rule_02_every_history_is_a_sentence_of_the_language(play: Play) -> None:
    assert sentence_violations(play.entries, play.definition) == []


@generated
@given(plays)
def test_rule_01_an_end_is_what_really_happened(play: Play) -> None:
    assert play.state.phase in (Phase.COMPLETED, Phase.COMPENSATED, Phase.NEEDS_OPERATOR)
    assert untruths(play) == []


@generated
@given(plays)
def test_rule_03_compensated_has_one_success_for_each_owed_compensation(play: Play) -> None:
    owed = [e.step for e in play.entries if e.kind is Kind.COMPENSATION_OWED]
    undone = [e.step for e in play.entries if e.op is COMPENSATION and e.kind is Kind.ATTEMPT_SUCCEEDED]
    assert len(set(undone)) == len(undone)
    assert set(undone) <= set(owed)
    assert play.state.phase is not Phase.COMPENSATED or set(undone) == set(owed)
    assert (play.state.cause is None) is not any(e.kind is Kind.SAGA_COMPENSATING for e in play.entries)


@generated
@given(plays)
def test_rule_07_the_state_is_the_fold_of_the_journal_at_every_seq(play: Play) -> None:
    state = SagaState(saga=SAGA, order=ORDER_ID)
    assert state == play.states[0]
    for entry, live in zip(play.entries, play.states[1:], strict=True):
        state = evolve(state, entry_from_json(json.loads(json.dumps(entry.to_json()))))
        assert evolve(state, fact(entry.kind, entry.step, entry.op, entry.attempt, lane=Lane.SERVICE)) is state
        assert state == live


@generated
@given(plays, st.integers(0, 2000))
def test_decide_is_a_function_that_leaves_its_arguments_alone(play: Play, later: int) -> None:
    for state in play.states[1:]:
        before = deepcopy(state)
        first = decide(play.definition, state, NOW + later)
        assert decide(play.definition, state, NOW + later) == first
        assert decide(play.definition, deepcopy(state), NOW + later) == first
        assert state == before


@generated
@given(plays | turned_while_open, st.integers(0, 2000))
def test_rule_20_nothing_is_called_while_an_attempt_is_open(play: Play, later: int) -> None:
    for state in play.states[1:]:
        is_open = any(c.open for step in state.steps.values() for c in (step.action, step.compensation))
        facts, move = split(decide(play.definition, state, NOW + later))
        starts = [e for e in facts if e.kind is Kind.ATTEMPT_STARTED]
        assert len(starts) == isinstance(move, Call)
        assert not (is_open and starts)
        assert is_open or facts or move is not None


@generated
@given(turned_while_open)
def test_rule_12_whatever_arrives_after_the_turn_is_recorded_and_undone(play: Play) -> None:
    assert sentence_violations(play.entries, play.definition) == []
    assert untruths(play) == []


@generated
@given(fates(), st.integers(0, 60))
def test_rule_25_when_faults_stop_a_saga_ends_within_bounded_moves_and_time(play: Play, troubled: int) -> None:
    for _ in range(troubled):
        play.move()
    play.heal()
    bound = 2 * len(play.definition.steps) + 4
    for asked in (False, True):
        begun, moves = play.now, 0
        while moves <= bound and play.move():
            moves += 1
        assert moves <= bound
        assert play.now - begun <= LONGEST_WAIT_MS + LATENCY_MS * bound
        if play.state.phase is Phase.NEEDS_OPERATOR and not asked:
            play.put(operator("retry"))
    assert play.state.phase in (Phase.COMPLETED, Phase.COMPENSATED)
    assert untruths(play) == []


@generated
@given(plays)
def test_rule_23_no_saga_is_both_settled_and_unwound(play: Play) -> None:
    seen = [e.kind for e in play.entries if e.kind in (Kind.SETTLEMENT_OWED, Kind.SAGA_COMPENSATING)]
    assert len(seen) <= 1


@generated
@given(scripts(ACCIDENTS), policies)
def test_rule_37_the_same_saga_with_the_same_fate_writes_the_same_journal(
    script: list[tuple[str, str]], policy: Policy
) -> None:
    journals = [[e.to_json() for e in Play(ORDER, script, policy=policy).run().entries] for _ in range(2)]
    assert journals[0] == journals[1]


@generated
@given(plays)
def test_rule_35_a_saga_keeps_to_its_end_what_it_was_started_with(play: Play) -> None:
    begun = [(s.definition, s.version, s.policy, s.payload, s.deadline_at) for s in play.states[1:]]
    assert begun == [begun[0]] * len(begun)
    assert begun[0][:2] == (play.definition.name, 1)


REACHED: dict[str, Callable[[Play], bool]] = {
    "a saga completed after a crash": lambda p: ended(p, Phase.COMPLETED) and has(p, "died"),
    "an order compensated from its last step": lambda p: len(p.world.fenced) >= 4,
    "an order that waits for a person": lambda p: p.definition is ORDER and ended(p, Phase.NEEDS_OPERATOR),
    "a trip completed": lambda p: p.definition is TRIP and ended(p, Phase.COMPLETED),
    "a saga completed although cancelled": lambda p: ended(p, Phase.COMPLETED) and p.state.cancelled,
    "a trip with an undecided pivot": lambda p: any(s.stuck is not None and s.calls("charge-card", ACTION).unknown for s in p.states),
    "a queued pivot": lambda p: any(s.calls("charge-card", ACTION).parked for s in p.states),
    "a place given back": lambda p: any(queued(s) for s in p.states) and ended(p, Phase.COMPENSATED),
    "a deadline": lambda p: p.state.cause is not None and p.state.cause["outcome"] == "deadline",
    "a cancel": lambda p: p.state.cause is not None and p.state.cause["outcome"] == "cancelled",
    "a retry by an operator": lambda p: any(e.detail.get("action") == "retry" for e in p.entries),
    "a late message met its fence": lambda p: any(call.step in p.world.fenced for call in p.world.late),
    "a turn while an attempt was open": lambda p: any(s.phase is Phase.COMPENSATING and is_open(s) and owes(s) for s in p.states),
}  # fmt: skip


def is_open(state: SagaState) -> bool:
    return any(step.action.open for step in state.steps.values())


def queued(state: SagaState) -> bool:
    return any(step.action.queued for step in state.steps.values())


def owes(state: SagaState) -> bool:
    return any(step.owed for step in state.steps.values())


def ended(play: Play, phase: Phase) -> bool:
    return play.state.phase is phase


def has(play: Play, reason: str) -> bool:
    return any(reason in str(e.detail.get("reason", "")) for e in play.entries)


def test_rule_38_the_generated_sagas_get_into_every_kind_of_trouble() -> None:
    reached: set[str] = set()

    @settings(generated, max_examples=300, phases=[Stage.generate])
    @given(plays, turned_while_open)
    def look(one: Play, other: Play) -> None:
        reached.update(what for what, holds in REACHED.items() if holds(one) or holds(other))

    look()
    assert reached == set(REACHED)
