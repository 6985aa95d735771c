"""What a driver sees: the one observation of the task, for N cars of a ``Race``.

Compiled over blocks of cars like the kernel. To change what a driver sees, change the ``see_...``
functions (and what ``load`` and ``fetch_way`` fetch for them) and give the layout a new id.

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
                                                    stretches, with the sign of their whole turn:
                                                    a chicane does not cancel out
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

from retroracer.compiled import compiled, prefetch_row
from retroracer.physics import state as st
from retroracer.physics.block import LANES
from retroracer.physics.car import MU
from retroracer.track import bank as b

LAYOUT = "road-22.2"
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

CURVATURES = 11
"""Where the stretches begin in the observation, and the widths."""
WIDTHS = 20

# Columns of the scratch memory of a block: the observation itself, then what it is made of.
(
    STATION,  # in cells
    REACH,  # length of the way ahead [m] and in cells
    CELLS,
    SAMPLES,  # of the track
    LAP_TURN,  # turn and bend of a lap
    LAP_BEND,
) = range(N_OBS, N_OBS + 6)
# At each of the points that divide the way ahead: row and fraction of its cell, then what
# ``way`` says at the cell's ends, then heading and bend there.
ROWS = N_OBS + 6
FRACS = ROWS + len(AHEAD)
LAPS = FRACS + len(AHEAD)
HEADING_FROM = LAPS + len(AHEAD)
HEADING_TO = HEADING_FROM + len(AHEAD)
BEND_FROM = HEADING_TO + len(AHEAD)
BEND_TO = BEND_FROM + len(AHEAD)
HEADINGS = BEND_TO + len(AHEAD)
BENDS = HEADINGS + len(AHEAD)
N_COLUMNS = BENDS + len(AHEAD)


@compiled(inline=True)
def clipped(value):  # type: ignore[no-untyped-def]
    """A scaled observation within its bounds."""
    return min(max(value, -LIMIT), LIMIT)


@compiled(inline=True)
def load(w, j, f, g, p, action, bank):  # type: ignore[no-untyped-def]
    """Fetch what a car feels, what it last did and where it is into lane ``j``, unscaled."""
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
    track = g[st.TRACK]
    facts = bank.facts
    per_spacing = 1.0 / facts[track, b.SPACING]
    reach = AHEAD_BASE + AHEAD_TIME * max(f[st.VX], 0.0)
    w[STATION * LANES + j] = f[st.S] * per_spacing
    w[REACH * LANES + j] = reach
    w[CELLS * LANES + j] = reach * per_spacing
    w[SAMPLES * LANES + j] = bank.size[track]
    w[LAP_TURN * LANES + j] = facts[track, b.CLOSING_TURN]
    w[LAP_BEND * LANES + j] = facts[track, b.TOTAL_BEND]
    w[HEADINGS * LANES + j] = f[st.TRACK_HEADING]


@compiled(inline=True)
def find_cell(w, j, k):  # type: ignore[no-untyped-def]
    """Find the cell of point ``k`` of the way ahead."""
    n = w[SAMPLES * LANES + j]
    at = w[STATION * LANES + j] + AHEAD[k] * w[CELLS * LANES + j]
    laps = math.floor(at / n)
    at = min(max(at - laps * n, 0.0), n)
    row = min(math.floor(at), n - 1.0)
    w[(LAPS + k) * LANES + j] = laps
    w[(ROWS + k) * LANES + j] = row
    w[(FRACS + k) * LANES + j] = at - row


@compiled(inline=True)
def find_width(w, j, k):  # type: ignore[no-untyped-def]
    """Find the sample where width ``k`` is taken."""
    n = w[SAMPLES * LANES + j]
    at = w[STATION * LANES + j] + WIDTH_AT[k] * w[CELLS * LANES + j]
    w[(WIDTHS + k) * LANES + j] = math.floor(min(max(at - math.floor(at / n) * n, 0.0), n))


@compiled(inline=True)
def find_cells(w, j):  # type: ignore[no-untyped-def]
    """Find all cells that will be read. Spelled out: a loop here would not become vector code."""
    find_cell(w, j, 1)
    find_cell(w, j, 2)
    find_cell(w, j, 3)
    find_cell(w, j, 4)
    find_cell(w, j, 5)
    find_cell(w, j, 6)
    find_cell(w, j, 7)
    find_cell(w, j, 8)
    find_cell(w, j, 9)
    find_width(w, j, 0)
    find_width(w, j, 1)


@compiled(inline=True)
def fetch_way(w, j, bank, first):  # type: ignore[no-untyped-def]
    """Read the bank at the cells found; nothing else, so that many reads are under way at once."""
    way = bank.way
    for k in range(1, len(AHEAD)):
        here = first + int(w[(ROWS + k) * LANES + j])
        w[(HEADING_FROM + k) * LANES + j] = way[here, b.HEADING]
        w[(HEADING_TO + k) * LANES + j] = way[here + 1, b.HEADING]
    for k in range(N_NEAR, len(AHEAD)):
        here = first + int(w[(ROWS + k) * LANES + j])
        w[(BEND_FROM + k) * LANES + j] = way[here, b.BEND]
        w[(BEND_TO + k) * LANES + j] = way[here + 1, b.BEND]
    for k in range(len(WIDTH_AT)):
        w[(WIDTHS + k) * LANES + j] = bank.width[first + int(w[(WIDTHS + k) * LANES + j])]


@compiled(inline=True)
def see_self(w, j):  # type: ignore[no-untyped-def]
    """Observations of the car itself and of the road beside it."""
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
    w[20 * LANES + j] = clipped(w[20 * LANES + j] * (1.0 / 12.0))
    w[21 * LANES + j] = clipped(w[21 * LANES + j] * (1.0 / 12.0))
    w[REACH * LANES + j] = 1.0 / w[REACH * LANES + j]


@compiled(inline=True)
def see_turn(w, j, k):  # type: ignore[no-untyped-def]
    """By how much the road turns in stretch ``k``, which ends at point k + 1 [rad]."""
    heading = w[(HEADING_FROM + k + 1) * LANES + j]
    more = w[(HEADING_TO + k + 1) * LANES + j] - heading
    heading += w[(FRACS + k + 1) * LANES + j] * more
    heading += w[(LAPS + k + 1) * LANES + j] * w[LAP_TURN * LANES + j]
    w[(HEADINGS + k + 1) * LANES + j] = heading
    return heading - w[(HEADINGS + k) * LANES + j]


@compiled(inline=True)
def see_near(w, j, k):  # type: ignore[no-untyped-def]
    """Mean curvature of near stretch ``k``."""
    mean = see_turn(w, j, k) * (PER_SHARE[k] * w[REACH * LANES + j])
    root = math.sqrt(10.0 * abs(mean))
    w[(CURVATURES + k) * LANES + j] = clipped(root if mean >= 0.0 else -root)


@compiled(inline=True)
def see_bend(w, j, k):  # type: ignore[no-untyped-def]
    """Integral of curvature squared up to point ``k``."""
    bend = w[(BEND_FROM + k) * LANES + j]
    bend += w[(FRACS + k) * LANES + j] * (w[(BEND_TO + k) * LANES + j] - bend)
    w[(BENDS + k) * LANES + j] = bend + w[(LAPS + k) * LANES + j] * w[LAP_BEND * LANES + j]


@compiled(inline=True)
def scaled_bend(turn, square):  # type: ignore[no-untyped-def]
    """Root of a mean ``square`` of curvature, scaled, with the sign of the stretch's ``turn``."""
    side = 1.0 if turn > 0.0 else (-1.0 if turn < 0.0 else 0.0)
    return side * math.sqrt(10.0 * math.sqrt(square))


