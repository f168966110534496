"""What every page knows: the chapters that exist, which of them is open, and which comes next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from django.http import HttpRequest


class Chapter(TypedDict):
    """`short` is for the navigation; `figure` is drawn by parts/_fig.html."""

    number: str
    name: str
    short: str
    url: str
    about: str
    figure: str


CHAPTERS: Sequence[Chapter] = (
    {
        "number": "0",
        "name": "Five commits, no undo",
        "short": "Five commits",
        "url": "/acts/0/",
        "about": "Four calls in, the order breaks. The customer has paid and nothing will ship.",
        "figure": "stop",
    },
    {
        "number": "1",
        "name": "Who is watching?",
        "short": "Who is watching?",
        "url": "/acts/1/",
        "about": "Lose one message in two designs. One of them notices.",
        "figure": "hub",
    },
    {
        "number": "2",
        "name": "The way back",
        "short": "The way back",
        "url": "/acts/2/",
        "about": "Break any step and the saga undoes the ones before it. Then break an undo.",
        "figure": "turn",
    },
    {
        "number": "3",
        "name": "Asking twice",
        "short": "Asking twice",
        "url": "/acts/3/",
        "about": "The reply is lost. Ask again, with a key and without one.",
        "figure": "same",
    },
    {
        "number": "4",
        "name": "One lamp, two buyers",
        "short": "One lamp",
        "url": "/acts/4/",
        "about": "Two sagas read the same shelf at the same time.",
        "figure": "mark",
    },
    {
        "number": "",
        "name": "Five rules that travel",
        "short": "Rules",
        "url": "/takeaways/",
        "about": "Each with a run that keeps it and a run that breaks it.",
        "figure": "rules",
    },
    {
        "number": "",
        "name": "The lab",
        "short": "Lab",
        "url": "/lab/",
        "about": "Set your own faults, run up to eight orders at once, share the link.",
        "figure": "waffle",
    },
)


def chapters(request: HttpRequest) -> dict[str, Any]:
    """Return `chapters` for the navigation, and `next`: the chapter after the open one, or None."""
    here = [chapter["url"] == request.path for chapter in CHAPTERS]
    following = CHAPTERS[here.index(True) + 1 :] if any(here) else ()
    return {
        "chapters": [{**chapter, "here": open_} for chapter, open_ in zip(CHAPTERS, here, strict=True)],
        "next": following[0] if following else None,
    }
