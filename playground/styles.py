"""Style sheets on their way out: several small files as one, without what only their writers need.

The files stay as they are; what is joined here follows them at once, and its address changes with it.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.contrib.staticfiles import finders
from django.templatetags.static import static

VERSION_LENGTH = 12

_NAME = re.compile(r"[a-z0-9]+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACE = re.compile(r"\s+")
_AROUND = re.compile(r"\s?([{};])\s?")
_OUT = re.compile(r'url\("\.\./([^"]+)"\)')


@dataclass(frozen=True, slots=True)
class Sheet:
    """One style sheet, plain and as gzip sends it; `version` is its content's hash."""

    text: bytes
    packed: bytes
    version: str


def joined(names: Sequence[str]) -> Sheet:
    """Return the sheets of these names, in this order, as one. Raises LookupError for a name that has no file."""
    files = [_file(name) for name in names]
    return _join(tuple((str(file), file.stat().st_mtime_ns) for file in files))


def _file(name: str) -> Path:
    found = finders.find(f"css/{name}.css") if _NAME.fullmatch(name) else None
    if not isinstance(found, str):
        raise LookupError(f"no style sheet is named {name!r}")
    return Path(found)


@lru_cache(maxsize=64)
def _join(files: tuple[tuple[str, int], ...]) -> Sheet:
    text = "\n".join(_squeezed(Path(file).read_text(encoding="utf-8")) for file, _ in files).encode()
    version = hashlib.sha256(text).hexdigest()[:VERSION_LENGTH]
    return Sheet(text, gzip.compress(text, mtime=0), version)


def _squeezed(text: str) -> str:
    """Return a sheet without comments and with as little space as its meaning needs."""
    bare = _AROUND.sub(r"\1", _SPACE.sub(" ", _COMMENT.sub("", text))).strip()
    return _OUT.sub(lambda found: f'url("{static(found[1])}")', bare)
