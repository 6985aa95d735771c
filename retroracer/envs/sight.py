"""What a driver sees: the one observation of the task, for N cars of a ``Race``.

Compiled over blocks of cars like the kernel. To change what a driver sees, change ``see`` (and
what ``look_ahead`` fetches for it) and give the layout a new id.

The observation, 22 numbers, each scaled to about one and clipped to +-LIMIT:

==  ===================  =========================  =======================================
 i  name                 scaled by                  meaning, sign
==  ===================  =========================  =======================================
 0  speed                vx / 50 m/s                forward
 1  lateral_velocity     vy / 10 m/s                left positive
 2  yaw_rate             / 2 rad/s                  counter-clockwise positive
 3  steer_angle          / 0.5 rad                  of the front wheels, left positive
 4  lateral_offset       / 6 m                      left of the centreline positive
 5  heading_error        / 1 rad                    car minus track, in (-pi, pi]
 6  edge_left            / 6 m                      distance to the left edge, < 0 beyond it
 7  edge_right           / 6 m                      distance to the right edge, < 0 beyond it
 8  grip                 / 1.5                      friction coefficient under the car now
 9  previous_steer       1                          last action
10  previous_throttle    1                          last action
11  curvature_1..6       root(10 m * |mean|)        mean curvature of six stretches ahead, left +
17  bend_1..3            root(10 m * rms)           root mean square curvature of three further
                                                    stretches: a chicane does not cancel out
20  width_near           / 12 m                     width of the road a fifth of the way ahead
21  width_far            / 12 m                     and three fifths of it
==  ===================  =========================  =======================================

The way ahead is AHEAD_BASE + AHEAD_TIME * speed metres long, divided at the shares AHEAD:
it stretches with speed, so that a car always sees further than it needs to brake. Roots,
because the speed a corner allows goes with the root of its radius.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from retroracer.compiled import compiled
from retroracer.physics import state as st
from retroracer.physics.block import LANES
from retroracer.physics.car import MU
from retroracer.track import bank as b

LAYOUT = "road-22.1"
"""Id of this observation; a model remembers the one it was trained on."""

N_OBS = 22
LIMIT = 5.0
"""Bound of every observation."""

OBS_NAMES = (
    "speed",
    "lateral_velocity",
    "yaw_rate",
    "steer_angle",
    "lateral_offset",
    "heading_error",
    "edge_left",
    "edge_right",
    "grip",
    "previous_steer",
    "previous_throttle",
    *(f"curvature_{k}" for k in range(1, 7)),
    *(f"bend_{k}" for k in range(1, 4)),
    "width_near",
    "width_far",
)

AHEAD_BASE = 30.0
"""Length of the way ahead at rest [m]."""

AHEAD_TIME = 3.0
"""By how much it grows with speed [s]."""

AHEAD = np.array([0.0, 0.03, 0.07, 0.12, 0.19, 0.28, 0.40, 0.56, 0.76, 1.0])
"""Where the way ahead is divided: six near stretches, then three far ones."""

N_NEAR = 6
N_STRETCHES = len(AHEAD) - 1
PER_SHARE = 1.0 / np.diff(AHEAD)
WIDTH_AT = np.array([0.2, 0.6])

CHUNK = 256
"""Cars a thread takes at a time."""

# Columns of the scratch memory of a block: first the observation itself, then what it is made
# of: stretch lengths, and headings, bends and widths at the points that divide the way ahead.
ERROR = N_OBS
REACH = N_OBS + 1
HEADINGS = N_OBS + 2
BENDS = HEADINGS + len(AHEAD)
N_COLUMNS = BENDS + len(AHEAD)


@compiled(inline=True)
def clipped(value):  # type: ignore[no-untyped-def]
    """A scaled observation within its bounds."""
    return min(max(value, -LIMIT), LIMIT)


@compiled(inline=True)
def look_ahead(w, j, f, g, bank):  # type: ignore[no-untyped-def]
    """Fetch the way ahead of a car into lane ``j``.

    Args:
        w: scratch memory; headings and bends are written, and widths to their place in the
            observation, unscaled.
        j: lane.
        f: (N_FLOATS,) the car's float state.
        g: (N_INTS,) its integer state.
        bank: the packed tracks.
    """
    way = bank.way
    facts = bank.facts
    track = g[st.TRACK]
    first = bank.start[track]
    n = bank.size[track]
    reach = AHEAD_BASE + AHEAD_TIME * max(f[st.VX], 0.0)
    per_spacing = 1.0 / facts[track, b.SPACING]
    u = f[st.S] * per_spacing
    cells = reach * per_spacing
    w[REACH * LANES + j] = reach
    w[HEADINGS * LANES + j] = f[st.TRACK_HEADING]
    for k in range(1, len(AHEAD)):
        at = u + AHEAD[k] * cells
        turn = 0.0
        bend = 0.0
        while at >= n:
            at -= n
            turn += facts[track, b.CLOSING_TURN]
            bend += facts[track, b.TOTAL_BEND]
        row = int(at)
        frac = at - row
        here = first + row
        heading_here, bend_here = way[here, b.HEADING], way[here, b.BEND]
        if row + 1 < n:
            heading_there, bend_there = way[here + 1, b.HEADING], way[here + 1, b.BEND]
        else:
            heading_there = way[first, b.HEADING] + facts[track, b.CLOSING_TURN]
            bend_there = way[first, b.BEND] + facts[track, b.TOTAL_BEND]
        w[(HEADINGS + k) * LANES + j] = heading_here + frac * (heading_there - heading_here) + turn
        w[(BENDS + k) * LANES + j] = bend_here + frac * (bend_there - bend_here) + bend
    for k in range(len(WIDTH_AT)):
        at = u + WIDTH_AT[k] * cells
        while at >= n:
            at -= n
        here = first + int(at)
        w[(20 + k) * LANES + j] = bank.main[here, b.LEFT] + bank.main[here, b.RIGHT]


@compiled(inline=True)
def load(w, j, f, g, p, action, bank):  # type: ignore[no-untyped-def]
    """Fetch what a car feels and what it last did into lane ``j``, unscaled."""
    w[0 * LANES + j] = f[st.VX]
    w[1 * LANES + j] = f[st.VY]
    w[2 * LANES + j] = f[st.YAW_RATE]
    w[3 * LANES + j] = f[st.STEER_ANGLE]
    w[4 * LANES + j] = f[st.OFFSET]
    w[5 * LANES + j] = f[st.HEADING] - f[st.TRACK_HEADING]
    w[6 * LANES + j] = f[st.HALF_LEFT]
    w[7 * LANES + j] = f[st.HALF_RIGHT]
    w[8 * LANES + j] = p[MU] * f[st.GRIP]
    w[9 * LANES + j] = action[0]
    w[10 * LANES + j] = action[1]
    look_ahead(w, j, f, g, bank)


@compiled(inline=True)
def see(w, j):  # type: ignore[no-untyped-def]
    """Turn what was fetched into lane ``j`` into the observation."""
    offset = w[4 * LANES + j]
    error = w[5 * LANES + j]
    error -= 2.0 * math.pi * math.floor(error * (0.5 / math.pi) + 0.5)
    w[0 * LANES + j] = clipped(w[0 * LANES + j] * (1.0 / 50.0))
    w[1 * LANES + j] = clipped(w[1 * LANES + j] * (1.0 / 10.0))
    w[2 * LANES + j] = clipped(w[2 * LANES + j] * (1.0 / 2.0))
    w[3 * LANES + j] = clipped(w[3 * LANES + j] * (1.0 / 0.5))
    w[4 * LANES + j] = clipped(offset * (1.0 / 6.0))
    w[5 * LANES + j] = error
    w[6 * LANES + j] = clipped((w[6 * LANES + j] - offset) * (1.0 / 6.0))
    w[7 * LANES + j] = clipped((w[7 * LANES + j] + offset) * (1.0 / 6.0))
    w[8 * LANES + j] = clipped(w[8 * LANES + j] * (1.0 / 1.5))
    per_reach = 1.0 / w[REACH * LANES + j]
    for k in range(N_NEAR):
        turn = w[(HEADINGS + k + 1) * LANES + j] - w[(HEADINGS + k) * LANES + j]
        mean = turn * (PER_SHARE[k] * per_reach)
        root = math.sqrt(10.0 * abs(mean))
        w[(11 + k) * LANES + j] = clipped(root if mean >= 0.0 else -root)
    for k in range(N_NEAR, N_STRETCHES):
        bend = w[(BENDS + k + 1) * LANES + j] - w[(BENDS + k) * LANES + j]
        square = max(bend, 0.0) * (PER_SHARE[k] * per_reach)
        w[(11 + k) * LANES + j] = clipped(math.sqrt(10.0 * math.sqrt(square)))
    w[20 * LANES + j] = clipped(w[20 * LANES + j] * (1.0 / 12.0))
    w[21 * LANES + j] = clipped(w[21 * LANES + j] * (1.0 / 12.0))


@compiled()
def observe_some(floats, ints, params, actions, bank, rows, out, begin, end):  # type: ignore[no-untyped-def]
    """Observations of the cars ``rows[begin:end]``."""
    w = np.zeros(N_COLUMNS * LANES)
    while begin < end:
        lanes = min(LANES, end - begin)
        for j in range(lanes):
            i = rows[begin + j]
            load(w, j, floats[i], ints[i], params[i], actions[i], bank)
        for j in range(lanes):
            see(w, j)
        for j in range(lanes):
            i = rows[begin + j]
            for k in range(N_OBS):
                out[i, k] = w[k * LANES + j]
        begin += LANES


@compiled()
def observe_rows(floats, ints, params, actions, bank, rows, out):  # type: ignore[no-untyped-def]
    """The same as ``observe_serial`` of the cars ``rows`` (M,) only."""
    observe_some(floats, ints, params, actions, bank, rows, out, 0, len(rows))


@compiled()
def observe_serial(floats, ints, params, actions, bank, out):  # type: ignore[no-untyped-def]
    """Write the observations of N cars.

    Args:
        floats: (N, N_FLOATS) state.
        ints: (N, N_INTS) state.
        params: (N, N_PARAMS) of the cars.
        actions: (N, 2) the last action each chose.
        bank: the packed tracks.
        out: (N, 22) float32, overwritten; the table above.
    """
    observe_rows(floats, ints, params, actions, bank, np.arange(len(floats)), out)


@compiled(parallel=True)
def observe_parallel(floats, ints, params, actions, bank, out):  # type: ignore[no-untyped-def]
    """The same over threads."""
    n = len(floats)
    rows = np.arange(n)
    for k in prange((n + CHUNK - 1) // CHUNK):
        end = min(n, (k + 1) * CHUNK)
        observe_some(floats, ints, params, actions, bank, rows, out, k * CHUNK, end)
