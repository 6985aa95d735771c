"""The stock env's 96x96 frame, drawn straight at its size.

Owns: the camera of the stock env, grass, road and their composition with car and instruments.
Does not own the env.

The stock env paints some 760 polygons at 1000x800 and averages them down. Here each shape's
share of each of the 96x84 pixels is computed; what the stock painter does to shapes on the way
(corners cut to whole pixels, borders of about half a pixel) is done to them too.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from retroracer.carracing.car_picture import (
    BOX_H,
    BOX_W,
    COLUMN,
    COLUMNS,
    ROW,
    ROWS,
    draw_car,
)
from retroracer.carracing.coverage import HEIGHT, WIDTH, Ink, add_edge
from retroracer.carracing.instruments import draw_bars
from retroracer.carracing.road_pieces import RED, WHITE
from retroracer.carracing.stock import car_racing as stock
from retroracer.compiled import compiled

BORDER = 0.55
"""Window pixels by which the stock painter's inclusive fill and smoothed outline widen a shape."""
LOSS = 1.02
"""What SDL's smooth scaling takes off before cutting to whole levels: 2 off every flat colour."""
_X, _Y = 96.0 / 1000.0, 96.0 / 800.0  # frame pixels per window pixel
_GRASS = float(stock.GRASS_DIM)
_FIELD = float(stock.PLAYFIELD)
NO_INK = (False, 0.0, 0.0, 0.0)
_SEEN = math.hypot(500.0, 350.0) + 2.0  # radius of what is seen around (500, 450) [window px]


@compiled(inline=True)
def _corner(
    at: Any, k: int, x: float, y: float, ox: float, oy: float, view: Any, zoom: float
) -> None:
    """Put a world point into ``at[k]``, in pixels of the frame."""
    c, s = view[2], view[3]
    dx, dy = x - view[0], y - view[1]
    # The stock painter cuts corners to whole pixels, towards zero; its pixels' middles are at .5.
    right = float(int((dx * c - dy * s) * zoom + 500.0)) + 0.5
    up = float(int((dx * s + dy * c) * zoom + 200.0)) + 0.5
    right += BORDER * (ox * c - oy * s)
    up += BORDER * (ox * s + oy * c)
    at[k, 0], at[k, 1] = right * _X, (800.0 - up) * _Y


@compiled(inline=True)
def _add_shape(planes: Any, at: Any, ink: Ink) -> None:
    """Add the quadrilateral ``at`` (4, 2), in either sense of rotation."""
    left, right, top = at[0, 0], at[0, 0], at[0, 1]
    low = at[0, 1]
    area = 0.0
    for k in range(4):
        m = (k + 1) % 4
        area += at[k, 0] * at[m, 1] - at[m, 0] * at[k, 1]
        left, right = min(left, at[k, 0]), max(right, at[k, 0])
        top, low = min(top, at[k, 1]), max(low, at[k, 1])
    if right <= 0.0 or left >= WIDTH or low <= 0.0 or top >= HEIGHT:
        return
    sign = 1.0 if area > 0.0 else -1.0
    for k in range(4):
        m = (k + 1) % 4
        add_edge(planes, at[k, 0], at[k, 1], at[m, 0], at[m, 1], sign, ink)


@compiled()
def draw_ground(field: Any, grass: Any, view: Any, zoom: float) -> None:
    """Add the coverage of the playing field and of the grass patches in sight."""
    at = np.empty((4, 2))
    for k in range(4):
        ox, oy = 1.0 if k in (0, 1) else -1.0, 1.0 if k in (0, 3) else -1.0
        _corner(at, k, ox * _FIELD, oy * _FIELD, ox, oy, view, zoom)
    _add_shape(field, at, NO_INK)
    mx = view[0] + view[3] * 250.0 / zoom
    my = view[1] + view[2] * 250.0 / zoom
    reach = _SEEN / zoom + _GRASS * 0.7072
    for gx in range(-20, 20, 2):
        for gy in range(-20, 20, 2):
            x, y = gx * _GRASS, gy * _GRASS
            dx, dy = x + 0.5 * _GRASS - mx, y + 0.5 * _GRASS - my
            if dx * dx + dy * dy > reach * reach:
                continue
            for k in range(4):
                ox, oy = 1.0 if k in (0, 1) else -1.0, 1.0 if k in (0, 3) else -1.0
                far_x, far_y = x + _GRASS * (ox > 0.0), y + _GRASS * (oy > 0.0)
                _corner(at, k, far_x, far_y, ox, oy, view, zoom)
            _add_shape(grass, at, NO_INK)