@compiled(inline=True)
def see_far(w, j, k):  # type: ignore[no-untyped-def]
    """Root mean square curvature of far stretch ``k``, with the sign of its turn."""
    turn = see_turn(w, j, k)
    bend = w[(BENDS + k + 1) * LANES + j] - w[(BENDS + k) * LANES + j]
    square = max(bend, 0.0) * (PER_SHARE[k] * w[REACH * LANES + j])
    w[(CURVATURES + k) * LANES + j] = clipped(scaled_bend(turn, square))


@compiled(inline=True)
def see_ahead(w, j):  # type: ignore[no-untyped-def]
    """Observations of the way ahead; spelled out like ``find_cells``."""
    see_near(w, j, 0)
    see_near(w, j, 1)
    see_near(w, j, 2)
    see_near(w, j, 3)
    see_near(w, j, 4)
    see_near(w, j, 5)
    see_bend(w, j, 6)
    see_bend(w, j, 7)
    see_bend(w, j, 8)
    see_bend(w, j, 9)
    see_far(w, j, 6)
    see_far(w, j, 7)
    see_far(w, j, 8)


@compiled(inline=True)
def prepare(w, floats, ints, params, actions, bank, rows, begin, end):  # type: ignore[no-untyped-def]
    """Load the block of cars ``rows[begin:end]``, find what it will see and ask for it."""
    lanes = min(LANES, end - begin)
    for j in range(lanes):
        i = rows[begin + j]
        load(w, j, floats[i], ints[i], params[i], actions[i], bank)
    for j in range(lanes):
        find_cells(w, j)
    for j in range(lanes):
        first = bank.start[ints[rows[begin + j], st.TRACK]]
        for k in range(1, len(AHEAD)):
            prefetch_row(bank.way, first + int(w[(ROWS + k) * LANES + j]))
        for k in range(len(WIDTH_AT)):
            prefetch_row(bank.width, first + int(w[(WIDTHS + k) * LANES + j]))


@compiled()
def observe_rows(floats, ints, params, actions, bank, rows, out):  # type: ignore[no-untyped-def]
    """Write the observations of some of N cars; each block is prepared a block early.

    Args:
        floats: (N, N_FLOATS) state.
        ints: (N, N_INTS) state.
        params: (N, N_PARAMS) of the cars.
        actions: (N, 2) the last action each chose.
        bank: the packed tracks.
        rows: (M,) which cars.
        out: (N, 22) float32, their rows overwritten; the table above.
    """
    begin = 0
    end = len(rows)
    w = np.zeros(N_COLUMNS * LANES)
    upcoming = np.zeros(N_COLUMNS * LANES)
    prepare(w, floats, ints, params, actions, bank, rows, begin, end)
    while begin < end:
        lanes = min(LANES, end - begin)
        if begin + LANES < end:
            prepare(upcoming, floats, ints, params, actions, bank, rows, begin + LANES, end)
        for j in range(lanes):
            fetch_way(w, j, bank, bank.start[ints[rows[begin + j], st.TRACK]])
        for j in range(lanes):
            see_self(w, j)
        for j in range(lanes):
            see_ahead(w, j)
        for j in range(lanes):
            i = rows[begin + j]
            for k in range(N_OBS):
                out[i, k] = w[k * LANES + j]
        w, upcoming = upcoming, w
        begin += LANES


@compiled()
def observe_serial(floats, ints, params, actions, bank, out):  # type: ignore[no-untyped-def]
    """Write the observations of all N cars; arguments as ``observe_rows``."""
    observe_rows(floats, ints, params, actions, bank, np.arange(len(floats)), out)
