"""What a run's journal says that a scenario does not: who went first, what was heard, when people acted. Pure.

With it, `playground.export.rerun` keeps a new run to the old one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from playground.export.attempts import Attempt, Attempts
from playground.export.rerun import FAR_MS
from playground.export.taken import Taken
from sagas import catalog
from sagas.entries import Entry, Kind, Lane, Op
from sagas.network import fault_of, index_of
from sagas.recovery import UNRECORDED

HOLDS_NO_SENTENCE = ("pause", "resume", "step")  # acts that change when something happens, and not what
UNTOUCHED = ("decline", "error", "timeout", "late", "crash-before")  # faults by which a call never gets to its service
RACES = ("off", "naive")  # locks with which sagas look before they act
BRISK, AS_IT_WAS = 0.1, 1.0
PATIENCE_S = 120  # beside what the run took


def record_of(taken: Taken) -> dict[str, Any]:
    """Return what a rerun is told of a run at rest."""
    entries, choreography = taken.entries, taken.scenario["mode"] == "choreography"
    lasted_s = (entries[-1].at - entries[0].at) // 1000 if entries else 0
    return {
        "run": taken.run,
        "definition": [taken.definition, taken.version],
        "scenario": _scenario(taken),
        "pace": pace_of(taken),
        "limit_s": PATIENCE_S + 2 * lasted_s,
        "counts": "all" if choreography else str(Lane.ORCHESTRATOR),
        "finishes": sum(entry.kind is Kind.RUN_FINISHED for entry in entries),
        "acts": list(_acts(taken)),
        "late": dict(_late(taken)),
        "unheard": dict(_unheard(taken)),
    }


def beyond_telling(taken: Taken) -> str:
    """Return why no rerun can be kept to this run, "" for one that can.

    Where sagas move one at a time, only the one that moves can be interrupted between looking and acting.
    """
    if len(taken.sagas) == 1 or taken.plan.lock not in RACES:
        return ""
    fallen = [name for name, verdict in _unheard(taken) if verdict != "unheard"]
    return f"its driver died in the middle of a race, while {fallen[0]} was under way" if fallen else ""


def pace_of(taken: Taken) -> float:
    """Return how long a rerun's second is: where nobody says who goes first, the clock does, and must run as it did."""
    return AS_IT_WAS if taken.scenario["mode"] == "choreography" else BRISK


def moves(taken: Taken) -> list[int]:
    """Return the saga index of each outward step, in the order in which they took effect.

    A call takes effect where its service first reports of it, else where its outcome is heard; the
    first half of one that looks before it writes where it was intended.
    """
    found: list[tuple[int, str]] = []
    for attempt in Attempts(taken.entries):
        started = attempt.started
        if _looked(taken, attempt):
            found.append((_looked_at(attempt).seq, started.saga))
        found.append((_point(taken, attempt).seq, started.saga))
    settled = [e for e in taken.entries if e.kind is Kind.LOCK_RELEASED and e.lane is Lane.ORCHESTRATOR]
    found += [(entry.seq, entry.saga) for entry in settled]
    return [index_of(saga) for _, saga in sorted(found)]


def _looked_at(attempt: Attempt) -> Entry:
    """Return the entry at which an attempt looked: where it was intended, unless what it saw was that it came too late."""
    ended = attempt.ended
    return attempt.started if ended is None or ended.kind is not Kind.ATTEMPT_FAILED else ended


def _point(taken: Taken, attempt: Attempt) -> Entry:
    """Return the entry at which an attempt took effect, as far as the journal tells.

    A row that was copied after a crash was written long before; others may have met it already.
    """
    started, report = attempt.started, attempt.first_report
    if report is None:
        return attempt.ended or started
    within = range(started.seq, report.seq)
    copied = any(e.kind is Kind.ORCHESTRATOR_RECOVERED and e.seq in within for e in taken.entries)
    return started if copied else report


def _scenario(taken: Taken) -> dict[str, Any]:
    """Return the scenario with its order of moves fixed, and its deadlines left to the record."""
    scenario = dict(taken.scenario)
    if len(taken.sagas) > 1 and scenario["mode"] != "choreography":
        scenario["schedule"] = moves(taken)
    late = dict(_late(taken))
    for limit in ("deadline_ms", "watcher_ms"):
        if scenario.get(limit) is not None:
            scenario[limit] = FAR_MS if late or limit == "watcher_ms" else None
    return scenario


