"""An engine elsewhere that is no engine: it answers the jobs of a loop, one by one, in a world of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sagas.definition import SagaDefinition
from sagas.engines.jobs import Do, Job, Json, call_from_json, job_from_json
from sagas.engines.loop import Loop
from sagas.engines.told import definition_to_json
from sagas.entries import Entry, Kind, Op, entry_from_json
from sagas.language import sentence_violations
from sagas.plan import plan_from_json
from sagas.recovery import Loaded, first_entries
from tests.builders import NOW, ORDER
from tests.simulator import World

RUN = "world"
MOST_ROUNDS = 500


class Elsewhere:
    """An engine in a test: it answers a loop's jobs, one by one, by a world of its own; `pick` says which comes next.

    `replies` are those of `tests.simulator.World` by the call's name, in order; without one all is well.
    """

    def __init__(
        self,
        definition: SagaDefinition = ORDER,
        *,
        orders: int = 1,
        replies: Mapping[str, Sequence[str]] | None = None,
        journal: Sequence[Entry] = (),
        looks_first: bool = False,
        picks: Sequence[int] = (),
        **plan: Any,
    ) -> None:
        self.definition, self.now = definition, NOW
        self.entries: list[Entry] = []
        self.done: list[Job] = []
        self.under_way: list[Job] = []
        self.refusals: dict[int, str] = {}
        self._replies = {name: list(given) for name, given in (replies or {}).items()}
        self._picks = list(picks)
        sagas = {f"{RUN}-{n}": f"ord-{n}" for n in range(1, orders + 1)}
        self._worlds = {saga: World() for saga in sagas}
        plan = {"latency_ms": 0, **plan}
        begun = journal or self._first(plan, sagas)
        self._write(begun)
        self.told = travelled(
            {
                "over": False,
                "run": RUN,
                "epoch": 1,
                "definition": definition_to_json(definition),
                "plan": plan,
                "sagas": sagas,
                "entries": [e.to_json() for e in self.entries],
                "asked": [],
                "looks_first": looks_first,
            }
        )
        self.loop = Loop(self.told)

    def _first(self, plan: Json, sagas: Mapping[str, str]) -> list[Entry]:
        loaded = Loaded(
            run=RUN,
            definition=self.definition.name,
            version=1,
            plan=plan_from_json(plan),
            payload={},
            sagas=sagas,
            entries=[],
            created_ms=NOW,
        )
        return first_entries(loaded, NOW)

    def ask(self, number: int, kind: str, saga: str = "", **detail: str) -> None:
        asked = {"id": number, "kind": kind, "saga": saga, "who": "ada", "why": "test", "saw": 1, "detail": detail}
        self.loop.ask(asked)

    def think(self) -> list[Job]:
        new = [job_from_json(travelled(job.to_json())) for job in self.loop.think(self.now)]
        self.under_way += new
        return new

    def step(self) -> Job | None:
        """Have one job done, or time pass; return the job."""
        self.think()
        if not self.under_way:
            if self.loop.until is not None:
                assert self.loop.until > self.now
                self.now = self.loop.until
            return None
        job = self.under_way.pop(self._picks.pop(0) % len(self.under_way) if self._picks else 0)
        self.now += 10
        answer = {**self._answer(job), "seq": len(self.entries), "released": []}
        self.done.append(job)
        self.loop.done(job, travelled(answer), self.now)
        return job

    def until(self, do: Do, step: str = "") -> Job:
        """Go on until such a job is done."""
        for _ in range(MOST_ROUNDS):
            job = self.step()
            if job is not None and job.do is do and step in ("", step_of(job)):
                return job
        raise AssertionError(f"no {do} {step}")

    def run(self) -> Elsewhere:
        for _ in range(MOST_ROUNDS):
            if self.loop.rests:
                assert not self.under_way
                assert sentence_violations(self.entries, self.definition) == []
                return self
            self.step()
        raise AssertionError([(e.seq, str(e.kind), e.step) for e in self.entries])

    @property
    def states(self) -> list[str]:
        return [str(state.phase) for state in self.loop.states.values()]

    def calls(self, saga: str = "") -> list[str]:
        """Return the names of the calls that were made, in order."""
        made = [(j.saga, call_from_json(j.what["call"])) for j in self.done if j.do is Do.ATTEMPT]
        return [
            c.step if c.op is Op.ACTION else self.definition.step(c.step).compensation_name
            for of, c in made
            if saga in ("", of)
        ]

    def _answer(self, job: Job) -> dict[str, Any]:
        match job.do:
            case Do.APPEND:
                self._write([entry_from_json(e) for e in job.what["entries"]])
                self.refusals |= {number: no for number, _, no in job.what["handled"]}
            case Do.LOOK:
                return {"seen": {"units": []}}
            case Do.ATTEMPT:
                return {"heard": self._heard(job).to_json()}
            case Do.SETTLE:
                return {"heard": None if self._reply(job.what["step"]) == "silent" else self._settled(job)}
            case Do.TAKE_AWAY:
                return {"refusal": ""}
        return {}

    def _heard(self, job: Job) -> Entry:
        call = call_from_json(job.what["call"])
        assert self._is_durable(job.saga, call.step, call.op, call.attempt), "rule 4: a call before its intent"
        name = call.step if call.op is Op.ACTION else self.definition.step(call.step).compensation_name
        heard = self._worlds[job.saga].hear(call, self._reply(name))
        order = self.told["sagas"][job.saga]
        return Entry(**{**{f: getattr(heard, f) for f in heard.__slots__}, "saga": job.saga, "order": order})

    def _settled(self, job: Job) -> dict[str, Any]:
        order = self.told["sagas"][job.saga]
        detail = {"service": "inventory", "record": "unit-1", "owner": order}
        return Entry(
            kind=Kind.LOCK_RELEASED, saga=job.saga, order=order, step=job.what["step"], detail=detail
        ).to_json()

    def _reply(self, name: str) -> str:
        given = self._replies.get(name)
        return given.pop(0) if given else "ok"

    def _is_durable(self, saga: str, step: str, op: Op, attempt: int) -> bool:
        return any(
            e.kind is Kind.ATTEMPT_STARTED and (e.saga, e.step, e.op, e.attempt) == (saga, step, op, attempt)
            for e in self.entries
        )

    def _write(self, entries: Sequence[Entry]) -> None:
        self.entries += [e.placed(len(self.entries) + n, self.now) for n, e in enumerate(entries, 1)]


def travelled(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is left of a value after its way through an engine."""
    return dict(json.loads(json.dumps(value)))


def step_of(job: Job) -> str:
    return str(job.what["call"]["step"] if "call" in job.what else job.what.get("step", ""))
