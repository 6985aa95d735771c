"""Where two oriented boxes touch: geometry only, no motion.

Separating axes give the direction and depth of an overlap (S. Gottschalk and others, OBBTree,
SIGGRAPH 1996), clipping one box by the other (Sutherland and Hodgman, 1974) the place.
"""

from __future__ import annotations

import math

import numpy as np

from retroracer.compiled import compiled
from retroracer.track.geometry import Array

# A body: centre, cosine and sine of its heading, half-length and half-width.
BODY_X, BODY_Y, BODY_COS, BODY_SIN, BODY_LONG, BODY_WIDE = range(6)

LEVEL = 1e-9
"""Depths along two axes count as equal if they differ by no more than this [m]."""


@compiled(inline=True)
def half_extent(body: Array, nx: float, ny: float) -> float:
    """Half of a box's extent along the unit vector (nx, ny) [m]."""
    along = abs(nx * body[BODY_COS] + ny * body[BODY_SIN])
    across = abs(ny * body[BODY_COS] - nx * body[BODY_SIN])
    return float(body[BODY_LONG] * along + body[BODY_WIDE] * across)


@compiled(inline=True)
def overlap_axis(
    a: Array, b: Array, closing_x: float, closing_y: float, dt: float
) -> tuple[bool, float, float, float]:
    """Whether two boxes overlap, and the axis along which they came together.

    Of the four axes it is the one on which they were still apart most recently: the one of least
    depth after subtracting what they closed in during a physics step. Without that subtraction,
    fast cars that meet head-on, half a width apart, would count as side by side. For axes of equal
    depth the direction is the mean of both, so that the order of the boxes does not matter.

    Args:
        a: one body.
        b: the other.
        closing_x: velocity of ``a`` minus that of ``b`` [m/s].
        closing_y: likewise.
        dt: physics step [s].

    Returns:
        Whether they overlap; the unit vector from ``a`` to ``b`` and the depth along it [m].
    """
    dx, dy = b[BODY_X] - a[BODY_X], b[BODY_Y] - a[BODY_Y]
    best, sum_x, sum_y = np.inf, 0.0, 0.0
    for k in range(4):
        body = a if k < 2 else b
        nx, ny = body[BODY_COS], body[BODY_SIN]
        if k % 2 == 1:
            nx, ny = -ny, nx
        apart = dx * nx + dy * ny
        if apart < 0.0:
            nx, ny, apart = -nx, -ny, -apart
        deep = half_extent(a, nx, ny) + half_extent(b, nx, ny) - apart
        if deep <= 0.0:
            return False, 0.0, 0.0, 0.0
        late = deep - max(closing_x * nx + closing_y * ny, 0.0) * dt
        if late < best - LEVEL:
            best, sum_x, sum_y = late, nx, ny
        elif late < best + LEVEL:
            sum_x += nx
            sum_y += ny
    norm = math.sqrt(sum_x * sum_x + sum_y * sum_y)
    if norm < 0.1:  # one box in the middle of the other, turned by half a turn
        sum_x, sum_y, norm = a[BODY_COS], a[BODY_SIN], 1.0
    nx, ny = sum_x / norm, sum_y / norm
    deep = half_extent(a, nx, ny) + half_extent(b, nx, ny) - abs(dx * nx + dy * ny)
    return True, nx, ny, deep


@compiled()
def overlap_centre(a: Array, b: Array, corners: Array) -> tuple[float, float]:
    """Middle of the area that two overlapping boxes share [m].

    ``corners`` (2, 16, 2) is scratch memory.
    """
    now, then = corners[0], corners[1]
    count = 0
    for k in range(4):  # corners of b, seen from a
        along = b[BODY_LONG] if k == 0 or k == 3 else -b[BODY_LONG]
        across = b[BODY_WIDE] if k < 2 else -b[BODY_WIDE]
        x = b[BODY_X] + along * b[BODY_COS] - across * b[BODY_SIN] - a[BODY_X]
        y = b[BODY_Y] + along * b[BODY_SIN] + across * b[BODY_COS] - a[BODY_Y]
        now[k, 0] = x * a[BODY_COS] + y * a[BODY_SIN]
        now[k, 1] = y * a[BODY_COS] - x * a[BODY_SIN]
        count += 1
    for side in range(4):  # keep what lies within each side of a
        axis = side // 2
        sign = 1.0 if side % 2 == 0 else -1.0
        bound = a[BODY_LONG] if axis == 0 else a[BODY_WIDE]
        kept = 0
        for k in range(count):
            m = k + 1 if k + 1 < count else 0
            here, there = bound - sign * now[k, axis], bound - sign * now[m, axis]
            if here >= 0.0:
                then[kept] = now[k]
                kept += 1
            if (here > 0.0 and there < 0.0) or (here < 0.0 and there > 0.0):
                f = here / (here - there)
                then[kept, 0] = now[k, 0] + f * (now[m, 0] - now[k, 0])
                then[kept, 1] = now[k, 1] + f * (now[m, 1] - now[k, 1])
                kept += 1
        now, then, count = then, now, kept
    twice, x, y = 0.0, 0.0, 0.0
    for k in range(1, count - 1):  # fan of triangles from the first corner
        ux, uy = now[k, 0] - now[0, 0], now[k, 1] - now[0, 1]
        vx, vy = now[k + 1, 0] - now[0, 0], now[k + 1, 1] - now[0, 1]
        area = ux * vy - uy * vx
        twice += area
        x += area * (ux + vx)
        y += area * (uy + vy)
    if twice > 1e-12:
        x, y = now[0, 0] + x / (3.0 * twice), now[0, 1] + y / (3.0 * twice)
    elif count > 0:  # a corner or an edge that only just touches
        x = y = 0.0
        for k in range(count):
            x += now[k, 0] / count
            y += now[k, 1] / count
    else:
        x = 0.5 * ((b[BODY_X] - a[BODY_X]) * a[BODY_COS] + (b[BODY_Y] - a[BODY_Y]) * a[BODY_SIN])
        y = 0.5 * ((b[BODY_Y] - a[BODY_Y]) * a[BODY_COS] - (b[BODY_X] - a[BODY_X]) * a[BODY_SIN])
    return (
        a[BODY_X] + x * a[BODY_COS] - y * a[BODY_SIN],
        a[BODY_Y] + x * a[BODY_SIN] + y * a[BODY_COS],
    )
