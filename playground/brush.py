"""What a card is drawn with: the site's two typefaces, its state hues and its glyphs.

Sizes and places are those of the finished picture; the canvas may be larger by a factor. Shapes
follow `static/glyphs.svg`, cell by cell, hues `static/css/base.css`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from PIL import Image, ImageDraw, ImageFont

FONTS = Path(settings.BASE_DIR) / "static" / "fonts"
FILES: Mapping[str, str] = {
    "serif": "besley-latin-wght-normal.woff2",
    "mono": "recursive-latin-mono-normal.woff2",
    "sans": "recursive-latin-mono-normal.woff2",
}
HUES: Mapping[str, str] = {
    "idle": "#5d6a62",
    "running": "#1c4f9c",
    "done": "#1d6a3d",
    "failed": "#b0261c",
    "unknown": "#855800",
    "compensating": "#8a2768",
    "compensated": "#8a2768",
    "stuck": "#b0261c",
    "pending": "#855800",
    "skipped": "#5d6a62",
}
WHITE = "#f8faf5"  # a tick on a disc has the colour of the sheet
CELL = 16  # the glyphs' own grid

Point = tuple[float, float]


@lru_cache(maxsize=64)
def _font(face: str, size: float, weight: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(FONTS / FILES[face], size)
    font.set_variation_by_axes([weight] if face == "serif" else [1 if face == "mono" else 0, weight])
    return font


class Brush:
    """Draws on one image that is `scale` times as large as what it will be."""

    def __init__(self, image: Image.Image, scale: int) -> None:
        self._draw, self._scale = ImageDraw.Draw(image), scale

    def hue(self, state: str) -> str:
        """Return the colour of a state."""
        return HUES.get(state, HUES["idle"])

    def text(
        self, x: float, y: float, text: str, face: str, size: float, fill: str, *, weight: int = 500, anchor: str = "la"
    ) -> float:
        """Write a text; return where it ends."""
        font, s = _font(face, size * self._scale, weight), self._scale
        self._draw.text((x * s, y * s), text, fill, font, anchor=anchor)
        return x + font.getlength(text) / s

    def wrapped(self, text: str, face: str, size: float, width: float, most: int, *, weight: int) -> list[str]:
        """Return a text in at most so many lines of this width; what is left over ends in an ellipsis."""
        font = _font(face, size * self._scale, weight)

        def fits(line: str) -> bool:
            return font.getlength(line) <= width * self._scale

        lines = [""]
        for word in text.split():
            longer = f"{lines[-1]} {word}".strip()
            if fits(longer) or not lines[-1]:
                lines[-1] = longer
            elif len(lines) < most:
                lines.append(word)
            else:
                lines[-1] = _ended(lines[-1], fits)
                break
        return [line if fits(line) else _ended(line, fits) for line in lines]

    def line(self, points: Sequence[Point], fill: str, width: float) -> None:
        s = self._scale
        self._draw.line([(x * s, y * s) for x, y in points], fill, max(1, round(width * s)), joint="curve")

    def dashes(self, one: Point, other: Point, fill: str, width: float) -> None:
        """Draw a level line in dashes."""
        x = one[0]
        while x < other[0]:
            self.line([(x, one[1]), (min(x + 7, other[0]), one[1])], fill, width)
            x += 13

    def bend(self, x: float, top: float, bottom: float, reach: float, fill: str, width: float) -> None:
        """Draw the turn: a half ring to the right of x, from one level down to the other."""
        radius = (bottom - top) / 2
        self.line([(x, top), (x + reach - radius, top)], fill, width)
        self.line([(x, bottom), (x + reach - radius, bottom)], fill, width)
        centre = (x + reach - radius, top + radius)
        arc = [(centre[0] + radius * math.sin(a), centre[1] - radius * math.cos(a)) for a in _steps(0, math.pi)]
        self.line(arc, fill, width)

    def box(self, left: float, top: float, right: float, bottom: float, fill: str, outline: str) -> None:
        s = self._scale
        self._draw.rectangle([left * s, top * s, right * s, bottom * s], fill, outline, s)

    def disc(self, x: float, y: float, radius: float, fill: str) -> None:
        self.polygon([(x + radius * math.cos(a), y + radius * math.sin(a)) for a in _steps(0, 2 * math.pi)], fill)

    def ring(self, x: float, y: float, radius: float, fill: str, width: float) -> None:
        s = self._scale
        box = [(x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s]
        self._draw.ellipse(box, None, fill, max(1, round(width * s)))

    def polygon(self, points: Sequence[Point], fill: str) -> None:
        self._draw.polygon([(x * self._scale, y * self._scale) for x, y in points], fill)

    def glyph(self, state: str, x: float, y: float, size: float) -> None:
        """Draw a state's glyph around a point."""
        _GLYPHS.get(state, _idle)(Pen(self, x, y, size / CELL, self.hue(state)))

    def logo(self, x: float, y: float, ink: str, paper: str) -> None:
        """Draw the line that turns, 48 wide."""
        pen = Pen(self, x + 24, y + 14, 1.45, ink)
        pen.stroke([(-8, 0), (13.5, 0)], 1.6)
        arc = [(13.5 + 5 * math.sin(a), 5 - 5 * math.cos(a)) for a in _steps(0, math.pi)]
        pen.stroke([*arc, (-2, 10)], 1.6)
        pen.stroke([(0.5, 6.5), (-3.4, 10), (0.5, 13.5)], 1.6)
        for at in (-8, 2):
            pen.spot(at, 0, 2.4, ink)
            pen.spot(at, 0, 1.2, paper)
        pen.spot(12, 0, 2.9, ink)


