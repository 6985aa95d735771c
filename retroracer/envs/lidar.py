"""The lidar observation of 80 numbers: the car, waypoints ahead, lidar beams, the last actions.

Owns its layout, its scaling and the compiled function that computes it. Car, reward and endings are
those of the task with 22 numbers (``task``); this observation is common in simulators of small
cars. In order:

- 4 of the car: forward speed [m/s], yaw rate [rad/s], sideways speed [m/s], steering angle [rad];
- 15 waypoints (x, y) [m] on the centreline, in the car's frame: x forward, y left. They are spread
  evenly over AHEAD_BASE + AHEAD_TIME * speed metres;
- 40 lidar beams [m], from FIRST_BEAM (right, behind) to its mirror image (left): distance to the
  nearest edge of the road or other car, at most RANGE. Beams see the edges of the road from BEHIND
  metres behind the car to RANGE metres ahead, and not other parts of the track that are close by;
- 3 actions (steer, throttle) as the driver chose them, the last one first.

Every number is multiplied by its factor in ``SCALING`` and clipped to +-BOUND.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from retroracer.compiled import compiled, prefetch_row
from retroracer.envs.observation import AHEAD_BASE, AHEAD_TIME, Floats
from retroracer.physics import car as c
from retroracer.physics import state as st
from retroracer.physics.state import Cars
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Ints

LAYOUT = "lidar-80.1"
"""Id of this observation and its scaling; every model records the one it was trained on."""

N_STATE, N_WAYPOINTS, N_BEAMS, N_RECENT = 4, 15, 40, 3
WAYPOINTS = N_STATE
BEAMS = WAYPOINTS + 2 * N_WAYPOINTS
RECENT = BEAMS + N_BEAMS
N_LIDAR = RECENT + 2 * N_RECENT
"""Number of numbers, 80; WAYPOINTS, BEAMS and RECENT are the indices at which each kind begins."""

SCALING = (0.1, 1.0, 0.5, 1.0 / 0.4) + (0.1,) * (2 * N_WAYPOINTS + N_BEAMS) + (1.0,) * 6
"""Factor on each number, as in the system this observation is taken from."""

BOUND = 40.0
"""Bound of the scaled numbers."""

RANGE = 80.0
"""Largest distance that a beam measures [m]."""

FIRST_BEAM = math.radians(-135.0)
"""Angle of the first beam, counter-clockwise from straight ahead; the last one is its mirror."""

BEAM_STEP = -2.0 * FIRST_BEAM / (N_BEAMS - 1)

BEHIND = 30.0
"""How far behind the car beams see the road's edges [m]."""

ALONG = np.array(
    [-BEHIND, -21.0, -14.5, -9.5, -6.0, -3.5, -1.5, 0.0, 1.5, 3.5, 6.0, 9.0, 12.5, 16.5, 21.0, 26.0,
     32.0, 39.0, 47.0, 57.0, 68.0, RANGE]
)  # fmt: skip
"""Stations relative to the car's [m]; beams see the edges as straight lines between them."""

_COS = np.cos(FIRST_BEAM + BEAM_STEP * np.arange(N_BEAMS))
_SIN = np.sin(FIRST_BEAM + BEAM_STEP * np.arange(N_BEAMS))
_FACTORS = np.array(SCALING)
_PER_STEP = 1.0 / BEAM_STEP
_TURN = 2.0 * math.pi / BEAM_STEP  # beams in a whole turn


@compiled(inline=True)
def beam_of(x: float, y: float) -> Any:
    """Direction of a point in units of beams: 0 = the first beam, k = beam k.

    Accuracy: 0.001 beams.

    Source: a minimax polynomial of the arc tangent on [0, 1], error 1e-5 rad.
    """
    ax, ay = abs(x), abs(y)
    most = max(ax, ay)
    q = min(ax, ay) / max(most, 1e-12)
    q2 = q * q
    far = 0.19354346 + q2 * (-0.11643287 + q2 * (0.05265332 - q2 * 0.0117212))
    turn = q * (0.99997726 + q2 * (-0.33262347 + q2 * far))
    if ay > ax:
        turn = 0.5 * math.pi - turn
    if x < 0.0:
        turn = math.pi - turn
    if y < 0.0:
        turn = -turn
    return (turn - FIRST_BEAM) * _PER_STEP


@compiled(inline=True)
def cast(
    reach: Array, ax: float, ay: float, bx: float, by: float, first: float, last: float
) -> None:
    """Shorten the beams from ``first`` to ``last`` that meet the line from a to b."""
    ex, ey = bx - ax, by - ay
    cross = ax * ey - ay * ex
    for k in range(max(math.ceil(first - 0.01), 0), min(math.floor(last + 0.01), N_BEAMS - 1) + 1):
        facing = _COS[k] * ey - _SIN[k] * ex
        if facing != 0.0:
            far = cross / facing
            if 0.0 <= far < reach[k]:
                reach[k] = far


@compiled(inline=True)
def see_line(
    reach: Array, ax: float, ay: float, at: float, bx: float, by: float, to: float
) -> None:
    """Shorten the beams that meet the line from a to b, in the car's frame [m].

    ``at`` and ``to`` are ``beam_of`` a and b; ``reach`` (N_BEAMS,) is updated.
    """
    low, high = min(at, to), max(at, to)
    if high - low <= 0.5 * _TURN:
        cast(reach, ax, ay, bx, by, low, high)
    else:  # it passes behind the car
        cast(reach, ax, ay, bx, by, high, float(N_BEAMS))
        cast(reach, ax, ay, bx, by, -1.0, low)


