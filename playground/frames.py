"""The frame in which a run or a scenario stands in another page: how large it is, and its HTML."""

from __future__ import annotations

from django.utils.html import format_html

WIDTH, WIDE = 960, 960  # pixels; from WIDE on the steps stand side by side
HEIGHT, TALL = 520, 690  # pixels, wide and narrow


def size(most_width: int = 0, most_height: int = 0) -> tuple[int, int]:
    """Return width and height, no larger than they may be; 0 is no limit."""
    width = min(WIDTH, most_width or WIDTH)
    height = HEIGHT if width >= WIDE else TALL
    return width, min(height, most_height or height)


def snippet(address: str, title: str, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Return the `<iframe>` to put into a page."""
    return format_html(
        '<iframe src="{}" title="{}" width="{}" height="{}" loading="lazy" style="border:0;max-width:100%"></iframe>',
        address,
        title,
        width,
        height,
    )
