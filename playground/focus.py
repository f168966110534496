"""The saga in focus: what its driver believes, what the services did for it, what is on the wire. Pure.

Belief is folded by the engine's own `evolve`, which ignores the service lane, so that what
a service did can never leak into what its driver knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from playground import faces, wording
from playground.faces import Face
from playground.legs import Leg
from playground.outcomes import Known
from playground.world import is_undo
from sagas.definition import SagaDefinition
from sagas.entries import Entry, Kind, Lane, Op
from sagas.operators import RESOLVE
from sagas.plan import RunPlan
from sagas.state import Phase, SagaState, evolve


class Focus:
    """One saga. Takes its own entries and those of the run as a whole.

    `plan` is how its stage is laid out, `title` what its top line is called, `driver` who
    waits for the answers; `rule` is the fold of what is known of the saga, `far` are the
    kinds of entries that may change more than one leg.
    """

    plan, title, driver = "saga", "Orchestrator", wording.ORCHESTRATOR
    rule = staticmethod(evolve)
    far = frozenset({*faces.ENDS, Kind.SAGA_COMPENSATING})

    def __init__(self, plan: RunPlan, definition: SagaDefinition, order: str) -> None:
        self.state = SagaState(order=order)
        self.legs: Mapping[str, Leg] = {step.name: Leg(n, step) for n, step in enumerate(definition.steps, 1)}
        self.orch: Face = faces.WAITING
        self.end: str | None = None
        self.alert: dict[str, str] | None = None
        self.token: dict[str, Any] | None = None
        self.crashed = False
        self._orphaned = False  # a driver died, and its last attempt has no outcome yet
        self.goods = wording.goods_of(plan.saga)
        self._wire_ms = plan.latency_ms // 2

    def add(self, entry: Entry) -> None:
        """Take the next entry that concerns this saga."""
        self.token = None
        self.state = self.rule(self.state, entry)
        leg = self.legs.get(entry.step)
        if leg is None:
            rule = _OF_SAGA.get(entry.kind)
            if rule is not None:
                rule(self, entry)
            return
        step_rules = _BY_SERVICE if entry.lane is Lane.SERVICE else _BY_DRIVER
        step_rule = step_rules.get(entry.kind)
        if step_rule is not None:
            step_rule(self, entry, leg)
        elif entry.kind in _OF_SAGA:
            _OF_SAGA[entry.kind](self, entry)

    @property
    def knows(self) -> str:
        """Who knows how the order stands."""
        return faces.who_knows(self.state.phase, "the journal" if self.crashed else self.driver)

    def known(self, entry: Entry) -> Known:
        """Return what a sentence about this entry may say beyond it."""
        state, leg = self.state, self.legs.get(entry.step)
        steps = [state.step(name) for name in self.legs]
        turning = entry.kind is Kind.SAGA_COMPENSATING
        stands: Counter[str] = Counter()
        for one in self.legs.values():
            stands[one.step.service] += one.amount * one.standing
        return Known(
            name=self.name(entry),
            service=leg.step.service if leg else "",
            amount=leg.amount if leg else 0,
            did=leg is not None and leg.did,
            orphaned=self._orphaned,
            steps=len(steps),
            done=sum(step.action.ok for step in steps),
            undone=sum(step.owed and step.compensation.ok for step in steps),
            owed=sum(step.action.may_have_taken_effect if turning else step.owed for step in steps),
            failures=state.calls(entry.step, entry.op or Op.ACTION).failures,
            charged=stands["payments"],
            stands=stands,
            shipped=any(leg.sold for leg in self.legs.values()),
            doubled=tuple(leg.step.service for leg in self.legs.values() if leg.doubled),
            driver=self.driver,
            cause=state.cause,
            goods=self.goods,
        )

    def name(self, entry: Entry) -> str:
        """Return what the entry's call is named in its direction; "" for an entry about no step."""
        leg = self.legs.get(entry.step)
        if leg is None:
            return ""
        return leg.step.compensation_name if entry.op is Op.COMPENSATION else leg.step.name

    def _send(self, leg: Leg, direction: str, state: str, tag: str, lost: str | None = None) -> None:
        """Put this entry's message on the leg's wire."""
        number, ms = leg.number, self._wire_ms
        self.token = {"leg": number, "dir": direction, "state": state, "tag": tag, "lost": lost, "ms": ms}
        leg.answered = leg.answered or direction == "up"

    # What the driver was told.

    def _called(self, entry: Entry, leg: Leg) -> None:
        back = entry.op is Op.COMPENSATION
        self.orch = faces.working(back=back)
        self._orphaned = False
        leg.called(back, entry.attempt)
        self._send(leg, "down", "compensating" if back else "running", entry.key)

    def _succeeded(self, entry: Entry, leg: Leg) -> None:
        back, answer = entry.op is Op.COMPENSATION, entry.detail.get("answer")
        if not leg.answered:
            self._send(leg, "up", "compensated" if back else "done", "200 OK")
        leg.succeeded(back, empty=isinstance(answer, Mapping) and bool(answer.get("empty")))

    def _failed(self, entry: Entry, leg: Leg) -> None:
        status = str(entry.detail.get("status") or "failed")
        if not leg.answered:
            self._send(leg, "up", "failed", status)
        leg.failed(entry.op is Op.COMPENSATION, status)

    def _unheard(self, entry: Entry, leg: Leg) -> None:
        if not self._orphaned:
            lost_reply = leg.did
            tag = "reply lost" if lost_reply else "call lost"
            self._send(leg, "up" if lost_reply else "down", "unknown", tag, "no answer")
        leg.unheard(entry.op is Op.COMPENSATION, "not heard" if self._orphaned else "no answer")

    def _will_retry(self, entry: Entry, leg: Leg) -> None:
        leg.waits(entry.op is Op.COMPENSATION, int(entry.detail.get("delay_ms", 0)))

    def _denied(self, entry: Entry, leg: Leg) -> None:
        if entry.detail.get("waiting"):
            self._send(leg, "up", "pending", "202 queued")
            leg.parked()
            self.orch = ("pending", "waiting")

    def _turned(self, entry: Entry, leg: Leg) -> None:
        self.orch = ("compensating", "turning back")
        owed = {name for name in self.legs if self.state.step(name).action.may_have_taken_effect}
        for name, other in self.legs.items():
            if name not in owed:
                other.passed_over(later=other.number > leg.number)
        leg.turn = bool(owed)

    def _needs_human_at(self, entry: Entry, leg: Leg) -> None:
        self._ended(entry)
        if entry.op is not None:
            leg.stuck(entry.op is Op.COMPENSATION)
        self._page(leg.step.service)

    # What the services did.

    def _wrote(self, entry: Entry, leg: Leg) -> None:
        back = is_undo(entry)
        leg.wrote(str(entry.detail.get("kind")), int(entry.detail.get("amount", 0)), back=back)
        self._reply(entry, leg, "compensated" if back else "done", "200 OK")

    def _replayed(self, entry: Entry, leg: Leg) -> None:
        leg.did = True
        self._reply(entry, leg, "compensated" if entry.op is Op.COMPENSATION else "done", "200 kept answer")

    def _reply(self, entry: Entry, leg: Leg, state: str, tag: str) -> None:
        """The service answers the attempt that its driver waits for; a late or copied row answers nobody."""
        calls = self.state.calls(entry.step, entry.op or Op.ACTION)
        awaited = calls.open and entry.attempt == calls.attempts and not (self.crashed or self._orphaned)
        if awaited and not leg.answered:
            self._send(leg, "up", state, tag)

    # The saga as a whole.

    def _began(self, entry: Entry) -> None:
        self.orch = faces.working(back=False)

    def _settling(self, entry: Entry) -> None:
        self.orch = ("running", "settling")

    def _ended(self, entry: Entry) -> None:
        self.end, word = faces.ended(entry.kind)
        undid_nothing = self.end == "compensated" and not any(step.owed for step in self.state.steps.values())
        self.orch = (self.end, "nothing to undo" if undid_nothing else word)

    def _needs_human(self, entry: Entry) -> None:
        self._ended(entry)
        self._page("sagas")

    def _page(self, team: str) -> None:
        text = "The saga waits at this step. Nothing else will happen until someone says so."
        self.alert = {"title": f"Paged: on-call, {team}.", "text": text}

    def _acted(self, entry: Entry) -> None:
        leg = self.legs.get(entry.step)
        if leg is not None and entry.detail.get("action") == RESOLVE:
            leg.resolved(entry.op is Op.COMPENSATION)
        if entry.saga and self.state.phase in (Phase.RUNNING, Phase.COMPENSATING):
            self.end = self.alert = None
            self.orch = faces.working(back=self.state.phase is Phase.COMPENSATING)

    def _died(self, entry: Entry) -> None:
        self.crashed = True
        if self.end is None:
            self.orch = ("failed", "down")

    def _took_over(self, entry: Entry) -> None:
        self.crashed, self._orphaned = False, True
        if self.end is None:
            back = self.state.phase is Phase.COMPENSATING
            self.orch = ("compensating" if back else "running", "reading its journal")


