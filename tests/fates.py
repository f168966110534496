"""Hypothesis strategies for whole sagas: replies, losses, accidents, budgets, deadlines and cancels."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sagas.definition import Retry
from sagas.state import Policy
from tests.builders import ORDER, TRIP
from tests.simulator import Play

ACCIDENTS = ["", "", "", "", "crash", "crash", "time", "late", "idle"]
BAD = ["error", "refused", "refused-for-good", "lost", "lost-reply", "late", "queued", "queued"]
MOODS = [["ok"], ["ok"], ["ok"] * 9 + BAD]
WHERE_IT_HURTS = {"order": ["reserve-inventory", "book-delivery"], "trip": ["charge-card"]}
LONGEST_WAIT_MS = 1000

retries = st.builds(
    Retry,
    max_attempts=st.integers(1, 4),
    initial_ms=st.integers(0, 300),
    factor=st.sampled_from([1.0, 2.0, 3.5]),
    max_ms=st.integers(0, LONGEST_WAIT_MS),
    jitter=st.booleans(),
)
policies = st.builds(Policy, retry=retries, compensation_retry=retries, seed=st.integers(0, 9))
troubles = st.lists(st.sampled_from(BAD), min_size=1, max_size=5) | st.sampled_from(BAD).map(lambda reply: [reply] * 5)


@st.composite
def scripts(draw: st.DrawFn, accidents: Sequence[str]) -> list[tuple[str, str]]:
    mood = draw(st.sampled_from(MOODS))
    script = draw(st.lists(st.tuples(st.sampled_from(accidents), st.sampled_from(mood)), max_size=25))
    for at in draw(st.sampled_from([[], [], [1], [3], [4], [5], [9], [2, 3], [6, 20]])):
        script += [("", "ok")] * (at + 1 - len(script))
        script[at] = ("cancel", script[at][1])
    return script


@st.composite
def fates(draw: st.DrawFn, accidents: Sequence[str] = ACCIDENTS) -> Play:
    """Return a saga to be played."""
    definition = draw(st.sampled_from([ORDER, TRIP]))
    calls = [name for step in definition.steps for name in (step.name, step.compensation_name) if name]
    calls += WHERE_IT_HURTS[definition.name] * 3
    wrong = st.lists(st.tuples(st.sampled_from(calls), troubles), min_size=draw(st.integers(0, 3)), max_size=3)
    deadline = draw(st.sampled_from([*[None] * 9, 0, 60, 900]))
    script, replies, policy = draw(scripts(accidents)), dict(draw(wrong)), draw(policies)
    return Play(
        definition, script, replies=replies, policy=policy, deadline_ms=deadline, retries=draw(st.integers(0, 2))
    )


plays = fates().map(Play.run)
turned_while_open = fates(["", "", "", "crash", "late", "turn"]).map(Play.run)
generated = settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
