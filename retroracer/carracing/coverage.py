"""Exact area coverage of polygons on the frame's pixels, edge by edge.

Owns: how an edge changes the coverage of the pixels it crosses. Does not own what is drawn.

Every edge adds to each column it crosses the area that lies below it, as differences down the
column; once all edges are in, one running sum down each column turns them into coverage. Edges
of a polygon cancel below it, and so do the shared edges of two neighbours of one colour: there
are no seams, and the order of polygons that do not overlap does not matter.

Source: the signed-area accumulation buffer of the font rasteriser font-rs (Raph Levien), turned
by 90 degrees, so that the running sum is over whole rows at once.
"""

from __future__ import annotations

from typing import Any

from retroracer.compiled import compiled

WIDTH = 96
"""Columns of the frame."""
HEIGHT = 84
"""Rows that show the world; the instruments cover the others."""

Plane = Any
Ink = tuple[bool, float, float, float]
"""Whether the colour planes take part, then red, green and blue, 0 to 255."""


@compiled(inline=True)
def _add(planes: Plane, i: int, j: int, d: float, ink: Ink) -> None:
    planes[0, i, j] += d
    if ink[0]:
        planes[1, i, j] += d * ink[1]
        planes[2, i, j] += d * ink[2]
        planes[3, i, j] += d * ink[3]


@compiled(inline=True)
def _column(planes: Plane, j: int, dx: float, y0: float, y1: float, ink: Ink) -> None:
    """One column: the edge runs ``dx`` wide (signed) between ``y0`` and ``y1``, 0 to HEIGHT."""
    if y0 > y1:
        y0, y1 = y1, y0
    top, bottom = int(y0), int(y1)
    if bottom == top:
        low = 0.5 * (y0 + y1) - top
        _add(planes, top, j, dx * (1.0 - low), ink)
        _add(planes, top + 1, j, dx * low, ink)
        return
    # At depth t below the edge's upper end, the edge has passed (t - y0) per_row of the width.
    per_row = dx / (y1 - y0)
    first = 1.0 - (y0 - top)
    so_far = 0.5 * per_row * first * first
    _add(planes, top, j, so_far, ink)
    for i in range(top + 1, bottom):
        covered = per_row * (i + 0.5 - y0)
        _add(planes, i, j, covered - so_far, ink)
        so_far = covered
    last = y1 - bottom
    covered = dx - 0.5 * per_row * last * last
    _add(planes, bottom, j, covered - so_far, ink)
    _add(planes, bottom + 1, j, dx - covered, ink)


@compiled()
def _inside(
    planes: Plane, x0: float, y0: float, x1: float, y1: float, sign: float, ink: Ink
) -> None:
    """An edge from left to right that lies within the frame."""
    if x1 - x0 < 1e-9:
        return
    slope = (y1 - y0) / (x1 - x0)
    j, last = int(x0), min(int(x1), WIDTH - 1)
    x, y = x0, y0
    while j < last:
        nxt = j + 1.0
        y_nxt = min(max(y0 + (nxt - x0) * slope, 0.0), float(HEIGHT))
        _column(planes, j, sign * (nxt - x), y, y_nxt, ink)
        x, y = nxt, y_nxt
        j += 1
    _column(planes, j, sign * (x1 - x), y, y1, ink)


@compiled()
def add_edge(
    planes: Plane, x0: float, y0: float, x1: float, y1: float, sign: float, ink: Ink
) -> None:
    """Add an edge of a polygon.

    Args:
        planes: (4, HEIGHT + 2, WIDTH) differences down the columns: of coverage, and of
            coverage times red, green and blue.
        x0: where the edge begins, in pixels of the frame, right.
        y0: down.
        x1: where it ends.
        y1: down.
        sign: 1 or -1, the polygon's sense of rotation.
        ink: what colour it is.
    """
    if x0 > x1:
        x0, y0, x1, y1 = x1, y1, x0, y0
        sign = -sign
    if x1 <= 0.0 or x0 >= WIDTH or (y0 >= HEIGHT and y1 >= HEIGHT):
        return
    if x0 < 0.0:
        y0 += (y1 - y0) * (0.0 - x0) / (x1 - x0)
        x0 = 0.0
    if x1 > WIDTH:
        y1 = y0 + (y1 - y0) * (WIDTH - x0) / (x1 - x0)
        x1 = float(WIDTH)
    # Above the frame an edge covers its columns from the first row on; below, it covers nothing.
    if y0 < 0.0 and y1 < 0.0:
        y0 = y1 = 0.0
    elif y0 < 0.0:
        x = x0 + (x1 - x0) * (0.0 - y0) / (y1 - y0)
        _inside(planes, x0, 0.0, x, 0.0, sign, ink)
        x0, y0 = x, 0.0
    elif y1 < 0.0:
        x = x0 + (x1 - x0) * (0.0 - y0) / (y1 - y0)
        _inside(planes, x, 0.0, x1, 0.0, sign, ink)
        x1, y1 = x, 0.0
    if y0 > HEIGHT:
        if y1 >= HEIGHT:
            return
        x0 += (x1 - x0) * (HEIGHT - y0) / (y1 - y0)
        y0 = float(HEIGHT)
    elif y1 > HEIGHT:
        x1 = x0 + (x1 - x0) * (HEIGHT - y0) / (y1 - y0)
        y1 = float(HEIGHT)
    _inside(planes, x0, y0, x1, y1, sign, ink)
