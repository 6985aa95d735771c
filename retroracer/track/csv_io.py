"""Centrelines as CSV: columns ``x_m,y_m,w_tr_right_m,w_tr_left_m``, as circuits are published.

Owns reading a file of points in any of the usual dialects, and writing one. ``survey.table`` reads
dialects, ``survey.columns`` understands the names of columns, ``importing`` makes a valid track.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.reading import read_bytes
from retroracer.track.geometry import Array
from retroracer.track.survey.arranging import arranged
from retroracer.track.survey.columns import by_name, by_position
from retroracer.track.survey.surveyed import Places, Surveyed, check_count
from retroracer.track.survey.table import Table, read_table

MAX_BYTES = 8_000_000
HEADER = "# x_m,y_m,w_tr_right_m,w_tr_left_m"


def read_points(path: Path) -> Surveyed:
    """Read a centreline.

    Columns are separated by tabs, semicolons, bars, commas or blanks. Names above them (with or
    without ``#``) say what they hold, in any order. Without names, four columns are x, y, right,
    left; two are x, y; three are x, y, full width.

    Raises:
        UserError: with file and line, if the numbers cannot be read, the names are not
            understood, or a number makes no sense in metres.
    """
    return points_of(read_bytes(path, MAX_BYTES), path.name).checked()


def points_of(data: bytes, file: str) -> Surveyed:
    """Points from the bytes of a CSV file of this name; their size is not checked yet.

    Raises:
        UserError: with file and line.
    """
    table = read_table(data, file)
    check_count(len(table.rows), file)
    at = f"{file}:{table.names_line}"
    columns = by_name(table.names, at) if table.names else by_position(len(table.rows[0]))
    edges = [k for pair in columns.edges.values() for k in pair]
    used = [*columns.roles.values(), *edges]
    values = table.values(used)
    values *= [columns.factors.get(k, 1.0) for k in used]
    places = [k for role, k in columns.roles.items() if role in ("x", "y", "lon", "lat")] or edges
    blank = np.asarray(np.isnan(values[:, [used.index(k) for k in places]]).all(axis=1))
    understood = [columns.understood, *table.understood]
    if blank.any():
        line = table.lines[int(np.flatnonzero(blank)[0])]
        understood.append(f"{int(blank.sum())} rows without a position were left out (line {line})")
    _check_whole(table, used, values, blank)
    rows = dict(zip(used, values[~blank].T, strict=True))
    numbers = tuple(n for n, b in zip(table.lines, blank.tolist(), strict=True) if not b)
    check_count(len(numbers), file)
    found = arranged(rows, columns, Places(file, numbers))
    return replace(found, understood=(*understood, *found.understood), unknown=columns.unknown)


def write_points(path: Path, xy: Array, right: Array, left: Array, decimals: int = 3) -> None:
    """Write a centreline (m, 2) and half-widths (m,) right and left of travel, all in m.

    The file is replaced atomically; numbers have at least three decimals, at most ``decimals``.

    Raises:
        UserError: if it cannot be written.
    """
    write_text(path, points_text(xy, right, left, decimals))


def points_text(xy: Array, right: Array, left: Array, decimals: int = 3) -> str:
    """The text that ``write_points`` writes."""
    rows = np.column_stack([xy, right, left])
    body = "\n".join(",".join(_written(v, decimals) for v in row) for row in rows.tolist())
    return f"{HEADER}\n{body}\n"


def _written(value: float, decimals: int) -> str:
    whole, _, part = f"{value:.{decimals}f}".partition(".")
    return f"{whole}.{part[:3]}{part[3:].rstrip('0')}"


def _check_whole(
    table: Table, used: list[int], values: Array, blank: npt.NDArray[np.bool_]
) -> None:
    """Refuse the first row that has only some of its numbers."""
    holes = np.argwhere(np.isnan(values) & ~blank[:, None])
    if len(holes):
        row, k = holes[0].tolist()
        raise UserError(
            f"{table.file}:{table.lines[row]}: column {used[k] + 1} is"
            f" {table.rows[row][used[k]].lower() or 'empty'}; write a finite number"
        )
