"""What every page knows: the chapters that exist, and which of them is open."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

CHAPTERS = (("2", "The way back", "/acts/2/"),)


def chapters(request: HttpRequest) -> dict[str, Any]:
    """Return `chapters` for the navigation."""
    return {
        "chapters": [
            {"number": number, "name": name, "url": url, "here": request.path == url} for number, name, url in CHAPTERS
        ]
    }
