"""The observation of the task, for N cars of a ``Race``.

Compiled over blocks of cars like the kernel. To change the observation, change ``TABLE`` and the
``see_...`` functions (and what ``load`` and ``fetch_way`` fetch for them), and give the layout a
new id.

Every number is scaled to about one as ``TABLE`` says, and clipped to +-LIMIT.

The way ahead is the road from the car to AHEAD_BASE + AHEAD_TIME * speed metres ahead, divided at
the shares AHEAD. It grows with speed, so that a driver always sees further than its braking
distance. Curvatures are given as roots, because the speed a corner allows is proportional to the
root of its radius.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from retroracer.compiled import compiled, prefetch_row
from retroracer.physics import state as st
from retroracer.physics.block import LANES
from retroracer.physics.car import MU
from retroracer.physics.state import Cars
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Ints

Floats = npt.NDArray[np.float32]

LAYOUT = "road-22.3"
"""Id of this observation; every model records the one it was trained on."""

LIMIT = 5.0
"""Bound of every observation."""


class Quantity(NamedTuple):
    """One number of the observation.

    Attributes:
        name: of the number.
        unit: SI; "" for a ratio.
        scale: the value is divided by this.
        meaning: meaning and sign.
        root: True for a curvature: the root of the scaled magnitude, with its sign.
    """

    name: str
    unit: str
    scale: float
    meaning: str
    root: bool = False


TABLE = (
    Quantity("speed", "m/s", 50.0, "forward"),
    Quantity("lateral_velocity", "m/s", 10.0, "left positive"),
    Quantity("yaw_rate", "rad/s", 2.0, "counter-clockwise positive"),
    Quantity("steer_angle", "rad", 0.5, "of the front wheels, left positive"),
    Quantity("middle_far", "m", 6.0, "middle of the road 28 % of the way ahead, left positive"),
    Quantity("heading_error", "rad", 1.0, "car minus track, in (-pi, pi]"),
    Quantity("edge_left", "m", 6.0, "distance to the left edge, < 0 beyond it"),
    Quantity("edge_right", "m", 6.0, "distance to the right edge, < 0 beyond it"),
    Quantity("grip", "", 1.5, "friction coefficient under the car"),
    Quantity("previous_steer", "", 1.0, "last action, left positive"),
    Quantity("previous_throttle", "", 1.0, "last action, < 0 brakes"),
    *(
        Quantity(f"curvature_{k}", "1/m", 0.1, "mean over a near stretch, left positive", True)
        for k in range(1, 7)
    ),
    *(
        Quantity(
            f"bend_{k}", "1/m", 0.1, "root mean square over a far stretch, sign of its turn", True
        )
        for k in range(1, 4)
    ),
    Quantity("edge_left_near", "m", 6.0, "distance to the left edge, 12 % of the way ahead"),
    Quantity("edge_right_near", "m", 6.0, "distance to the right edge, 12 % of the way ahead"),
)
"""The observation, in order. Far stretches give the root mean square of curvature, so that the two
halves of a chicane do not cancel."""

N_OBS = len(TABLE)
OBS_NAMES = tuple(q.name for q in TABLE)
SCALES = tuple(q.scale for q in TABLE)
_PER = tuple(1.0 / scale for scale in SCALES)

SPEED = OBS_NAMES.index("speed")
LATERAL_VELOCITY = OBS_NAMES.index("lateral_velocity")
YAW_RATE = OBS_NAMES.index("yaw_rate")
STEER_ANGLE = OBS_NAMES.index("steer_angle")
MIDDLE = OBS_NAMES.index("middle_far")
HEADING_ERROR = OBS_NAMES.index("heading_error")
EDGE_LEFT = OBS_NAMES.index("edge_left")
EDGE_RIGHT = OBS_NAMES.index("edge_right")
GRIP = OBS_NAMES.index("grip")
PREVIOUS_STEER = OBS_NAMES.index("previous_steer")
PREVIOUS_THROTTLE = OBS_NAMES.index("previous_throttle")
CURVATURES = OBS_NAMES.index("curvature_1")
"""Index of the first stretch; near ones come first."""
NEAR_LEFT = OBS_NAMES.index("edge_left_near")
NEAR_RIGHT = OBS_NAMES.index("edge_right_near")

AHEAD_BASE = 30.0
"""Length of the way ahead at rest [m]."""

AHEAD_TIME = 3.0
"""Growth of its length with speed [s]."""

AHEAD = np.array([0.0, 0.03, 0.07, 0.12, 0.19, 0.28, 0.40, 0.56, 0.76, 1.0])
"""Points that divide the way ahead, as shares of it: six near stretches, then three far ones."""

N_NEAR = 6
PER_SHARE = 1.0 / np.diff(AHEAD)
NEAR_POINT, MIDDLE_POINT = 3, 5
"""Indices of the points of the way ahead at which the edges, and the middle, are observed."""

# Columns of the scratch memory of a block: the observation itself, then intermediate values.
(
    STATION,  # in cells
    REACH,  # length of the way ahead [m] and in cells
    CELLS,
    SAMPLES,  # of the track
    LAP_TURN,  # turn and bend of a whole lap
    LAP_BEND,
    OFFSET,  # of the car [m]
) = range(N_OBS, N_OBS + 7)
# For each of the points that divide the way ahead: row and fraction of its cell, the values of
# ``way`` at both ends of the cell, then heading and bend at the point.
ROWS = N_OBS + 7
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
def clipped(value: float) -> float:
    """A scaled number of the observation, clipped to +-LIMIT."""
    return min(max(value, -LIMIT), LIMIT)


@compiled(inline=True)
def load(w: Array, j: int, f: Array, g: Ints, p: Array, action: Array, bank: TrackBank) -> None:
    """Copy a car's motion, last action and position into lane ``j``, unscaled."""
    w[SPEED * LANES + j] = f[st.VX]
    w[LATERAL_VELOCITY * LANES + j] = f[st.VY]
    w[YAW_RATE * LANES + j] = f[st.YAW_RATE]
    w[STEER_ANGLE * LANES + j] = f[st.STEER_ANGLE]
    w[OFFSET * LANES + j] = f[st.OFFSET]
    w[HEADING_ERROR * LANES + j] = f[st.HEADING] - f[st.TRACK_HEADING]
    w[EDGE_LEFT * LANES + j] = f[st.HALF_LEFT]
    w[EDGE_RIGHT * LANES + j] = f[st.HALF_RIGHT]
    w[GRIP * LANES + j] = p[MU] * f[st.GRIP]
    w[PREVIOUS_STEER * LANES + j] = action[0]
    w[PREVIOUS_THROTTLE * LANES + j] = action[1]
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
def find_cell(w: Array, j: int, k: int) -> None:
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
def find_cells(w: Array, j: int) -> None:
    """Find all cells that will be read. Unrolled by hand: a loop would not be vectorised."""
    find_cell(w, j, 1)
    find_cell(w, j, 2)
    find_cell(w, j, 3)
    find_cell(w, j, 4)
    find_cell(w, j, 5)
    find_cell(w, j, 6)
    find_cell(w, j, 7)
    find_cell(w, j, 8)
    find_cell(w, j, 9)


