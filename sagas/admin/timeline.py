"""A journal as a picture: calls, waits and ways back as bars, one row per step. Pure: entries in, numbers out.

The axis is time, but not to scale: a part of the width is shared out evenly among the entries, so
that a call that took no time is seen, and a pause longer than IDLE_MS is cut to it and says how
long it was. The upper half of a row is the action, the lower half its compensation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sagas.admin.words import lasted
from sagas.entries import Entry, Kind, Op

LABELS, PLOT, END = 176, 900, 56  # pixels: names at the left, bars, room after the last one
ROW, HEAD, AXIS, HALF = 36, 34, 30, 12
IDLE_MS = 4000
EVENLY = 0.35  # the part of the width that goes by entries, not by time
TICKS = 6
THINNEST = 3  # pixels

OUTCOMES: Mapping[Kind, str] = {
    Kind.ATTEMPT_SUCCEEDED: "done",
    Kind.ATTEMPT_FAILED: "failed",
    Kind.ATTEMPT_UNKNOWN: "unknown",
}
WORDS: Mapping[str, str] = {"done": "ok", "failed": "failed", "unknown": "no answer", "running": "under way"}
ENDS: Mapping[Kind, tuple[str, str]] = {
    Kind.SAGA_COMPLETED: ("done", "completed"),
    Kind.SAGA_COMPENSATING: ("compensating", "turns back"),
    Kind.SAGA_COMPENSATED: ("compensated", "compensated"),
    Kind.SAGA_NEEDS_OPERATOR: ("stuck", "needs a person"),
    Kind.SAGA_ABANDONED: ("failed", "abandoned"),
    Kind.SAGA_LOST: ("failed", "lost"),
    Kind.OPERATOR_ACTED: ("acted", ""),
}
OF_THE_RUN: Mapping[Kind, str] = {Kind.ORCHESTRATOR_CRASHED: "crash", Kind.ORCHESTRATOR_RECOVERED: "goes on"}
DOTS: Mapping[Kind, str] = {
    Kind.EFFECT: "row in the service's ledger",
    Kind.STEP_FENCED: "fenced: its compensation came first",
    Kind.REPLAYED: "answered from the store",
    Kind.EVENT_DROPPED: "event dropped",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One saga to draw: `steps` are the names of its steps, in order."""

    saga: str
    order: str
    state: str
    steps: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One attempt, or with `state` "waiting" the time until the next one."""

    x: int
    y: int
    width: int
    state: str
    op: str
    words: str
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One moment: of a step, of a saga (`state` says what it became) or of the whole run."""

    x: int
    y: int
    state: str
    words: str
    seq: int

    @property
    def is_far(self) -> bool:
        """Whether its words have to stand to its left."""
        return self.x > LABELS + PLOT * 3 // 4


@dataclass(slots=True, kw_only=True)
class Row:
    """One step."""

    y: int
    name: str
    bars: list[Bar] = field(default_factory=list)
    dots: list[Mark] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Band:
    """One saga."""

    y: int
    line: Line
    rows: dict[str, Row]
    marks: list[Mark] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Picture:
    """Everything in pixels. `ticks` say how long after the first entry, `cuts` how long a pause was."""

    width: int
    height: int
    labels: int
    bands: list[Band]
    marks: list[Mark] = field(default_factory=list)
    ticks: list[tuple[int, str]] = field(default_factory=list)
    cuts: list[tuple[int, str]] = field(default_factory=list)


def draw(entries: Sequence[Entry], lines: Sequence[Line]) -> Picture:
    """Return the picture of these sagas; entries of others are passed over."""
    bands, y = {}, AXIS
    for line in lines:
        rows = {name: Row(y=y + HEAD + n * ROW, name=name) for n, name in enumerate(line.steps)}
        bands[line.saga] = Band(y=y, line=line, rows=rows)
        y += HEAD + len(rows) * ROW
    picture = Picture(width=LABELS + PLOT + END, height=y + 8, labels=LABELS, bands=list(bands.values()))
    places = _places(entries)
    pen = _Pen(bands, places[-1] if places else LABELS)
    for entry, x in zip(entries, places, strict=True):
        if words := _of_the_run(entry):
            picture.marks.append(Mark(x=x, y=AXIS, state="run", words=words, seq=entry.seq))
        pen.put(entry, x)
    pen.lift()
    picture.ticks, picture.cuts = _ticks(entries, places), _cuts(entries, places)
    return picture


