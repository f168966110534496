"""A preview card, 1200 by 630: the order, how it stands, and its line with a glyph at every step.

Drawn from a scene, in the look of the site. The same face gives the same bytes, so that it can
be kept under a tag which is known before anything is drawn. Pictures are drawn on the thread of
the view that asks; the last few are remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

from PIL import Image

from playground.brush import Brush
from playground.subjects import Subject

LOOK = 1  # raise it when a card is drawn differently
WIDTH, HEIGHT = 1200, 630
SHARPER = 2  # drawn this many times as large, then made smaller: Pillow's own edges are rough
KEPT = 64  # pictures
INVITATION = "One button runs it, against five services that keep a database each."

PAPER, SHEET, INK, INK_2, INK_3 = "#edf1ea", "#f8faf5", "#17211c", "#435049", "#5d6a62"
RULE, RULE_2, MARGIN = "#d3dcd2", "#a8b5aa", "#dfb3a8"
LEFT, RIGHT = 132, 1136  # where text begins, and where the line ends
OUT_Y, BACK_Y, ALONE_Y = 364, 432, 410  # of the way out, of the way back, and of a way that has none
BASE, RULED = 166, 48  # the ruled line that the title stands on, and from one to the next


@dataclass(frozen=True, slots=True)
class Stop:
    """One step: its name and its undo's, the states of both, and whether the line bends here."""

    name: str
    undo: str
    state: str
    back: str
    turn: bool

    @property
    def is_undone(self) -> bool:
        """Whether its undo has begun."""
        return self.back not in ("idle", "skipped")


@dataclass(frozen=True, slots=True)
class Face:
    """All that stands on a card."""

    title: str
    word: str
    state: str
    sentence: str
    plan: str
    stops: tuple[Stop, ...]
    facts: tuple[tuple[str, str], ...]
    note: str

    @property
    def has_back(self) -> bool:
        """Whether there is a way back to be seen: planned, or taken."""
        return self.plan == "saga" or any(stop.is_undone for stop in self.stops)


def face_of(subject: Subject) -> Face:
    """Return what stands on a subject's card."""
    scene, facts = subject.scene, subject.scene["facts"]
    labels = (("Charged", "charged"), ("Held", "held"), ("Shipped", "shipped"), ("Who knows", "knows"))
    return Face(
        title=scene["order"] if subject.run else subject.title,
        word=scene["orch"]["word"] if subject.run else "",
        state=scene["orch"]["state"],
        sentence=subject.sentence,
        plan=scene["plan"],
        stops=tuple(map(_stop, scene["legs"])),
        facts=tuple((label, facts[name]) for label, name in labels) if subject.run else (),
        note=f"Run {subject.run}" if subject.run else "A scenario to run",
    )


def _stop(leg: Mapping[str, Any]) -> Stop:
    undo, hop = leg.get("undo") or {}, leg.get("hop") or {}
    died = hop.get("state") == "failed" and leg["stop"]["state"] == "idle"
    return Stop(
        name=leg["name"],
        undo=leg.get("undo_name") or "",
        state="failed" if died else leg["stop"]["state"],
        back=undo.get("state", "idle"),
        turn=bool(leg.get("turn")),
    )


@lru_cache(maxsize=KEPT)
def png(face: Face) -> bytes:
    """Return the picture."""
    image = Image.new("RGB", (WIDTH * SHARPER, HEIGHT * SHARPER), PAPER)
    brush = Brush(image, SHARPER)
    _paper(brush)
    _head(brush, face)
    _line(brush, face)
    _foot(brush, face)
    out = BytesIO()
    image.resize((WIDTH, HEIGHT), Image.Resampling.BOX).quantize(
        colors=128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    ).save(out, "PNG", optimize=True)
    return out.getvalue()


def _paper(brush: Brush) -> None:
    for y in range(BASE % RULED, HEIGHT, RULED):
        brush.line([(0, y), (WIDTH, y)], RULE, 1)
    for x in (92, 97):
        brush.line([(x, 0), (x, HEIGHT)], MARGIN, 1.5)
    brush.box(LEFT - 26, 292, RIGHT + 38, 500, SHEET, RULE_2)
    brush.line([(LEFT - 26, 292), (RIGHT + 38, 292)], INK, 3)


