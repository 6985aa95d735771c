"""The car: wheels, their turning stripes and the hull, at the stock window's full resolution.

Owns: painting the car over a road that is already in the frame's resolution. Does not own the
car's shape, which is read from the stock env's constants.

Unlike the road the car's shapes overlap, so they are painted in order, but into a box of
104 x 100 window pixels only, which is then averaged.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from retroracer.carracing.stock import car_dynamics as stock
from retroracer.compiled import compiled

COLUMN, ROW = 43, 66
"""The box's first column and row in the frame."""
COLUMNS, ROWS = 10, 12
LEFT, TOP = COLUMN * 1000.0 / 96.0, ROW * 800.0 / 96.0  # in window pixels
BOX_W, BOX_H = 106, 100

# The stock shapes, all in world units: four hull polygons, a wheel.
_PARTS = (stock.HULL_POLY1, stock.HULL_POLY2, stock.HULL_POLY3, stock.HULL_POLY4)
_HULL = np.array([point for part in _PARTS for point in part]) * stock.SIZE
_HULL_FIRST = np.cumsum([0] + [len(part) for part in _PARTS])
_HALF_W, _HALF_R = stock.WHEEL_W * stock.SIZE, stock.WHEEL_R * stock.SIZE
NOTHING, BLACK, STRIPE, HULL = 0, 1, 2, 3
_RED, _GREY = float(int(0.8 * 255)), float(stock.WHEEL_WHITE[0])
_SPAN = 1000.0 / 96.0  # window pixels a frame column
_OFFSET = LEFT - math.floor(LEFT)


@compiled(inline=True)
def _fill(box: Any, px: Any, py: Any, n: int, colour: int) -> None:
    """Fill a convex polygon whose corners are whole pixels, borders included."""
    low, high = py[0], py[0]
    for k in range(1, n):
        low, high = min(low, py[k]), max(high, py[k])
    for y in range(max(low, 0), min(high, BOX_H - 1) + 1):
        left, right = 1 << 30, -(1 << 30)
        for k in range(n):
            x0, y0, x1, y1 = px[k], py[k], px[(k + 1) % n], py[(k + 1) % n]
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            if y < y0 or y > y1:
                continue
            if y0 == y1:
                left, right = min(left, x0, x1), max(right, x0, x1)
                continue
            x = math.floor(x0 + (x1 - x0) * (y - y0) / (y1 - y0) + 0.5)
            left, right = min(left, x), max(right, x)
        for x in range(max(left, 0), min(right, BOX_W - 1) + 1):
            box[y, x] = colour


@compiled(inline=True)
def _place(px: Any, py: Any, k: int, x: float, y: float, view: Any, zoom: float) -> None:
    """A world point, seen from the camera, as a whole pixel of the box."""
    dx, dy = x - view[0], y - view[1]
    right = int((dx * view[2] - dy * view[3]) * zoom + 500.0)
    up = int((dx * view[3] + dy * view[2]) * zoom + 200.0)
    px[k] = right - int(LEFT)
    py[k] = 799 - up - int(TOP)


@compiled()
def draw_car(picture: Any, box: Any, view: Any, zoom: float, bodies: Any, phases: Any) -> None:
    """Paint the car's box.

    Args:
        picture: (ROWS, COLUMNS, 4) out: share of each pixel that the car covers, and that
            share's red, green and blue.
        box: (BOX_H, BOX_W) uint8 to work in.
        view: (4,) camera: the car's x, y, cosine and sine of the camera's rotation.
        zoom: window pixels per world unit.
        bodies: (5, 3) x, y, angle of the four wheels and the hull.
        phases: (4,) how far each wheel has turned [rad].
    """
    px, py = np.empty(8, np.int64), np.empty(8, np.int64)
    box[:] = NOTHING
    for w in range(4):
        x, y = bodies[w, 0], bodies[w, 1]
        c, s = math.cos(bodies[w, 2]), math.sin(bodies[w, 2])
        for k in range(4):
            a = -_HALF_W if k in (0, 3) else _HALF_W
            b = _HALF_R if k < 2 else -_HALF_R
            _place(px, py, k, x + c * a - s * b, y + s * a + c * b, view, zoom)
        _fill(box, px, py, 4, BLACK)
        s1, s2 = math.sin(phases[w]), math.sin(phases[w] + 1.2)
        c1, c2 = math.cos(phases[w]), math.cos(phases[w] + 1.2)
        if s1 > 0.0 and s2 > 0.0:
            continue
        if s1 > 0.0:
            c1 = np.sign(c1)
        if s2 > 0.0:
            c2 = np.sign(c2)
        for k in range(4):
            a = -_HALF_W if k in (0, 3) else _HALF_W
            b = _HALF_R * (c1 if k < 2 else c2)
            _place(px, py, k, x + c * a - s * b, y + s * a + c * b, view, zoom)
        _fill(box, px, py, 4, STRIPE)
    x, y = bodies[4, 0], bodies[4, 1]
    c, s = math.cos(bodies[4, 2]), math.sin(bodies[4, 2])
    for part in range(4):
        begin, end = _HULL_FIRST[part], _HULL_FIRST[part + 1]
        for k in range(begin, end):
            a, b = _HULL[k, 0], _HULL[k, 1]
            _place(px, py, k - begin, x + c * a - s * b, y + s * a + c * b, view, zoom)
        _fill(box, px, py, end - begin, HULL)
    _average(picture, box)


@compiled()
def _average(picture: Any, box: Any) -> None:
    high = 800.0 / 96.0
    count = np.empty((3, BOX_W), np.float32)
    for i in range(ROWS):
        count[:] = 0.0
        y0, y1 = i * high, (i + 1) * high
        for y in range(int(y0), min(math.ceil(y1), BOX_H)):
            share = np.float32((min(y1, y + 1.0) - max(y0, float(y))) / (high * _SPAN))
            for colour in range(3):
                for x in range(BOX_W):
                    if box[y, x] == colour + 1:
                        count[colour, x] += share
        for j in range(COLUMNS):
            x0 = _OFFSET + j * _SPAN
            x1 = x0 + _SPAN
            black, stripe, red = 0.0, 0.0, 0.0
            for x in range(int(x0), min(math.ceil(x1), BOX_W)):
                wide = min(x1, x + 1.0) - max(x0, float(x))
                black += wide * count[0, x]
                stripe += wide * count[1, x]
                red += wide * count[2, x]
            picture[i, j, 0] = black + stripe + red
            picture[i, j, 1] = stripe * _GREY + red * _RED
            picture[i, j, 2] = stripe * _GREY
            picture[i, j, 3] = stripe * _GREY
