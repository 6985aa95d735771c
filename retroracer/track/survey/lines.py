"""Chooses one line of those in a GeoJSON or GPX file, and joins the pieces of a lap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retroracer.errors import UserError
from retroracer.reading import shown
from retroracer.track.geometry import Array
from retroracer.track.survey.lonlat import middle_of, to_plane

TOUCHING = 2.0
"""Pieces whose ends are this close [m] are one line."""
MOST_LINES = 2000
_SAME = 2e-7  # [deg], about two centimetres: ends this close are one point


@dataclass(frozen=True)
class Line:
    """One line of a file.

    Attributes:
        name: its name in the file, or its kind.
        lonlat: (m, 2) longitude, latitude [deg].
        numbers: (m,) line number of each point in the file, or 1, 2, 3, ...
        group: name that it shares with other pieces of one feature.
    """

    name: str
    lonlat: Array
    numbers: tuple[int, ...]
    group: str = ""


def choose(
    lines: list[Line], which: str | None, file: str, *, join: bool = True
) -> tuple[Line, list[str]]:
    """Choose a line by name or number; without one, the only lap of the file.

    Args:
        lines: all lines of the file.
        which: a name, a number counted from 1, or None.
        file: its name.
        join: whether pieces that meet at their ends may be one line.

    Returns:
        The line, and what was chosen and joined, in sentences for the user.

    Raises:
        UserError: listing the lines, if it is not clear which.
    """
    if not lines:
        raise UserError(f"{file}: holds no line of longitude and latitude")
    if len(lines) > MOST_LINES:
        raise UserError(f"{file}: {len(lines)} lines; at most {MOST_LINES} are read")
    _check_earth(lines, file)
    understood: list[str] = []
    if join:
        lines = _grouped(lines, understood)
    if which is not None:
        return _named(lines, which, file), understood
    if len(lines) == 1:
        return lines[0], understood
    plane = _on_plane(lines)
    closed = [k for k, xy in enumerate(plane) if _length(xy) > 100.0 and _returns(xy)]
    if len(closed) == 1:
        line = lines[closed[0]]
        understood.append(f"of {len(lines)} lines only {_called(line)} is a lap; it was taken")
        return line, understood
    if not closed and join and (whole := _whole(lines, understood)):
        return whole, understood
    what = "several of its lines are laps" if closed else "none of its lines is a whole lap"
    raise UserError(f"{file}: {what}; choose one with --line NAME or NUMBER: {_list(lines, plane)}")


def _grouped(lines: list[Line], understood: list[str]) -> list[Line]:
    """The lines, with pieces of one feature that form a lap joined into one line."""
    groups: dict[str, list[Line]] = {}
    for k, line in enumerate(lines):
        groups.setdefault(line.group or f"\0{k}", []).append(line)
    out = []
    for name, pieces in groups.items():
        whole = _whole(pieces, understood) if len(pieces) > 1 else None
        out += [Line(name, whole.lonlat, whole.numbers)] if whole else pieces
    return out


def _whole(pieces: list[Line], understood: list[str]) -> Line | None:
    """Pieces joined at their ends; None if they do not make a lap."""
    order = _joined(_on_plane(pieces))
    if order is None:
        return None
    parts: list[tuple[Array, tuple[int, ...]]] = []
    for k, way in order:
        lonlat, numbers = pieces[k].lonlat[::way], pieces[k].numbers[::way]
        # Pieces that meet share a point.
        shared = bool(parts) and np.abs(lonlat[0] - parts[-1][0][-1]).max() < _SAME
        parts.append((lonlat[1:], numbers[1:]) if shared else (lonlat, numbers))
    turned = sum(way < 0 for _, way in order)
    note = f" ({turned} turned round; the first gives the direction)" if turned else ""
    understood.append(f"{len(pieces)} pieces that meet at their ends were joined{note}")
    every = tuple(n for _, part in parts for n in part)
    return Line(pieces[0].name, np.concatenate([part for part, _ in parts]), every)


def _named(lines: list[Line], which: str, file: str) -> Line:
    same = [line for line in lines if line.name.casefold() == which.strip().casefold()]
    if len(same) == 1:
        return same[0]
    if which.isascii() and which.isdigit() and len(which) < 6 and 0 < int(which) <= len(lines):
        return lines[int(which) - 1]
    why = f"{len(same)} lines are called" if same else "no line is called"
    listed = _list(lines, _on_plane(lines))
    raise UserError(f"{file}: {why} '{shown(which, 40)}'; choose a number: {listed}")


def _list(lines: list[Line], plane: list[Array]) -> str:
    entries = [
        f"{k} {_called(line)} ({_length(xy):.0f} m)"
        for k, (line, xy) in enumerate(zip(lines[:12], plane, strict=False), 1)
    ]
    return ", ".join(entries) + (f" and {len(lines) - 12} more" if len(lines) > 12 else "")


def _called(line: Line) -> str:
    return f"'{shown(line.name, 40)}'"


def _check_earth(lines: list[Line], file: str) -> None:
    for line in lines:
        ok = (np.abs(line.lonlat[:, 0]) <= 360.0) & (np.abs(line.lonlat[:, 1]) <= 90.0)
        if not ok.all():
            i = int(np.flatnonzero(~ok)[0])
            lon, lat = line.lonlat[i].tolist()
            raise UserError(
                f"{file}: point {i + 1} of {_called(line)}: longitude {lon:g}, latitude {lat:g}"
                " is not on Earth; degrees are needed, longitude first"
            )


def _on_plane(lines: list[Line]) -> list[Array]:
    """Each line in metres, about the middle of the first line."""
    middle = middle_of(lines[0].lonlat)
    return [to_plane(line.lonlat, middle) for line in lines]


def _length(xy: Array) -> float:
    return float(np.hypot(*np.diff(xy, axis=0).T).sum())


def _returns(xy: Array) -> bool:
    """Whether a line comes back to where it began."""
    away = np.hypot(*(xy - xy[0]).T)
    step = np.hypot(*np.diff(xy, axis=0).T)
    reach = max(20.0, 3.0 * float(np.median(step)))
    far = int(away.argmax())
    return bool(away[far] > 2.0 * reach and (away[far:] < reach).any())


def _joined(plane: list[Array]) -> list[tuple[int, int]] | None:
    """Order and direction (1 or -1) of pieces that form one closed line; None if they do not.

    The first piece keeps its direction; others may be reversed.
    """
    if len(plane) > 500:
        return None
    left, order = set(range(1, len(plane))), [(0, 1)]
    end = plane[0][-1]
    while left:
        ends = [(np.hypot(*(plane[k][::way][0] - end)), k, way) for k in left for way in (1, -1)]
        gap, k, way = min(ends, key=lambda e: (float(e[0]) > TOUCHING, e[2] < 0, float(e[0])))
        if gap > TOUCHING:
            return None
        left.discard(k)
        order.append((k, way))
        end = plane[k][::way][-1]
    return order if np.hypot(*(plane[0][0] - end)) <= TOUCHING else None
