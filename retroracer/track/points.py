"""A centreline through points: one closed, periodic, smooth curve.

Owns the ``points`` and ``points_file`` forms of a layout. ``csv_io`` reads CSV files, ``build``
samples. scipy is imported on first use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retroracer.config.place import Loc
from retroracer.track.centreline import MAX_LENGTH, MIN_LENGTH, Centreline, Span, bad_length
from retroracer.track.geometry import GL_W, GL_X, Array, arc_length
from retroracer.track.problems import Report

_CELL = 0.5  # step of the arc-length table [m]
MIN_APART = 0.05
"""Least distance of two points [m]; closer ones give no direction."""
SHARPEST_KINK = np.radians(150.0)


@dataclass(frozen=True)
class Knots:
    """Points of a closed centreline with the road's edges beside them.

    Attributes:
        xy: (m, 2) [m], in driving order; the last is joined to the first.
        left: (m,) half-width to the left [m].
        right: (m,) half-width to the right [m].
        names: (m,) name of the stretch that starts at each point, or "".
        locs: (m,) location of each point in the page.
    """

    xy: Array
    left: Array
    right: Array
    names: Sequence[str]
    locs: Sequence[Loc]


class SmoothLoop:
    """A periodic cubic spline through points, by arc length.

    Attributes:
        length: of the lap [m].
        stations: (m,) arc length at each point [m], the first 0.
    """

    def __init__(self, xy: Array) -> None:
        from scipy.interpolate import CubicSpline

        u = arc_length(xy)
        self._curve = CubicSpline(u, np.vstack([xy, xy[:1]]), bc_type="periodic")
        self._rate = self._curve.derivative()
        cells = np.maximum(4, np.ceil(np.diff(u) / _CELL)).astype(int)
        # Parameters of all cells' subdivisions at once: the cell, and the step within it.
        cell = np.repeat(np.arange(len(cells)), cells)
        step = np.arange(1, len(cell) + 1) - np.repeat(np.cumsum(cells) - cells, cells)
        self._u = np.append(u[0], u[cell] + np.diff(u)[cell] * step / cells[cell])
        h = np.diff(self._u)
        d = self._rate((self._u[:-1, None] + h[:, None] * GL_X).ravel())
        speed = np.hypot(d[:, 0], d[:, 1]).reshape(-1, 3)
        self._s = np.concatenate([[0.0], np.cumsum(speed @ GL_W * h)])
        self.length = float(self._s[-1])
        self.stations = self._s[np.concatenate([[0], np.cumsum(cells)[:-1]])]

    def pose(self, s: Array) -> tuple[Array, Array]:
        """Positions (N, 2) [m] and unwrapped headings (N,) [rad] at increasing stations."""
        u = np.interp(s, self._s, self._u)
        d = self._rate(u)
        return np.asarray(self._curve(u)), np.unwrap(np.arctan2(d[:, 1], d[:, 0]))


def lay_points(knots: Knots, report: Report, *, closest: float = MIN_APART) -> Centreline:
    """Draw a closed smooth curve through points, no two of them closer than ``closest`` [m].

    Raises:
        UserError: with the errors T04 or T23 that ``report`` receives.
    """
    _check_points(knots, report, closest)
    loop = SmoothLoop(knots.xy)
    if loop.length > MAX_LENGTH:
        report.refuse("T04", ("layout",), bad_length(loop.length))
    stations, length = loop.stations, loop.length

    def half_widths(s: Array) -> tuple[Array, Array]:
        return (
            np.interp(s, stations, knots.left, period=length),
            np.interp(s, stations, knots.right, period=length),
        )

    ends = np.append(stations[1:], length)
    spans = tuple(
        Span(float(a), float(b), loc, name)
        for a, b, loc, name in zip(stations, ends, knots.locs, knots.names, strict=True)
    )
    return Centreline(length, loop.pose, half_widths, spans)


def _check_points(knots: Knots, report: Report, closest: float) -> None:
    xy = knots.xy
    chord = np.roll(xy, -1, axis=0) - xy
    size = np.hypot(chord[:, 0], chord[:, 1])
    total = float(size.sum())
    if not MIN_LENGTH <= total <= MAX_LENGTH:
        report.refuse("T04", ("layout",), bad_length(total))
    n = len(xy)
    near = np.flatnonzero(size < closest)
    for i in near[:5].tolist():
        if i == n - 1:
            text = f"the last point repeats the first ({size[i]:.1f} m apart); remove it"
        else:
            text = f"points {i + 1} and {i + 2} are {size[i]:.1f} m apart; remove one"
        report.add("T23", knots.locs[i if i == n - 1 else i + 1], text)
    report.raise_errors()
    cross = np.roll(chord, 1, axis=0)
    turn = np.abs(
        np.arctan2(
            cross[:, 0] * chord[:, 1] - cross[:, 1] * chord[:, 0],
            np.einsum("ij,ij->i", cross, chord),
        )
    )
    for i in np.flatnonzero(turn > SHARPEST_KINK)[:5].tolist():
        report.add(
            "T23",
            knots.locs[i],
            f"the line turns back on itself at point {i + 1} ({np.degrees(turn[i]):.0f} deg);"
            " are the points in driving order? Move it, or add points round the bend",
        )
    report.raise_errors()