_BY_DRIVER: Mapping[Kind, Callable[[Focus, Entry, Leg], None]] = {
    Kind.ATTEMPT_STARTED: Focus._called,
    Kind.ATTEMPT_SUCCEEDED: Focus._succeeded,
    Kind.ATTEMPT_FAILED: Focus._failed,
    Kind.ATTEMPT_UNKNOWN: Focus._unheard,
    Kind.RETRY_SCHEDULED: Focus._will_retry,
    Kind.LOCK_DENIED: Focus._denied,
    Kind.COMPENSATION_OWED: lambda focus, entry, leg: leg.owed(),
    Kind.SAGA_COMPENSATING: Focus._turned,
    Kind.SAGA_NEEDS_OPERATOR: Focus._needs_human_at,
}

_BY_SERVICE: Mapping[Kind, Callable[[Focus, Entry, Leg], None]] = {
    Kind.EFFECT: Focus._wrote,
    Kind.REPLAYED: Focus._replayed,
    Kind.STEP_FENCED: lambda focus, entry, leg: leg.fenced(),
    Kind.LOCK_DENIED: lambda focus, entry, leg: leg.locked(),
}

_OF_SAGA: Mapping[Kind, Callable[[Focus, Entry], None]] = {
    Kind.SAGA_STARTED: Focus._began,
    Kind.SETTLEMENT_OWED: Focus._settling,
    Kind.SAGA_COMPLETED: Focus._ended,
    Kind.SAGA_COMPENSATED: Focus._ended,
    Kind.SAGA_ABANDONED: Focus._ended,
    Kind.SAGA_LOST: Focus._ended,
    Kind.SAGA_NEEDS_OPERATOR: Focus._needs_human,
    Kind.OPERATOR_ACTED: Focus._acted,
    Kind.ORCHESTRATOR_CRASHED: Focus._died,
    Kind.ORCHESTRATOR_RECOVERED: Focus._took_over,
}
