"""Centrelines as CSV: columns ``x_m,y_m,w_tr_right_m,w_tr_left_m``, as circuits are published.

Owns: reading any of the usual dialects and writing one. Does not own: making a good track of
the points (``importing``), the curve through them (``points``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.reading import decoded, read_bytes, shown
from retroracer.track.geometry import Array

MAX_BYTES = 8_000_000
MAX_ROWS = 40_000
MIN_ROWS = 8
FAR = 100_000.0  # a circuit's points lie within this of their first [m]
WIDEST = 100.0
HEADER = "# x_m,y_m,w_tr_right_m,w_tr_left_m"

_ROLES = {
    "x": re.compile(r"x|x_?m|x_coord.*|pos_?x|easting"),
    "y": re.compile(r"y|y_?m|y_coord.*|pos_?y|northing"),
    "right": re.compile(r"(w|width|half_?width)?_?(tr_)?right(_?m)?"),
    "left": re.compile(r"(w|width|half_?width)?_?(tr_)?left(_?m)?"),
    "width": re.compile(r"w|width(_?m)?"),
}


@dataclass(frozen=True)
class CsvPoints:
    """Points of a centreline as they stand in a file.

    Attributes:
        xy: (m, 2) [m].
        right: (m,) half-width to the right of travel [m], or None if the file has no widths.
        left: (m,) likewise.
        lines: (m,) line number of each point.
    """

    xy: Array
    right: Array | None
    left: Array | None
    lines: tuple[int, ...]


def read_points(path: Path) -> CsvPoints:
    """Read a centreline.

    Commas, semicolons (then with decimal commas too) or blanks part the columns; a header
    names them in any order, with or without ``#``; without one they are x, y, right, left.
    Two columns are x, y; three are x, y, full width. Further columns are ignored.

    Raises:
        UserError: with file and line, if the numbers cannot be read or make no sense.
    """
    text = decoded(read_bytes(path, MAX_BYTES), path.name)
    if "\0" in text:
        raise UserError(f"{path.name}: holds binary data; a CSV file of points is text")
    rows: list[list[float]] = []
    lines: list[int] = []
    columns: dict[str, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare:
            continue
        if bare.startswith("#") or (not rows and _is_header(bare)):
            columns = columns or _columns(bare.lstrip("# "))
            continue
        rows.append(_numbers(bare, path.name, number, len(rows[0]) if rows else None))
        lines.append(number)
        if len(rows) > MAX_ROWS:
            raise UserError(f"{path.name}:{number}: more than {MAX_ROWS} points; keep every n-th")
    if len(rows) < MIN_ROWS:
        raise UserError(
            f"{path.name}: only {len(rows)} points; a circuit needs at least {MIN_ROWS},"
            " one a line: x_m,y_m,w_tr_right_m,w_tr_left_m"
        )
    return _arranged(np.array(rows), columns, tuple(lines), path.name)


def _fields(line: str) -> list[str]:
    if ";" in line:
        return [f.strip() for f in line.rstrip("; ").split(";")]
    if "," in line:
        return [f.strip() for f in line.rstrip(", ").split(",")]
    return line.split()


def _is_header(line: str) -> bool:
    """A line of words where numbers should be; a line that begins with a number is none."""
    words = [w.strip("\"' ") for w in _fields(line)]
    return bool(re.match(r"[A-Za-z_]", words[0])) and not re.fullmatch(
        r"(nan|inf|infinity)", words[0].lower()
    )


def _columns(header: str) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for i, word in enumerate(_fields(header)):
        plain = re.sub(r"[^a-z_]", "", re.sub(r"[\[(].*?[\])]|\s", "", word.lower()))
        for role, pattern in _ROLES.items():
            if pattern.fullmatch(plain):
                found.setdefault(role, i)
    return found if "x" in found and "y" in found else None


def _numbers(line: str, name: str, number: int, want: int | None) -> list[float]:
    fields = _fields(line)
    if want is not None and len(fields) != want:
        raise UserError(f"{name}:{number}: {len(fields)} columns where the lines above have {want}")
    if len(fields) < 2:
        raise UserError(f"{name}:{number}: one column; a point needs x and y (x_m,y_m,...)")
    out = []
    for i, field in enumerate(fields[:16]):
        try:
            value = float(field.replace(",", ".") if ";" in line else field)
        except ValueError:
            raise UserError(
                f"{name}:{number}: '{shown(field, 30)}' in column {i + 1} is not a number"
            ) from None
        if not math.isfinite(value):
            raise UserError(f"{name}:{number}: column {i + 1} is {value}; write a finite number")
        out.append(value)
    return out


def _arranged(
    data: Array, columns: dict[str, int] | None, lines: tuple[int, ...], name: str
) -> CsvPoints:
    """Take the columns apart and check their ranges."""
    count = data.shape[1]
    if columns is None:
        columns = {2: {"x": 0, "y": 1}, 3: {"x": 0, "y": 1, "width": 2}}.get(
            count, {"x": 0, "y": 1, "right": 2, "left": 3}
        )
    if max(columns.values()) >= count:
        raise UserError(
            f"{name}:{lines[0]}: the header names more columns than the {count} that follow"
        )
    xy = data[:, [columns["x"], columns["y"]]]
    off = np.flatnonzero(np.abs(xy - xy[0]).max(axis=1) > FAR)
    if len(off):
        raise UserError(
            f"{name}:{lines[off[0]]}: this point lies over {FAR / 1000:g} km from the first;"
            " columns must be metres (x_m,y_m), not degrees or millimetres"
        )
    right = left = None
    if "right" in columns and "left" in columns:
        right, left = data[:, columns["right"]], data[:, columns["left"]]
    elif "width" in columns:
        right = left = data[:, columns["width"]] / 2.0
    for side, values in (("right", right), ("left", left)):
        if values is None:
            continue
        bad = np.flatnonzero((values <= 0.0) | (values > WIDEST))
        if len(bad):
            i = int(bad[0])
            raise UserError(
                f"{name}:{lines[i]}: width {values[i]:g} m to the {side};"
                f" widths are measured from the centreline and lie above 0, up to {WIDEST:g}"
            )
    return CsvPoints(xy, right, left, lines)


def write_points(path: Path, xy: Array, right: Array, left: Array) -> None:
    """Write a centreline, to the millimetre.

    Args:
        path: the file, replaced whole or not at all.
        xy: (m, 2) [m].
        right: (m,) half-width to the right of travel [m].
        left: (m,) half-width to the left [m].

    Raises:
        UserError: if it cannot be written.
    """
    write_text(path, points_text(xy, right, left))


def points_text(xy: Array, right: Array, left: Array) -> str:
    """What ``write_points`` writes."""
    rows = np.column_stack([xy, right, left])
    body = "\n".join(",".join(f"{v:.3f}" for v in row) for row in rows.tolist())
    return f"{HEADER}\n{body}\n"
