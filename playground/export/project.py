"""A project to take away: several files in one, which is a zip. Pure.

The same files give the same bytes, so that two exports of one run can be compared.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

BEGINNING = (1980, 1, 1, 0, 0, 0)  # of time, for a zip
READABLE = 0o644
UNIX = 3


@dataclass(frozen=True, slots=True)
class Project:
    """A folder `name` and its text files by their paths in it."""

    name: str
    files: Mapping[str, str]

    def zip(self) -> bytes:
        """Return the folder as a zip: UTF-8, files in the order of their paths, all of one date."""
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted(self.files):
                one = zipfile.ZipInfo(f"{self.name}/{path}", BEGINNING)
                one.compress_type, one.create_system = zipfile.ZIP_DEFLATED, UNIX
                one.external_attr = READABLE << 16
                archive.writestr(one, self.files[path].encode())
        return held.getvalue()
