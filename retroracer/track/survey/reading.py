"""Reads a circuit from a CSV, GeoJSON or GPX file; ``importing`` mends it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from retroracer.errors import UserError
from retroracer.reading import read_bytes, shown
from retroracer.track.csv_io import points_of
from retroracer.track.survey.arranging import projected
from retroracer.track.survey.geojson import read_geojson
from retroracer.track.survey.gpx import read_gpx
from retroracer.track.survey.lines import Line, choose
from retroracer.track.survey.surveyed import MAX_POINTS, Places, Surveyed, check_count

MAX_BYTES = 24_000_000
"""Largest GPX file [bytes]; CSV and GeoJSON files are read up to a third of it."""
_MAX_TEXT = 8_000_000
_OTHERS = {
    b"PK\x03\x04": "a spreadsheet or an archive; save the sheet as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save the sheet as CSV",
    b"%PDF": "a PDF; points are needed as CSV, GeoJSON or GPX",
    b"\x1f\x8b": "compressed; unpack it first",
    b"schema:": "a track page; it needs no import",
}


def read_survey(path: Path, which: str | None = None) -> Surveyed:
    """Read a CSV, GeoJSON or GPX file; the format is told from its content, not from its name.

    ``which`` is the name or number of the line, where a GeoJSON or GPX file holds several.

    Raises:
        UserError: with file and line, if it cannot be read or understood.
    """
    data, file = read_bytes(path, MAX_BYTES), path.name
    for start, what in _OTHERS.items():
        if data.startswith(start):
            raise UserError(f"{file} is {what}")
    first = data[:400].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")[:1]
    if first != b"<" and len(data) > _MAX_TEXT:
        raise UserError(
            f"{file} is {len(data) / 1e6:.1f} MB; at most {_MAX_TEXT / 1e6:g} MB are read"
        )
    if first in (b"{", b"["):
        return _of_line(read_geojson(data, file), which, file, "point", recorded=False)
    if first == b"<":
        return _of_line(read_gpx(data, file), which, file, "line", recorded=True)
    if which is not None:
        raise UserError(f"--line {shown(which, 40)}: {file} is a CSV file and holds one line")
    return points_of(data, file)


def _of_line(
    lines: list[Line], which: str | None, file: str, word: str, *, recorded: bool
) -> Surveyed:
    line, understood = choose(lines, which, file, join=not recorded)
    count = len(line.lonlat)
    check_count(count, file)
    if count > MAX_POINTS:
        raise UserError(f"{file}: more than {MAX_POINTS} points; keep every n-th")
    where = Places(file, line.numbers, word)
    plane, projection = projected({"middle": line.lonlat}, where)
    told = (f"'{shown(line.name, 40)}': {count} points", *understood, projection)
    points = Surveyed(plane["middle"], None, None, where, told, recorded=recorded, on_earth=True)
    return _spaced(points) if recorded else points


def _spaced(points: Surveyed, least: float = 1.0) -> Surveyed:
    """The points at least ``least`` [m] from the one kept before: a receiver may stand still."""
    keep, last = [0], points.xy[0]
    for i, p in enumerate(points.xy.tolist()):
        if (p[0] - last[0]) ** 2 + (p[1] - last[1]) ** 2 >= least * least:
            keep.append(i)
            last = np.array(p)
    if len(keep) == len(points.xy):
        return points
    gone = len(points.xy) - len(keep)
    out = points.only(np.array(keep))
    understood = f"{gone} points less than {least:g} m from the one before were left out"
    return replace(out, understood=(*points.understood, understood))
