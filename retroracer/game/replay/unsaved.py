"""Laps that could not be written into the records, left in a small file beside them.

Owns that file's form. The next game to start takes the laps in; a file that cannot be read is
moved aside and told.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.game.replay.new_file import set_aside
from retroracer.game.replay.records_row import Row, row_of, values_of
from retroracer.game.replay.tape import MOST_PACKED
from retroracer.reading import read_bytes

VERSION = 1

START = "records.unsaved-"
MOST_BYTES = 64_000_000


def name_for_this_game() -> str:
    """A name that no other game's file has."""
    return f"{START}{os.getpid()}-{os.urandom(3).hex()}.json"


def leave(path: Path, rows: Sequence[Row]) -> None:
    """Write laps down.

    Raises:
        UserError, OSError: if that cannot be done.
    """
    laps = [
        {
            "lap": values_of(row),
            "tape": None if row.tape is None else base64.b64encode(row.tape).decode(),
        }
        for row in rows
    ]
    write_text(path, json.dumps({"version": VERSION, "laps": laps}))


def take(folder: Path) -> tuple[list[Row], list[Path], list[str]]:
    """Laps that were left in a folder.

    Returns:
        The laps; the files they were in, to be removed once the laps are in the records; and
        what is to be told of files that cannot be read.
    """
    rows: list[Row] = []
    files: list[Path] = []
    told: list[str] = []
    try:
        found = sorted(folder.glob(f"{START}*.json"))
    except OSError:
        return rows, files, told
    for path in found:
        try:
            there, bad = _read(read_bytes(path, MOST_BYTES))
        except (UserError, ValueError, TypeError, KeyError, RecursionError, MemoryError):
            if not path.exists():
                continue  # another game took it in just now
            told.append(f"{path.name} cannot be read: {_aside(path)}")
            continue
        rows += there
        if bad:
            told.append(f"{bad} laps of {path.name} are damaged: {_aside(path)}")
        else:
            files.append(path)
    return rows, files, told


def _aside(path: Path) -> str:
    try:
        return f"set aside as {set_aside(path, '.aside').name}"
    except OSError:
        return "left as it is"


def _read(raw: bytes) -> tuple[list[Row], int]:
    page: dict[str, Any] = json.loads(raw)
    if page["version"] != VERSION or not isinstance(page["laps"], list):
        raise ValueError("another version")
    rows: list[Row] = []
    bad = 0
    for lap in page["laps"]:
        try:
            tape = lap["tape"]
            packed = None if tape is None else base64.b64decode(tape, validate=True)
            if packed is not None and len(packed) > MOST_PACKED:
                raise ValueError("a tape that is too long")
            rows.append(row_of(0, lap["lap"], packed, packed is not None))
        except (ValueError, TypeError, KeyError, binascii.Error):
            bad += 1
    return rows, bad