def _looked(taken: Taken, attempt: Attempt) -> bool:
    """Return whether an attempt was two moves: to look, and to act."""
    started = attempt.started
    step = taken.steps.step(started.step)
    if started.op is not Op.ACTION or step.settlement is None:
        return False
    if not catalog.SERVICES[step.service].looks_first(step.action, taken.plan.lock):
        return False
    return _fault(taken, started) not in UNTOUCHED


def _acts(taken: Taken) -> Iterator[dict[str, Any]]:
    for n, entry in enumerate(taken.entries):
        action = str(entry.detail.get("action", ""))
        if entry.kind is Kind.OPERATOR_ACTED and action not in HOLDS_NO_SENTENCE:
            before = taken.entries[:n]
            yield {
                "order": entry.order,
                "action": action,
                "who": str(entry.detail.get("who", "")),
                "why": str(entry.detail.get("why", "")),
                **{name: entry.detail[name] for name in ("evidence", "record") if name in entry.detail},
                "after": _last_wait(_own(taken, before, entry.order)),
                "finishes": sum(e.kind is Kind.RUN_FINISHED for e in before),
            }


def _late(taken: Taken) -> Iterator[tuple[str, int]]:
    """Yield each order whose deadline passed, or whom a watcher called off, and after how many of its entries."""
    for n, entry in enumerate(taken.entries):
        cause = entry.detail.get("cause")
        turned = entry.kind in (Kind.SAGA_COMPENSATING, Kind.SAGA_ABANDONED)
        passed = turned and isinstance(cause, dict) and cause.get("outcome") == "deadline"
        if passed or (entry.kind is Kind.EVENT_PUBLISHED and entry.detail.get("by") == "watcher"):
            own = _own(taken, taken.entries[:n], entry.order)
            yield entry.order, _last_wait(own) if passed else _last_said(own)


def _last_said(own: Sequence[Entry]) -> int:
    """Return how many entries of an order were there when something was last committed at once; 0 before any call.

    What a service reports of a call that takes no time is committed with whatever follows.
    """
    at_once = (Kind.ATTEMPT_STARTED, Kind.RETRY_SCHEDULED, Kind.EVENT_PUBLISHED)
    called = any(entry.kind is Kind.ATTEMPT_STARTED for entry in own)
    return max((n for n, entry in enumerate(own, 1) if entry.kind in at_once), default=0) if called else 0


def _last_wait(own: Sequence[Entry]) -> int:
    """Return how many of a saga's entries were there when its driver last waited for anything.

    An outcome is no such place: what follows from it is decided in the same breath. Nor is the start.
    """
    if all(entry.kind is not Kind.ATTEMPT_STARTED for entry in own):
        return 0
    heard = (Kind.ATTEMPT_SUCCEEDED, Kind.ATTEMPT_FAILED, Kind.ATTEMPT_UNKNOWN)
    n = len(own)
    while n and own[n - 1].kind in heard:
        n -= 1
    return n


def _unheard(taken: Taken) -> Iterator[tuple[str, str]]:
    """Yield each attempt without an answer, and whether its driver lived on."""
    for attempt in Attempts(taken.entries):
        started, ended = attempt.started, attempt.ended
        if ended is None or ended.kind is not Kind.ATTEMPT_UNKNOWN:
            continue
        name = f"{started.order} {started.step} {started.op} {started.attempt}"
        if ended.detail.get("reason") != UNRECORDED:
            yield name, "unheard"
        elif not _fault(taken, started).startswith("crash-"):
            yield name, "died after" if attempt.first_report else "died before"


def _own(taken: Taken, entries: Sequence[Entry], order: str) -> list[Entry]:
    """Return the entries of an order that a rerun counts."""
    everything = taken.scenario["mode"] == "choreography"
    return [e for e in entries if e.order == order and (everything or e.lane is Lane.ORCHESTRATOR)]


def _fault(taken: Taken, started: Entry) -> str:
    assert started.op is not None
    return fault_of(taken.plan.faults, started.step, started.op, started.attempt, index_of(started.saga))