def _head(brush: Brush, face: Face) -> None:
    """Write on the ruled lines, as one does in a ledger."""
    brush.logo(LEFT - 4, 36, INK, PAPER)
    brush.text(LEFT + 58, 62, "Five Ledgers", "serif", 26, INK, weight=600, anchor="ls")
    brush.text(RIGHT + 38, 62, face.note, "mono", 20, INK_3, anchor="rs")
    if face.word:
        brush.glyph(face.state, LEFT + 20, BASE - 26, 44)
        word, hue = f"{face.word[:1].upper()}{face.word[1:]}", brush.hue(face.state)
        x = brush.text(LEFT + 58, BASE - 3, word, "serif", 62, hue, weight=540, anchor="ls")
        brush.text(x + 26, BASE - 3, face.title, "mono", 30, INK_2, anchor="ls")
    else:
        lines = brush.wrapped(face.title, "serif", 42, RIGHT + 30 - LEFT, 2, weight=500)
        for n, line in enumerate(reversed(lines)):
            brush.text(LEFT, BASE - 3 - RULED * n, line, "serif", 42, INK, anchor="ls")
    for n, line in enumerate(brush.wrapped(face.sentence, "serif", 31, RIGHT + 30 - LEFT, 2, weight=400)):
        brush.text(LEFT, BASE - 5 + RULED * (n + 1), line, "serif", 31, INK_2, weight=400, anchor="ls")


def _line(brush: Brush, face: Face) -> None:
    """Draw the way out, the turn and the way back, and a glyph at every place of them."""
    apart = (RIGHT - LEFT - 170) / max(1, len(face.stops) - 1)
    places = [LEFT + 24 + apart * n for n in range(len(face.stops))]
    out = OUT_Y if face.has_back else ALONE_Y
    _ways(brush, face, places, out)
    for stop, x in zip(face.stops, places, strict=True):
        brush.disc(x, out, 19, SHEET)
        brush.glyph(stop.state, x, out, 38)
        brush.text(x - 19, out - 34, stop.name, "mono", 18, INK_3 if stop.state == "skipped" else INK, anchor="ls")
        if face.has_back and (stop.is_undone or not _is_bent(face)):
            brush.disc(x, BACK_Y, 17, SHEET)
            brush.glyph(stop.back, x, BACK_Y, 32 if stop.is_undone else 20)
        if stop.is_undone or face.plan == "saga":
            hue = brush.hue(stop.back) if stop.is_undone else INK_3
            brush.text(x - 19, BACK_Y + 42, stop.undo, "mono", 16, hue, anchor="ls")


def _ways(brush: Brush, face: Face, places: list[float], out: float) -> None:
    for n in range(len(places) - 1):
        done = face.stops[n].state in ("done", "compensating", "compensated")
        one, other = (places[n], out), (places[n + 1], out)
        brush.line([one, other], brush.hue("done"), 4) if done else brush.dashes(one, other, RULE_2, 2)
    if face.plan != "saga":
        return
    if not _is_bent(face):
        brush.dashes((places[0], BACK_Y), (places[-1], BACK_Y), RULE_2, 2)
        return
    turn = next(n for n, stop in enumerate(face.stops) if stop.turn)
    first = min((n for n, stop in enumerate(face.stops[: turn + 1]) if stop.is_undone), default=turn)
    plum = brush.hue("compensated")
    brush.bend(places[turn], out, BACK_Y, 46, plum, 4)
    brush.line([(places[first], BACK_Y), (places[turn], BACK_Y)], plum, 4)
    if first:
        brush.dashes((places[0], BACK_Y), (places[first], BACK_Y), RULE_2, 2)


def _is_bent(face: Face) -> bool:
    return any(stop.turn for stop in face.stops)


def _foot(brush: Brush, face: Face) -> None:
    x = float(LEFT)
    for label, value in face.facts:
        brush.text(x, 542, label, "sans", 19, INK_3, anchor="ls")
        end = brush.text(x, 577, value, "sans" if label == "Who knows" else "mono", 28, INK, weight=600, anchor="ls")
        x = max(end, x + 110) + 46
    if face.facts:
        for y in (592, 597):
            brush.line([(LEFT, y), (x - 46, y)], INK_2, 1.5)
    else:
        brush.text(LEFT, 560, INVITATION, "sans", 24, INK_2, anchor="ls")