@compiled(inline=True)
def fetch_way(w: Array, j: int, bank: TrackBank, first: int) -> None:
    """Read the bank at the cells found. It does nothing else, so that reads overlap."""
    way = bank.way
    for k in range(1, len(AHEAD)):
        here = first + int(w[(ROWS + k) * LANES + j])
        w[(HEADING_FROM + k) * LANES + j] = way[here, b.HEADING]
        w[(HEADING_TO + k) * LANES + j] = way[here + 1, b.HEADING]
    for k in range(N_NEAR, len(AHEAD)):
        here = first + int(w[(ROWS + k) * LANES + j])
        w[(BEND_FROM + k) * LANES + j] = way[here, b.BEND]
        w[(BEND_TO + k) * LANES + j] = way[here + 1, b.BEND]
    edges = bank.edges
    here = first + int(w[(ROWS + NEAR_POINT) * LANES + j])
    frac = w[(FRACS + NEAR_POINT) * LANES + j]
    w[NEAR_LEFT * LANES + j] = edges[here, 0] + frac * (edges[here + 1, 0] - edges[here, 0])
    w[NEAR_RIGHT * LANES + j] = edges[here, 1] + frac * (edges[here + 1, 1] - edges[here, 1])
    here = first + int(w[(ROWS + MIDDLE_POINT) * LANES + j])
    frac = w[(FRACS + MIDDLE_POINT) * LANES + j]
    middle = edges[here, 0] - edges[here, 1]
    more = edges[here + 1, 0] - edges[here + 1, 1] - middle
    w[MIDDLE * LANES + j] = 0.5 * (middle + frac * more)


@compiled(inline=True)
def see_self(w: Array, j: int) -> None:
    """Compute the numbers about the car itself and the road beside it."""
    offset = w[OFFSET * LANES + j]
    error = w[HEADING_ERROR * LANES + j]
    error -= 2.0 * math.pi * math.floor(error * (0.5 / math.pi) + 0.5)
    w[SPEED * LANES + j] = clipped(w[SPEED * LANES + j] * _PER[SPEED])
    w[LATERAL_VELOCITY * LANES + j] = clipped(
        w[LATERAL_VELOCITY * LANES + j] * _PER[LATERAL_VELOCITY]
    )
    w[YAW_RATE * LANES + j] = clipped(w[YAW_RATE * LANES + j] * _PER[YAW_RATE])
    w[STEER_ANGLE * LANES + j] = clipped(w[STEER_ANGLE * LANES + j] * _PER[STEER_ANGLE])
    w[MIDDLE * LANES + j] = clipped((w[MIDDLE * LANES + j] - offset) * _PER[MIDDLE])
    w[HEADING_ERROR * LANES + j] = error
    w[EDGE_LEFT * LANES + j] = clipped((w[EDGE_LEFT * LANES + j] - offset) * _PER[EDGE_LEFT])
    w[EDGE_RIGHT * LANES + j] = clipped((w[EDGE_RIGHT * LANES + j] + offset) * _PER[EDGE_RIGHT])
    w[GRIP * LANES + j] = clipped(w[GRIP * LANES + j] * _PER[GRIP])
    w[NEAR_LEFT * LANES + j] = clipped((w[NEAR_LEFT * LANES + j] - offset) * _PER[NEAR_LEFT])
    w[NEAR_RIGHT * LANES + j] = clipped((w[NEAR_RIGHT * LANES + j] + offset) * _PER[NEAR_RIGHT])
    w[REACH * LANES + j] = 1.0 / w[REACH * LANES + j]