@compiled(inline=True)
def see_car(reach: Array, p: Array, x: float, y: float, cos: float, sin: float) -> None:
    """Shorten the beams that meet the body of another car, of parameters ``p``.

    ``x`` and ``y`` are its centre in the observing car's frame [m], ``cos`` and ``sin`` those of
    its heading there.
    """
    long, wide = p[c.HALF_LENGTH], p[c.HALF_WIDTH]
    for k in range(4):
        front = long if k in (0, 3) else -long
        left = wide if k < 2 else -wide
        then = long if k in (3, 2) else -long
        on = wide if k in (0, 3) else -wide
        ax, ay = x + cos * front - sin * left, y + sin * front + cos * left
        bx, by = x + cos * then - sin * on, y + sin * then + cos * on
        see_line(reach, ax, ay, beam_of(ax, ay), bx, by, beam_of(bx, by))


@compiled()
def lidar_rows(
    cars: Cars, recent: Array, bank: TrackBank, rows: Ints, company: int, out: Floats
) -> None:
    """Write the lidar observations of some of N cars.

    Args:
        cars: all N.
        recent: (N, 3, 2) the last actions of each driver, the newest first.
        bank: the packed tracks.
        rows: (M,) the cars to observe.
        company: number of cars in a race: rows 0..company-1 race together, and so on; 1 = alone.
        out: (N, 80) float32, these rows overwritten.
    """
    reach = np.empty(N_BEAMS)
    for index in range(len(rows)):
        i = rows[index]
        if index + 1 < len(rows):
            ahead = rows[index + 1]
            slot = cars.ints[ahead, st.TRACK]
            near = bank.start[slot] + int(cars.floats[ahead, st.S] / bank.facts[slot, b.SPACING])
            prefetch_row(bank.main, near)
        f = cars.floats[i]
        track = cars.ints[i, st.TRACK]
        first, n = bank.start[track], bank.size[track]
        per_spacing = 1.0 / bank.facts[track, b.SPACING]
        here = f[st.S] * per_spacing
        px, py = f[st.X], f[st.Y]
        cos, sin = math.cos(f[st.HEADING]), math.sin(f[st.HEADING])
        main = bank.main
        out[i, 0], out[i, 1] = f[st.VX], f[st.YAW_RATE]
        out[i, 2], out[i, 3] = f[st.VY], f[st.STEER_ANGLE]
        gap = (AHEAD_BASE + AHEAD_TIME * max(f[st.VX], 0.0)) * per_spacing / N_WAYPOINTS
        for k in range(N_WAYPOINTS):
            u = here + (k + 1) * gap
            u -= math.floor(u / n) * n
            row = min(int(u), n - 1)
            share, row = u - row, first + row
            x = main[row, b.X] + share * (main[row + 1, b.X] - main[row, b.X]) - px
            y = main[row, b.Y] + share * (main[row + 1, b.Y] - main[row, b.Y]) - py
            out[i, WAYPOINTS + 2 * k] = cos * x + sin * y
            out[i, WAYPOINTS + 2 * k + 1] = cos * y - sin * x
        for k in range(N_BEAMS):
            reach[k] = RANGE
        lx, ly, l_at, rx, ry, r_at = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(len(ALONG)):
            u = here + ALONG[k] * per_spacing
            u -= math.floor(u / n) * n
            row = min(int(u), n - 1)
            share, row = u - row, first + row
            there = row + 1
            x = main[row, b.X] + share * (main[there, b.X] - main[row, b.X]) - px
            y = main[row, b.Y] + share * (main[there, b.Y] - main[row, b.Y]) - py
            tx = main[row, b.TX] + share * (main[there, b.TX] - main[row, b.TX])
            ty = main[row, b.TY] + share * (main[there, b.TY] - main[row, b.TY])
            left = main[row, b.LEFT] + share * (main[there, b.LEFT] - main[row, b.LEFT])
            right = main[row, b.RIGHT] + share * (main[there, b.RIGHT] - main[row, b.RIGHT])
            cx, cy = cos * x + sin * y, cos * y - sin * x
            nx, ny = sin * tx - cos * ty, cos * tx + sin * ty  # to the left of the road
            ax, ay = cx + left * nx, cy + left * ny
            bx, by = cx - right * nx, cy - right * ny
            a_at, b_at = beam_of(ax, ay), beam_of(bx, by)
            if k > 0:
                see_line(reach, lx, ly, l_at, ax, ay, a_at)
                see_line(reach, rx, ry, r_at, bx, by, b_at)
            lx, ly, l_at, rx, ry, r_at = ax, ay, a_at, bx, by, b_at
        begin = i - i % company
        for j in range(begin, min(begin + company, len(cars.floats))):
            g = cars.floats[j]
            x, y = g[st.X] - px, g[st.Y] - py
            near = RANGE + 6.0
            if j != i and cars.ints[j, st.TRACK] == track and x * x + y * y < near * near:
                turn_cos = math.cos(g[st.HEADING]) * cos + math.sin(g[st.HEADING]) * sin
                turn_sin = math.sin(g[st.HEADING]) * cos - math.cos(g[st.HEADING]) * sin
                ux, uy = cos * x + sin * y, cos * y - sin * x
                see_car(reach, cars.params[j], ux, uy, turn_cos, turn_sin)
        for k in range(N_BEAMS):
            out[i, BEAMS + k] = reach[k]
        for k in range(N_RECENT):
            out[i, RECENT + 2 * k] = recent[i, k, 0]
            out[i, RECENT + 2 * k + 1] = recent[i, k, 1]
        for k in range(N_LIDAR):
            out[i, k] = min(max(out[i, k] * _FACTORS[k], -BOUND), BOUND)