class _Pen:
    """Turns entries into bars and marks; a bar is drawn when its end is known."""

    def __init__(self, bands: Mapping[str, Band], end: int) -> None:
        self._bands, self._end = bands, end
        self._open: dict[tuple[str, str, str], tuple[Entry, int]] = {}
        self._waiting: dict[tuple[str, str, str], tuple[Entry, int]] = {}

    def put(self, entry: Entry, x: int) -> None:
        band = self._bands.get(entry.saga)
        if band is None:
            return
        if entry.kind in ENDS:
            state, words = ENDS[entry.kind]
            band.marks.append(Mark(x=x, y=band.y + HEAD // 2, state=state, words=words or _act(entry), seq=entry.seq))
        row = band.rows.get(entry.step)
        if row is None:
            return
        if entry.kind in DOTS:
            row.dots.append(Mark(x=x, y=_half(row, entry), state=str(entry.kind), words=_dot(entry), seq=entry.seq))
        self._call(row, entry, x)

    def _call(self, row: Row, entry: Entry, x: int) -> None:
        place = (entry.saga, entry.step, str(entry.op or Op.ACTION))
        if entry.kind is Kind.ATTEMPT_STARTED:
            if place in self._waiting:
                self._wait(row, *self._waiting.pop(place), x)
            self._open[place] = (entry, x)
        elif entry.kind in OUTCOMES and place in self._open:
            self._bar(row, *self._open.pop(place), x, OUTCOMES[entry.kind], str(entry.detail.get("reason", "")))
        elif entry.kind is Kind.LOCK_DENIED and entry.detail.get("waiting"):
            if place in self._open:
                self._bar(row, *self._open.pop(place), x, "pending", "queued")
            self._waiting.setdefault(place, (entry, x))
        elif entry.kind is Kind.RETRY_SCHEDULED:
            self._waiting[place] = (entry, x)

    def lift(self) -> None:
        """Draw what has no end yet up to the last entry."""
        for (saga, step, _), (entry, x) in self._open.items():
            self._bar(self._bands[saga].rows[step], entry, x, self._end, "running", "")
        for (saga, step, _), (entry, x) in self._waiting.items():
            self._wait(self._bands[saga].rows[step], entry, x, self._end)

    def _bar(self, row: Row, began: Entry, x: int, until: int, state: str, reason: str) -> None:
        shown = "compensated" if state == "done" and began.op is Op.COMPENSATION else state
        words = f"{began.key or began.step}, attempt {began.attempt}: {reason or WORDS[state]}"
        row.bars.append(
            Bar(
                x=x,
                y=_half(row, began),
                width=max(THINNEST, until - x),
                state=shown,
                op=str(began.op or Op.ACTION),
                words=words,
                seq=began.seq,
            )
        )

    def _wait(self, row: Row, began: Entry, x: int, until: int) -> None:
        what = "waits for a lock" if began.kind is Kind.LOCK_DENIED else f"waits {lasted(began.detail['delay_ms'])}"
        row.bars.append(
            Bar(
                x=x,
                y=_half(row, began),
                width=max(THINNEST, until - x),
                state="waiting",
                op=str(began.op or Op.ACTION),
                words=f"{began.step} {what}",
                seq=began.seq,
            )
        )


def _of_the_run(entry: Entry) -> str:
    """Return what happened to the run as a whole: its driver died or was followed, or a person held it."""
    if entry.kind is Kind.OPERATOR_ACTED and not entry.saga:
        return _act(entry)
    return OF_THE_RUN.get(entry.kind, "")


def _half(row: Row, entry: Entry) -> int:
    return row.y + (ROW // 2 + 2 if entry.op is Op.COMPENSATION else 4)


def _act(entry: Entry) -> str:
    return f"{entry.detail['action']} by {entry.detail['who']}"


def _dot(entry: Entry) -> str:
    if entry.kind is Kind.EFFECT:
        return f"{DOTS[entry.kind]}: {entry.detail['kind']} {entry.detail['amount']:+d}"
    return DOTS[entry.kind]


def _places(entries: Sequence[Entry]) -> list[int]:
    """Return where each entry is on the axis."""
    gaps = [min(max(0, b.at - a.at), IDLE_MS) for a, b in pairwise(entries)]
    total, places, x = sum(gaps) or 1, [float(LABELS)][: len(entries)], float(LABELS)
    evenly = EVENLY if sum(gaps) else 1.0
    for gap in gaps:
        x += PLOT * (evenly / len(gaps) + (1 - evenly) * gap / total)
        places.append(x)
    return [round(place) for place in places]


def _ticks(entries: Sequence[Entry], places: Sequence[int]) -> list[tuple[int, str]]:
    ticks: list[tuple[int, str]] = []
    for entry, x in zip(entries, places, strict=True):
        if not ticks or x - ticks[-1][0] >= PLOT // TICKS:
            ticks.append((x, lasted(max(0, entry.at - entries[0].at))))
    return ticks


def _cuts(entries: Sequence[Entry], places: Sequence[int]) -> list[tuple[int, str]]:
    placed = pairwise(zip(entries, places, strict=True))
    return [(round((x + y) / 2), lasted(b.at - a.at)) for (a, x), (b, y) in placed if b.at - a.at > IDLE_MS]
