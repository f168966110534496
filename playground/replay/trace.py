"""Where the time of one saga went: every attempt and every wait a bar, a row for each call. Pure.

Bars stand in told time, so that one playhead fits them and the clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from playground import wording
from sagas.definition import SagaDefinition, Step
from sagas.entries import Entry, Kind, Op
from sagas.state import ENDS

LEAST = 0.004  # share of the whole that a bar is drawn with however short it was

ATTEMPT, WAIT, QUEUE, MARK = "attempt", "wait", "queue", "mark"

OUTCOMES: Mapping[Kind, tuple[str, str]] = {  # of an attempt: its state there, and back
    Kind.ATTEMPT_SUCCEEDED: ("done", "compensated"),
    Kind.ATTEMPT_FAILED: ("failed", "failed"),
    Kind.ATTEMPT_UNKNOWN: ("unknown", "unknown"),
}
MARKS: Mapping[Kind, tuple[str, str]] = {
    Kind.STEP_FENCED: ("skipped", "late call refused"),
    Kind.EVENT_DROPPED: ("failed", "event dropped"),
}
STOPS = frozenset({Kind.SAGA_COMPENSATING, *ENDS})
WORDS = {"compensated": "undone", "running": "calling", "compensating": "undoing", "unknown": "no answer"}


@dataclass(slots=True, kw_only=True)
class Bar:
    """One attempt, wait, place in a line, or mark. Times are told; `took` is real, in milliseconds."""

    kind: str
    state: str
    seq: int
    start: int
    began: int
    n: int = 0
    end: int | None = None
    took: int = 0
    word: str = ""


@dataclass(slots=True, kw_only=True)
class Row:
    """One call of the saga, in one direction."""

    name: str
    back: bool
    bars: list[Bar] = field(default_factory=list)

    @property
    def note(self) -> str:
        """How long it took in all, and in how many attempts."""
        attempts = [bar for bar in self.bars if bar.kind == ATTEMPT]
        if not attempts:
            return ""
        took = wording.span(self.bars[-1].began + self.bars[-1].took - self.bars[0].began)
        return took if len(attempts) == 1 else f"{took}, {len(attempts)} attempts"


class Trace:
    """The bars of one saga. Give it every entry of the run: time passes for all."""

    def __init__(self, definition: SagaDefinition, saga: str) -> None:
        self._steps = {step.name: step for step in definition.steps}
        self._saga = saga
        self._rows: dict[tuple[str, Op], Row] = {
            (step.name, Op.ACTION): Row(name=step.name, back=False) for step in definition.steps
        }
        self.told = self._ms = 0

    def add(self, entry: Entry, told: int, ms: int) -> None:
        """Take the next entry: `told` is its moment, `ms` its real one."""
        self.told, self._ms = told, ms
        if entry.saga != self._saga:
            return
        if entry.kind in STOPS:
            for row in self._rows.values():
                self._close_wait(row)
        step = self._steps.get(entry.step)
        if step is not None:
            self._add(entry, step)

    @property
    def rows(self) -> list[Row]:
        """The rows: the steps in their order, then the undos as they came."""
        return list(self._rows.values())

    def _add(self, entry: Entry, step: Step) -> None:
        back = entry.op is Op.COMPENSATION
        row = self._row(step, back)
        if entry.kind is Kind.ATTEMPT_STARTED:
            self._close_wait(row)
            self._open(row, ATTEMPT, "compensating" if back else "running", entry, entry.attempt)
        elif entry.kind in OUTCOMES:
            self._close(row, ATTEMPT, OUTCOMES[entry.kind][back])
        elif entry.kind is Kind.LOCK_DENIED and entry.detail.get("waiting"):
            self._close(row, ATTEMPT, "pending")
            self._open(row, QUEUE, "pending", entry, word="waiting in line")
        elif entry.kind is Kind.RETRY_SCHEDULED:
            self._open(row, WAIT, "idle", entry, word="waiting to ask again")
        elif entry.kind in MARKS:
            state, word = MARKS[entry.kind]
            self._open(row, MARK, state, entry, word=word)
            row.bars[-1].end = self.told

    def _row(self, step: Step, back: bool) -> Row:
        op = Op.COMPENSATION if back else Op.ACTION
        name = step.compensation_name if back else step.name
        return self._rows.setdefault((step.name, op), Row(name=name, back=back))

    def _open(self, row: Row, kind: str, state: str, entry: Entry, n: int = 0, word: str = "") -> None:
        bar = Bar(kind=kind, state=state, seq=entry.seq, start=self.told, began=self._ms, n=n, word=word)
        row.bars.append(bar)

    def _close(self, row: Row, kind: str, state: str) -> None:
        for bar in row.bars:
            if bar.kind == kind and bar.end is None:
                bar.end, bar.took, bar.state = self.told, self._ms - bar.began, state

    def _close_wait(self, row: Row) -> None:
        for kind, state in ((WAIT, "idle"), (QUEUE, "pending")):
            self._close(row, kind, state)

    def view(self, at: int, moment: int) -> dict[str, Any]:
        """Return rows, axis and extent as a template shows them at entry `at`, told at `moment`.

        Places are shares of the whole, in hundredths.
        """
        whole = max(1, self.told)
        shown = [row for row in self.rows if row.bars or not row.back]
        return {
            "rows": [
                {
                    "name": row.name,
                    "back": row.back,
                    "note": row.note,
                    "note_x": _share(max((self._end(bar) for bar in row.bars), default=0), whole),
                    "bars": [self._bar(row, bar, whole, at) for bar in row.bars],
                }
                for row in shown
            ],
            "axis": [{"x": _share(ms, whole), "label": wording.span(ms)} for ms in _marks(whole)],
            "at_x": _share(moment, whole),
            "whole": self.told,
        }

    def _end(self, bar: Bar) -> int:
        return self.told if bar.end is None else bar.end

    def _bar(self, row: Row, bar: Bar, whole: int, at: int) -> dict[str, Any]:
        took = bar.took if bar.end is not None else self._ms - bar.began
        what = f"attempt {bar.n}, {WORDS.get(bar.state, bar.state)}" if bar.kind == ATTEMPT else bar.word
        said = f"{row.name}, {what}" + ("" if bar.kind == MARK else f", {wording.span(took)}")
        return {
            "kind": bar.kind,
            "state": bar.state,
            "seq": bar.seq,
            "x": _share(bar.start, whole),
            "width": _share(max(self._end(bar) - bar.start, whole * LEAST), whole),
            "end": _share(self._end(bar), whole),
            "said": said,
            "past": bar.seq <= at,
        }


def _share(ms: float, whole: int) -> str:
    return f"{100 * ms / whole:.3f}"


def _marks(whole: int, most: int = 6) -> Iterable[int]:
    """Return round moments from 0 on, at most seven."""
    step = 1
    for step in (unit * 10**power for power in range(8) for unit in (1, 2, 5)):
        if whole / step <= most:
            break
    return range(0, whole + 1, step)