@compiled()
def draw_road(
    planes: Any, corners: Any, paint: Any, circle: Any, colours: Any, view: Any, zoom: float
) -> None:
    """Add the pieces of road in sight; arguments as in ``RoadPieces`` and ``draw_frame``."""
    at = np.empty((4, 2))
    mx = view[0] + view[3] * 250.0 / zoom
    my = view[1] + view[2] * 250.0 / zoom
    seen = _SEEN / zoom
    for p in range(len(paint)):
        dx, dy, reach = circle[p, 0] - mx, circle[p, 1] - my, circle[p, 2] + seen
        if dx * dx + dy * dy > reach * reach:
            continue
        for k in range(4):
            x, y, ox, oy = corners[p, k]
            _corner(at, k, x, y, ox, oy, view, zoom)
        r, g, b = 255.0, 255.0, 255.0
        if paint[p] == RED:
            g, b = 0.0, 0.0
        elif paint[p] != WHITE:
            tile = paint[p]
            r = float(int(colours[tile, 0]))
            g = float(int(colours[tile, 1]))
            b = float(int(colours[tile, 2]))
        _add_shape(planes, at, (True, r, g, b))


@compiled()
def compose(frame: Any, planes: Any, car: Any, ground: Any) -> None:
    """Sum the coverage up and put one layer over the other; the planes are emptied.

    Args:
        frame: (96, 96, 3) uint8; the rows that show the world are written.
        planes: (6, HEIGHT + 2, WIDTH) float32 differences of the coverage of playing field,
            grass patches and road, and of the road's colours.
        car: (ROWS, COLUMNS, 4) the car's share and colours.
        ground: (2, 3) colours of the field and of the patches.
    """
    one, loss = np.float32(1.0), np.float32(LOSS)
    sums = np.zeros((6, WIDTH), np.float32)
    left, thin = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32)
    rgb = np.empty((3, WIDTH), np.float32)
    for i in range(HEIGHT):
        for p in range(6):
            for j in range(WIDTH):
                sums[p, j] += planes[p, i, j]
                planes[p, i, j] = 0.0
        for j in range(WIDTH):
            # Where hairs of road lie over one another they share the pixel.
            thin[j] = one / max(sums[2, j], one)
            left[j] = one - min(sums[2, j], one)
        for c in range(3):
            base, more = np.float32(ground[0, c]), np.float32(ground[1, c] - ground[0, c])
            for j in range(WIDTH):
                rgb[c, j] = (base * sums[0, j] + more * sums[1, j]) * left[j] + sums[
                    3 + c, j
                ] * thin[j]
        if ROW <= i < ROW + ROWS:
            for j in range(COLUMNS):
                for c in range(3):
                    rgb[c, COLUMN + j] *= one - car[i - ROW, j, 0]
                    rgb[c, COLUMN + j] += car[i - ROW, j, 1 + c]
        for c in range(3):
            for j in range(WIDTH):
                rgb[c, j] = max(rgb[c, j] - loss, np.float32(0.0))
        for j in range(WIDTH):
            frame[i, j, 0] = np.uint8(np.int32(rgb[0, j]))
            frame[i, j, 1] = np.uint8(np.int32(rgb[1, j]))
            frame[i, j, 2] = np.uint8(np.int32(rgb[2, j]))
    planes[:, HEIGHT:] = 0.0


@compiled()
def draw_frame(
    frame: Any,
    planes: Any,
    car: Any,
    box: Any,
    corners: Any,
    paint: Any,
    circle: Any,
    colours: Any,
    ground: Any,
    state: Any,
) -> None:
    """Draw a frame but for its score.

    Args:
        frame: (96, 96, 3) uint8 out.
        planes: (6, HEIGHT + 2, WIDTH) float32 zeros to work in, zeros again afterwards.
        car: (ROWS, COLUMNS, 4) to work in.
        box: (BOX_H, BOX_W) uint8 to work in.
        corners: as in ``RoadPieces``, and so are the next two.
        paint: see there.
        circle: see there.
        colours: (tiles, 3) of the road.
        ground: (2, 3) of field and patches.
        state: (27,) seconds since the start; x, y, angle of the four wheels and the hull;
            phases of the wheels; the values of ``draw_bars``.
    """
    t = state[0]
    zoom = 0.1 * stock.SCALE * max(1.0 - t, 0.0) + stock.ZOOM * stock.SCALE * min(t, 1.0)
    bodies = state[1:16].reshape((5, 3))
    view = np.empty(4)
    view[0], view[1] = bodies[4, 0], bodies[4, 1]
    view[2], view[3] = math.cos(-bodies[4, 2]), math.sin(-bodies[4, 2])
    draw_ground(planes[0:1], planes[1:2], view, zoom)
    draw_road(planes[2:], corners, paint, circle, colours, view, zoom)
    draw_car(car, box, view, zoom, bodies, state[16:20])
    compose(frame, planes, car, ground)
    draw_bars(frame, state[20:27], LOSS)


@cache
def work_space() -> tuple[Any, Any, Any]:
    """Planes, car and box for ``draw_frame``: one set, which stays in the core's cache."""
    return (
        np.zeros((6, HEIGHT + 2, WIDTH), np.float32),
        np.zeros((ROWS, COLUMNS, 4), np.float32),
        np.zeros((BOX_H, BOX_W), np.uint8),
    )