class Pen:
    """Draws one glyph on its own grid, of which (0, 0) is the middle."""

    def __init__(self, brush: Brush, x: float, y: float, unit: float, hue: str) -> None:
        self._brush, self._x, self._y, self._unit, self._hue = brush, x, y, unit, hue

    def at(self, points: Sequence[Point]) -> list[Point]:
        return [(self._x + x * self._unit, self._y + y * self._unit) for x, y in points]

    def stroke(self, points: Sequence[Point], width: float, hue: str = "") -> None:
        self._brush.line(self.at(points), hue or self._hue, width * self._unit)

    def fill(self, points: Sequence[Point], hue: str = "") -> None:
        self._brush.polygon(self.at(points), hue or self._hue)

    def spot(self, x: float, y: float, radius: float, hue: str = "") -> None:
        (place,) = self.at([(x, y)])
        self._brush.disc(*place, radius * self._unit, hue or self._hue)

    def ring(self, radius: float, width: float) -> None:
        self._brush.ring(self._x, self._y, (radius + width / 2) * self._unit, self._hue, width * self._unit)


def _idle(pen: Pen) -> None:
    pen.ring(6, 1.5)


def _running(pen: Pen) -> None:
    pen.ring(6.2, 1.6)
    pen.fill([(-2, -3.2), (3, 0), (-2, 3.2)])


def _done(pen: Pen) -> None:
    pen.spot(0, 0, 7)
    pen.stroke([(-3.4, 0.3), (-1, 2.7), (3.5, -2.3)], 1.9, WHITE)


def _failed(pen: Pen) -> None:
    pen.fill([(-3, -7), (3, -7), (7, -3), (7, 3), (3, 7), (-3, 7), (-7, 3), (-7, -3)])
    pen.stroke([(-2.8, -2.8), (2.8, 2.8)], 1.9, WHITE)
    pen.stroke([(2.8, -2.8), (-2.8, 2.8)], 1.9, WHITE)


def _unknown(pen: Pen) -> None:
    corners = [(0.0, -7.1), (7.1, 0.0), (0.0, 7.1), (-7.1, 0.0)]
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        for part in (0.02, 0.42, 0.8):
            end = min(1.0, part + 0.26)
            pen.stroke([(ax + (bx - ax) * t, ay + (by - ay) * t) for t in (part, end)], 1.2)
    hook = [(2 * math.sin(a), -2 - 2 * math.cos(a)) for a in _steps(-math.pi / 2, math.pi * 0.7)]
    pen.stroke([*hook, (0, 1.2)], 1.6)
    pen.spot(0, 3.4, 1.05)


def _compensating(pen: Pen) -> None:
    pen.ring(6.2, 1.6)
    pen.fill([(2, -3.2), (-3, 0), (2, 3.2)])


def _compensated(pen: Pen) -> None:
    pen.spot(0, 0, 7)
    arc = [(0.8 + 2.6 * math.sin(a), 0.8 - 2.6 * math.cos(a)) for a in _steps(0, math.pi)]
    pen.stroke([(-3.4, -1.8), *arc, (-1.8, 3.4)], 1.6, WHITE)
    pen.stroke([(-0.8, -4.4), (-3.6, -1.8), (-0.8, 0.8)], 1.6, WHITE)


def _stuck(pen: Pen) -> None:
    pen.fill([(0, -7.2), (7.8, 7), (-7.8, 7)])
    pen.stroke([(0, -2.6), (0, 1.6)], 1.9, WHITE)
    pen.spot(0, 4, 1.1, WHITE)


def _pending(pen: Pen) -> None:
    arch = [(3 * math.sin(a), -3 - 3 * math.cos(a)) for a in _steps(-math.pi / 2, math.pi / 2)]
    pen.stroke([(-3, -1), *arch, (3, -1)], 1.6)
    pen.fill([(-5, -1), (5, -1), (5, 6.5), (-5, 6.5)])


def _skipped(pen: Pen) -> None:
    pen.stroke([(-4.5, 0), (4.5, 0)], 1.6)


_GLYPHS: Mapping[str, Callable[[Pen], None]] = {
    "idle": _idle,
    "running": _running,
    "done": _done,
    "failed": _failed,
    "unknown": _unknown,
    "compensating": _compensating,
    "compensated": _compensated,
    "stuck": _stuck,
    "pending": _pending,
    "skipped": _skipped,
}


def _steps(first: float, last: float, n: int = 40) -> list[float]:
    return [first + (last - first) * k / n for k in range(n + 1)]


def _ended(line: str, fits: Callable[[str], bool]) -> str:
    """Return as much of a line as fits, with an ellipsis."""
    while line and not fits(f"{line}…"):
        line = line[:-1]
    return f"{line.rstrip(' ,.')}…"
