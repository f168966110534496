"""`saga export`: a run as a file, from the terminal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management import CommandError
from django.core.management.base import OutputWrapper

from playground import export
from sagas.errors import DefinitionUnknown, RunUnknown
from sagas.management.ready import prepare_databases


def add_arguments(commands: Any) -> None:
    """Add the command to the others."""
    command: argparse.ArgumentParser = commands.add_parser("export", help="a run as a file")
    command.add_argument("run", help="the id of the run")
    command.add_argument("--format", required=True, choices=tuple(export.FORMATS))
    command.add_argument("--output", metavar="FILE", help="where to write it (default: standard output)")


def handle(out: OutputWrapper, *, run: str, format: str, output: str | None, **options: Any) -> None:
    """Write the file. Raises CommandError, in one line, where there is none to write."""
    prepare_databases()
    try:
        file = export.export(run, format)
    except RunUnknown:
        raise CommandError(f"there is no run {run!r} in this SAGA_DATA") from None
    except (export.ExportRefused, DefinitionUnknown) as error:
        raise CommandError(str(error)) from None
    if output is None:
        if isinstance(file.text, bytes):
            raise CommandError(f"{format} is no text: name a file with --output")
        out.write(file.text, ending="")
        return
    try:
        Path(output).write_bytes(file.text.encode() if isinstance(file.text, str) else file.text)
    except OSError as error:
        raise CommandError(f"--output {output}: {error.strerror}") from None