@compiled(inline=True)
def see_turn(w: Array, j: int, k: int) -> Any:
    """Change of the road's heading in stretch ``k``, which ends at point k + 1 [rad]."""
    heading = w[(HEADING_FROM + k + 1) * LANES + j]
    more = w[(HEADING_TO + k + 1) * LANES + j] - heading
    heading += w[(FRACS + k + 1) * LANES + j] * more
    heading += w[(LAPS + k + 1) * LANES + j] * w[LAP_TURN * LANES + j]
    w[(HEADINGS + k + 1) * LANES + j] = heading
    return heading - w[(HEADINGS + k) * LANES + j]


@compiled(inline=True)
def see_near(w: Array, j: int, k: int) -> None:
    """Mean curvature of near stretch ``k``."""
    mean = see_turn(w, j, k) * (PER_SHARE[k] * w[REACH * LANES + j])
    root = math.sqrt(_PER[CURVATURES] * abs(mean))
    w[(CURVATURES + k) * LANES + j] = clipped(root if mean >= 0.0 else -root)


@compiled(inline=True)
def see_bend(w: Array, j: int, k: int) -> None:
    """Integral of curvature squared up to point ``k``."""
    bend = w[(BEND_FROM + k) * LANES + j]
    bend += w[(FRACS + k) * LANES + j] * (w[(BEND_TO + k) * LANES + j] - bend)
    w[(BENDS + k) * LANES + j] = bend + w[(LAPS + k) * LANES + j] * w[LAP_BEND * LANES + j]


@compiled(inline=True)
def scaled_bend(turn: float, square: float) -> float:
    """Scaled root of the root mean square curvature, with the sign of the stretch's ``turn``.

    ``square`` is the mean square of curvature [1/m^2].
    """
    side = 1.0 if turn > 0.0 else (-1.0 if turn < 0.0 else 0.0)
    return side * math.sqrt(_PER[CURVATURES] * math.sqrt(square))


@compiled(inline=True)
def see_far(w: Array, j: int, k: int) -> None:
    """Root mean square curvature of far stretch ``k``, with the sign of its turn."""
    turn = see_turn(w, j, k)
    bend = w[(BENDS + k + 1) * LANES + j] - w[(BENDS + k) * LANES + j]
    square = max(bend, 0.0) * (PER_SHARE[k] * w[REACH * LANES + j])
    w[(CURVATURES + k) * LANES + j] = clipped(scaled_bend(turn, square))


@compiled(inline=True)
def see_ahead(w: Array, j: int) -> None:
    """Compute the numbers about the way ahead; unrolled by hand like ``find_cells``."""
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
def prepare(
    w: Array,
    cars: Cars,
    actions: Array,
    bank: TrackBank,
    rows: Ints,
    begin: int,
    end: int,
) -> None:
    """Load the block of cars ``rows[begin:end]``, find the cells ahead and prefetch them."""
    lanes = min(LANES, end - begin)
    for j in range(lanes):
        i = rows[begin + j]
        load(w, j, cars.floats[i], cars.ints[i], cars.params[i], actions[i], bank)
    for j in range(lanes):
        find_cells(w, j)
    for j in range(lanes):
        first = bank.start[cars.ints[rows[begin + j], st.TRACK]]
        for k in range(1, len(AHEAD)):
            prefetch_row(bank.way, first + int(w[(ROWS + k) * LANES + j]))
        prefetch_row(bank.edges, first + int(w[(ROWS + NEAR_POINT) * LANES + j]))
        prefetch_row(bank.edges, first + int(w[(ROWS + MIDDLE_POINT) * LANES + j]))


@compiled()
def observe_rows(cars: Cars, actions: Array, bank: TrackBank, rows: Ints, out: Floats) -> None:
    """Write the observations of some of N cars; each block is prefetched one block early.

    Args:
        cars: all N.
        actions: (N, 2) the last action of each driver.
        bank: the packed tracks.
        rows: (M,) the cars to observe.
        out: (N, 22) float32, these rows overwritten; columns as in ``TABLE``.
    """
    begin = 0
    end = len(rows)
    w = np.zeros(N_COLUMNS * LANES)
    upcoming = np.zeros(N_COLUMNS * LANES)
    prepare(w, cars, actions, bank, rows, begin, end)
    while begin < end:
        lanes = min(LANES, end - begin)
        if begin + LANES < end:
            prepare(upcoming, cars, actions, bank, rows, begin + LANES, end)
        for j in range(lanes):
            fetch_way(w, j, bank, bank.start[cars.ints[rows[begin + j], st.TRACK]])
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
