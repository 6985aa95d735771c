"""The kernel's scratch memory for a block of cars: columns of LANES cars, not rows.

Owns the layout of that memory, and copying cars in and out. A column holds one quantity of all
cars of the block, so that a loop over the lanes becomes vector instructions. Columns: those of the
state (``state``), then the car's parameters (``car``), then those below.
"""

from __future__ import annotations

import math

import numpy as np

from retroracer.compiled import compiled, prefetch_row
from retroracer.physics import car as c
from retroracer.physics import state as st
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Ints

LANES = 8
"""Cars in a block: numbers in a 512-bit register."""

PARAMS = st.N_FLOATS
"""Column of the first car parameter."""

(
    STEER,  # the action, within its bounds
    THROTTLE,
    SPACING,  # of the track's samples
    PER_SPACING,
    SAMPLES,  # number of the track's samples
    ROW,  # the cell the car is in: its row in the track, and the fraction within it
    FRAC,
    FOOT,  # projection onto the centreline after moving, as a fraction of this cell
    MOVED2,  # square of the distance moved
    GAIN,  # stations gained
    CELL_X,  # first sample of the cell
    CELL_Y,
    CELL_DX,  # to the next one
    CELL_DY,
    CELL_TX,  # unit tangent
    CELL_TY,
    CELL_UX,  # its change
    CELL_UY,
    CELL_BEND,  # curvature
    CELL_LEFT,  # half-widths, and their change
    CELL_LEFT_MORE,
    CELL_RIGHT,
    CELL_RIGHT_MORE,
    PLAIN,  # distance from the centreline up to which there is only asphalt
    N_COLUMNS,
) = range(PARAMS + c.N_PARAMS, PARAMS + c.N_PARAMS + 25)


@compiled(inline=True)
def scratch() -> Array:
    """Memory for one block."""
    return np.zeros(N_COLUMNS * LANES)


@compiled(inline=True)
def load_cell(w: Array, j: int, bank: TrackBank, first: int, row: int) -> None:
    """Copy the cell that begins with sample ``row`` of a track into lane ``j``."""
    main = bank.main
    here = first + row
    there = here + 1
    x, y = main[here, b.X], main[here, b.Y]
    tx, ty = main[here, b.TX], main[here, b.TY]
    left, right = main[here, b.LEFT], main[here, b.RIGHT]
    w[ROW * LANES + j] = row
    w[CELL_X * LANES + j] = x
    w[CELL_Y * LANES + j] = y
    w[CELL_DX * LANES + j] = main[there, b.X] - x
    w[CELL_DY * LANES + j] = main[there, b.Y] - y
    w[CELL_TX * LANES + j] = tx
    w[CELL_TY * LANES + j] = ty
    w[CELL_UX * LANES + j] = main[there, b.TX] - tx
    w[CELL_UY * LANES + j] = main[there, b.TY] - ty
    w[CELL_BEND * LANES + j] = main[here, b.CURVATURE]
    w[CELL_LEFT * LANES + j] = left
    w[CELL_LEFT_MORE * LANES + j] = main[there, b.LEFT] - left
    w[CELL_RIGHT * LANES + j] = right
    w[CELL_RIGHT_MORE * LANES + j] = main[there, b.RIGHT] - right
    w[PLAIN * LANES + j] = main[here, b.PLAIN]


@compiled(inline=True)
def load_car(w: Array, j: int, f: Array, g: Ints, p: Array, action: Array, bank: TrackBank) -> None:
    """Copy a car's rows (state ``f`` and ``g``, parameters ``p``, action) into lane ``j``."""
    for k in range(st.STEP_PROGRESS):
        w[k * LANES + j] = f[k]
    for k in range(st.STEP_PROGRESS, st.N_FLOATS):
        w[k * LANES + j] = 0.0
    g[st.STEP_LAP] = 0
    for k in range(c.N_PARAMS):
        w[(PARAMS + k) * LANES + j] = p[k]
    w[STEER * LANES + j] = min(max(action[0], -1.0), 1.0)
    w[THROTTLE * LANES + j] = min(max(action[1], -1.0), 1.0)
    track = g[st.TRACK]
    n = bank.size[track]
    per_spacing = 1.0 / bank.facts[track, b.SPACING]
    w[SPACING * LANES + j] = bank.facts[track, b.SPACING]
    w[PER_SPACING * LANES + j] = per_spacing
    w[SAMPLES * LANES + j] = n
    u = f[st.S] * per_spacing
    row = min(math.floor(u), n - 1.0)
    w[FRAC * LANES + j] = u - row
    load_cell(w, j, bank, bank.start[track], int(row))


@compiled(inline=True)
def prefetch_cars(floats: Array, ints: Ints, bank: TrackBank, begin: int, end: int) -> None:
    """Prefetch the samples under the cars of rows ``begin`` to ``end``, the next block."""
    for i in range(begin, end):
        track = ints[i, st.TRACK]
        here = bank.start[track] + int(floats[i, st.S] / bank.facts[track, b.SPACING])
        prefetch_row(bank.main, here)
        prefetch_row(bank.main, here + 1)
        if abs(floats[i, st.OFFSET]) > min(floats[i, st.HALF_LEFT], floats[i, st.HALF_RIGHT]) - 1.0:
            prefetch_row(bank.side, here)


@compiled(inline=True)
def save_car(w: Array, j: int, f: Array) -> None:
    """Write lane ``j`` back to a car's state row."""
    for k in range(st.N_FLOATS):
        f[k] = w[k * LANES + j]


@compiled(inline=True)
def car_in(w: Array, j: int) -> tuple[float, ...]:
    """The parameters of the car in lane ``j`` as a tuple, columns named in ``car``.

    Unrolled by hand: only so does the compiler load each once and drop those not used.
    """
    i = PARAMS * LANES + j
    return (
        w[i],
        w[i + 1 * LANES],
        w[i + 2 * LANES],
        w[i + 3 * LANES],
        w[i + 4 * LANES],
        w[i + 5 * LANES],
        w[i + 6 * LANES],
        w[i + 7 * LANES],
        w[i + 8 * LANES],
        w[i + 9 * LANES],
        w[i + 10 * LANES],
        w[i + 11 * LANES],
        w[i + 12 * LANES],
        w[i + 13 * LANES],
        w[i + 14 * LANES],
        w[i + 15 * LANES],
        w[i + 16 * LANES],
        w[i + 17 * LANES],
        w[i + 18 * LANES],
        w[i + 19 * LANES],
        w[i + 20 * LANES],
        w[i + 21 * LANES],
        w[i + 22 * LANES],
        w[i + 23 * LANES],
        w[i + 24 * LANES],
        w[i + 25 * LANES],
        w[i + 26 * LANES],
        w[i + 27 * LANES],
        w[i + 28 * LANES],
    )
