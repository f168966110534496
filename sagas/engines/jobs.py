"""What a loop wants done: plain values, since they travel as JSON and may arrive more than once. Pure.

What `what` holds, and what the answer to a job holds, by `do`:

    append      entries, handled, count    ->
    look        saga, call                 ->  seen, null where nothing was looked at
    attempt     saga, call, seen           ->  heard: the entry that says how it ended
    settle      saga, step, key            ->  heard: the entry, or null for no answer
    take-away   of, record                 ->  refusal, or ""
    sweep                                  ->

`handled` is a list of `[command, place, refusal]`; `place` is the index among `entries` of the one
that obeyed, -1 for one before them. `count` is the loop's own. Each job says in `since` the last `seq` whose releases its loop
knows of; each answer holds `seq`, the run's last one by now, and `released`, the steps whose record
some service let go after `since`, as `[seq, step]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sagas.decider import Call
from sagas.entries import Op

Json = Mapping[str, Any]


class Do(StrEnum):
    """Everything that a loop can want."""

    APPEND = "append"
    LOOK = "look"
    ATTEMPT = "attempt"
    SETTLE = "settle"
    TAKE_AWAY = "take-away"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One thing to be done for a run. `id` is this job's alone among all of the run, `epoch` its lease."""

    id: str
    do: Do
    run: str
    epoch: int
    since: int
    what: Json

    def to_json(self) -> dict[str, Any]:
        """Return what travels."""
        return {
            "id": self.id,
            "do": str(self.do),
            "run": self.run,
            "epoch": self.epoch,
            "since": self.since,
            "what": dict(self.what),
        }

    @property
    def saga(self) -> str:
        """The saga that goes on by it, or "" for the run as a whole."""
        return str(self.what.get("saga", ""))

    @property
    def longest_ms(self) -> int:
        """How long it may take by its plan, besides what it costs anyway."""
        return int(self.what["call"]["timeout_ms"]) if self.do is Do.ATTEMPT else 0


def job_from_json(value: Json) -> Job:
    """Return the job that `Job.to_json` wrote. Raises KeyError or ValueError when it is none."""
    return Job(
        id=value["id"],
        do=Do(value["do"]),
        run=value["run"],
        epoch=value["epoch"],
        since=value["since"],
        what=value["what"],
    )


def call_to_json(call: Call) -> dict[str, Any]:
    """Return a call as it travels."""
    return {
        "step": call.step,
        "op": str(call.op),
        "attempt": call.attempt,
        "key": call.key,
        "action_key": call.action_key,
        "timeout_ms": call.timeout_ms,
    }


def call_from_json(value: Json) -> Call:
    """Return the call that `call_to_json` wrote."""
    return Call(**{**value, "op": Op(value["op"])})
