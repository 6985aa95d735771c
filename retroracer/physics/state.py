"""The state arrays of N cars, and the names of their columns."""

from __future__ import annotations

from typing import NamedTuple

from retroracer.track.geometry import Array, Ints

# Float columns (N, N_FLOATS), SI units.
(
    X,  # position
    Y,
    HEADING,  # unwrapped
    VX,  # forward speed
    VY,  # sideways speed, left positive
    YAW_RATE,
    AX,  # rates of change of VX, VY and YAW_RATE in the last physics step
    AY,
    AR,
    STEER_ANGLE,  # of the front wheels, left positive
    S,  # station in [0, length)
    OFFSET,  # lateral offset from the centreline, left positive
    TRACK_HEADING,  # direction of the track at S, continuous within a lap
    HALF_LEFT,  # half-widths of the road at S
    HALF_RIGHT,
    GRIP,  # factor of the surface under the car
    DRAG,  # its extra deceleration at the car's speed
    PROGRESS,  # [m] since the start, backward counts negative
    TIME,  # since the start
    LAP_FINISH,  # value of PROGRESS at which the current lap ends
    NEXT_LINE,  # value of PROGRESS at which the current sector ends
    LAP_START,  # value of TIME at which the current lap began
    LAST_LAP,  # time of the last complete timed lap, nan before there is one
    OFF_TIME,  # time beyond track limits since the start
    OFF_FOR,  # time beyond track limits without interruption, up to now
    LAP_OFF,  # time beyond track limits in the current lap
    LAST_LAP_OFF,  # time beyond track limits in the last lap
    STEP_PROGRESS,  # progress made in the last advance
    STEP_LEGAL,  # part of it made inside track limits; lost progress counts everywhere
    STEP_OFF,  # time beyond track limits in the last advance
    STEP_WALL,  # time against a wall in the last advance
    STEP_IMPACT,  # largest speed into a wall in the last advance
    N_FLOATS,
) = range(33)

# Integer columns (N, N_INTS).
(
    TRACK,  # index into the bank
    LAP,  # laps completed
    SECTOR,  # current sector, from 0
    TIMED,  # 1 if the current lap began at the line or on the grid, 0 on a partial first lap
    STEP_LAP,  # 1 if the last advance completed a lap
    N_INTS,
) = range(6)


class Cars(NamedTuple):
    """State and parameters of N cars; the state is changed in place.

    Attributes:
        floats: (N, N_FLOATS) float64.
        ints: (N, N_INTS) int64.
        params: (N, N_PARAMS) float64 parameter rows, columns named in ``car``; only read.
        splits: (N, MAX_SECTORS) race times at which sectors of the current lap ended [s].
        last_sectors: (N, MAX_SECTORS) sector times of the last timed lap [s], nan where none.
    """

    floats: Array
    ints: Ints
    params: Array
    splits: Array
    last_sectors: Array
