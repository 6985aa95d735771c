"""World positions to track coordinates, by a local walk from the last station.

The whole track is never searched, so a car keeps its station on a track that crosses itself and
cannot gain progress by jumping. It is the inverse of ``Track.pose_at``: between two samples the
centreline is their chord and the normal turns linearly, so the mapping has no gaps.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from retroracer.compiled import compiled
from retroracer.track.bank import LEFT, RIGHT, TX, TY, X, Y, pack
from retroracer.track.geometry import Array
from retroracer.track.track import Track

MOST_CELLS = 8
"""Most cells that a point is followed per call; at 110 m/s a car crosses one in two steps."""


@compiled(inline=True)
def foot(
    qx: float, qy: float, dx: float, dy: float, tx: float, ty: float, ux: float, uy: float
) -> float:
    """Fraction f of a cell at which the normal of the centreline passes through a point.

    Solves (q - f d) . (t + f u) = 0, a quadratic in f, where q is the point relative to the cell's
    first sample [m], d the way from there to the next sample [m], t the unit tangent at the first
    sample and u its change to the next. Not clamped: below 0 or above 1 means a neighbouring cell.
    Beyond the centre of curvature, where normals of the cell cross before they reach the point, a
    linear estimate keeps the walk stable.
    """
    step = dx * tx + dy * ty
    c0 = qx * tx + qy * ty
    c1 = step - (qx * ux + qy * uy)
    c2 = dx * ux + dy * uy
    root = c1 * c1 + 4.0 * c2 * c0
    near = 2.0 * c0 / (c1 + math.sqrt(max(root, 0.0)))
    return near if c1 > 0.1 * step and root > 0.0 else c0 / (0.1 * step)


@compiled(inline=True)
def offset_at(
    qx: float, qy: float, dx: float, dy: float, tx: float, ty: float, ux: float, uy: float, f: float
) -> float:
    """Lateral offset [m] of a point at fraction ``f`` of a cell; other arguments as ``foot``."""
    nx = tx + f * ux
    ny = ty + f * uy
    return (nx * (qy - f * dy) - ny * (qx - f * dx)) / math.sqrt(nx * nx + ny * ny)


@compiled(inline=True)
def foot_in_cell(main: Array, row: int, px: float, py: float) -> Any:
    """``foot`` of a world position in the cell that begins with a row."""
    tx = main[row, TX]
    ty = main[row, TY]
    return foot(
        px - main[row, X],
        py - main[row, Y],
        main[row + 1, X] - main[row, X],
        main[row + 1, Y] - main[row, Y],
        tx,
        ty,
        main[row + 1, TX] - tx,
        main[row + 1, TY] - ty,
    )


@compiled(inline=True)
def offset_in_cell(main: Array, row: int, px: float, py: float, f: float) -> Any:
    """``offset_at`` of a world position in the cell that begins with a row."""
    tx = main[row, TX]
    ty = main[row, TY]
    return offset_at(
        px - main[row, X],
        py - main[row, Y],
        main[row + 1, X] - main[row, X],
        main[row + 1, Y] - main[row, Y],
        tx,
        ty,
        main[row + 1, TX] - tx,
        main[row + 1, TY] - ty,
        f,
    )


@compiled()
def walk(main: Array, first: int, n: int, cell: int, f: float, px: float, py: float) -> float:
    """Follow the foot of a point along the track, from a cell where it is known.

    Args:
        main: a bank's samples.
        first: the track's first row.
        n: its number of samples.
        cell: the cell to start from, in 0..n-1.
        f: position of the foot as a fraction of that cell (``foot``).
        px: x of the point [m].
        py: y of the point [m].

    Returns:
        Distance of the foot from the beginning of that cell, in cells.
    """
    moved = 0  # whole cells walked
    for _ in range(MOST_CELLS):
        if f > 1.0:
            moved += 1
        elif f < 0.0:
            moved -= 1
        else:
            break
        row = cell + moved
        if row >= n:
            row -= n
        elif row < 0:
            row += n
        f = foot_in_cell(main, first + row, px, py)
    return moved + min(max(f, 0.0), 1.0)


@compiled()
def _locate_many(main: Array, n: int, spacing: float, xy: Array, u: Array) -> tuple[Array, Array]:
    out_s = np.empty(len(xy))
    out_e = np.empty(len(xy))
    for k in range(len(xy)):
        px = xy[k, 0]
        py = xy[k, 1]
        cell = int(u[k])
        v = (cell + walk(main, 0, n, cell, foot_in_cell(main, cell, px, py), px, py)) % n
        row = min(int(v), n - 1)
        out_s[k] = v * spacing
        out_e[k] = offset_in_cell(main, row, px, py, v - row)
    return out_s, out_e


def project(track: Track, xy: Array, s_guess: Array | None = None) -> tuple[Array, Array]:
    """Express world positions in track coordinates.

    Args:
        track: the track.
        xy: (N, 2) world positions [m].
        s_guess: (N,) stations [m] within about 8 m of the result; None starts from the nearest
            sample of the whole track, which is only for setting up, not while driving.

    Returns:
        s (N,) [m] in [0, length), lateral_offset (N,) [m], positive left of travel.

    Raises:
        ValueError: if xy is not (N, 2) or lengths differ.

    Accuracy: inverse of ``Track.pose_at`` to about 1e-9 m where |offset * curvature| < 0.8;
    at the centre of curvature the foot is ambiguous.
    """
    xy = np.ascontiguousarray(xy, dtype=float)
    if xy.ndim != 2 or xy.shape[1] != 2:
        raise ValueError(f"xy must be (N, 2), not {xy.shape}")
    if s_guess is None:
        s_guess = np.array([np.argmin(((track.xy - p) ** 2).sum(axis=1)) for p in xy], float)
        s_guess = s_guess * track.spacing
    s_guess = np.asarray(s_guess, float)
    if s_guess.shape != (len(xy),):
        raise ValueError(f"s_guess must be ({len(xy)},), not {s_guess.shape}")
    u = np.mod(s_guess, track.length) / track.spacing
    u = np.where(u >= track.n, 0.0, u)
    s, e = _locate_many(pack([track]).main, track.n, track.spacing, xy, u)
    return s, e


@compiled(inline=True)
def half_widths(main: Array, row: int, f: float) -> tuple[float, float]:
    """Half-widths (left, right) [m] of the road at fraction ``f`` of a cell."""
    left = main[row, LEFT] + f * (main[row + 1, LEFT] - main[row, LEFT])
    right = main[row, RIGHT] + f * (main[row + 1, RIGHT] - main[row, RIGHT])
    return left, right
