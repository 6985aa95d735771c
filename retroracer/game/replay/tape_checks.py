"""Whether a tape read from a file can be driven: compiled code believes every number it is given.

Owns the bounds of what is on a tape and the comparison of its start with a track. A wrong number
here would be an index out of range, or a lap that never ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.physics import state
from retroracer.physics.company import MOST_CARS
from retroracer.physics.race import PHYSICS_DT, Race
from retroracer.track import bank
from retroracer.track.geometry import Array

LONGEST = 300_000
"""Physics steps on a tape at most: 50 minutes. What is longer is not recorded."""

MOST_INPUTS = 1_200_000
"""Physics steps of all cars of a tape at most: ten minutes of twenty cars, 50 of four."""

MOST_NAME = 80

FASTEST = 400.0
"""No car moves faster than this [m/s]."""

LATEST = 1e6
"""No race lasts longer [s]."""

ROLES = ("human", "agent", "ghost")

_MAY_BE_NAN = (state.LAST_LAP, state.LAST_LAP_OFF)
_MOST = {
    state.VX: FASTEST,
    state.VY: FASTEST,
    state.YAW_RATE: 100.0,
    state.AX: 1e5,
    state.AY: 1e5,
    state.AR: 1e5,
    state.STEER_ANGLE: 3.2,
}
"""Largest magnitudes of what the next step goes on from, SI units."""

_TIMES = (state.TIME, state.LAP_START, state.OFF_TIME, state.OFF_FOR, state.LAP_OFF)


class TapeError(ValueError):
    """A tape is none of ours, is damaged, or was not recorded here; the reason in words."""


def check_arrays(floats: Array, ints: Array, splits: Array, actions: Array, n: int) -> None:
    """Refuse arrays of a tape of ``n`` cars that are of a wrong shape, type or range.

    Raises:
        TapeError: saying what is wrong.
    """
    shapes = {
        "floats": (floats, np.float64, (n, state.N_FLOATS)),
        "ints": (ints, np.int64, (n, state.N_INTS)),
        "splits": (splits, np.float64, (n, bank.MAX_SECTORS)),
        "actions": (actions, np.float32, (len(actions) if actions.ndim else 0, n, 2)),
    }
    for name, (array, kind, shape) in shapes.items():
        if array.dtype != kind or array.shape != shape:
            raise TapeError(f"{name} are {array.dtype} of shape {array.shape}")
    if not 0 < len(actions) <= LONGEST or len(actions) * n > MOST_INPUTS:
        raise TapeError(f"it has {len(actions)} steps")
    if not (np.abs(actions) <= 1.001).all():
        raise TapeError("inputs are not between -1 and 1")
    whole = np.delete(floats, _MAY_BE_NAN, axis=1)
    if not (np.abs(whole) <= 1e9).all() or np.isinf(floats).any() or np.isinf(splits).any():
        raise TapeError("a car's state is not finite")
    if not (np.abs(floats[:, list(_MOST)]) <= list(_MOST.values())).all():
        raise TapeError("a car moves as no car can")
    times = floats[:, _TIMES]
    if not ((times >= 0.0) & (times <= LATEST)).all():
        raise TapeError("a clock is out of range")
    if ints.min() < 0 or ints.max() > 1_000_000 or ints[:, state.TIMED].max() > 1:
        raise TapeError("a counter is out of range")


def check_facts(facts: Any, steps: int) -> None:
    """Refuse what is written beside the arrays if it is of a wrong type or range.

    Raises:
        TapeError: saying what is wrong.
    """
    if not isinstance(facts, dict):
        raise TapeError("it lacks its facts")
    cars, names, roles = facts.get("cars"), facts.get("names"), facts.get("roles")
    if not (isinstance(cars, list) and isinstance(names, list) and isinstance(roles, list)):
        raise TapeError("it lacks cars, names or roles")
    if not 1 <= len(cars) == len(names) == len(roles) or len(cars) > MOST_CARS:
        raise TapeError("cars, names and roles are not as many")
    if not all(isinstance(n, str) for n in names) or not all(r in ROLES for r in roles):
        raise TapeError("a name or role is none")
    resets, leaves = facts.get("resets"), facts.get("leaves", [])
    if not isinstance(resets, list) or len(resets) > LONGEST:
        raise TapeError("it lacks its resets")
    if not isinstance(leaves, list) or len(leaves) > len(cars):
        raise TapeError("its leaves are none")
    for event in resets + leaves:
        pair = event if isinstance(event, list) else [event, 0]
        if len(pair) != 2 or not all(type(k) is int for k in pair):
            raise TapeError("a reset is out of range")
        if not (0 <= pair[0] <= steps and 0 <= pair[1] < len(cars)):
            raise TapeError("a reset is out of range")
    solid = facts.get("solid", [])
    if not isinstance(solid, list) or len(solid) not in (0, len(cars)):
        raise TapeError("it does not say who is solid")
    if not all(isinstance(s, bool) for s in (*solid, facts.get("race", False))):
        raise TapeError("it does not say who is solid")
    lap_time = facts.get("lap_time", "")
    if lap_time is not None and (
        isinstance(lap_time, bool)
        or not isinstance(lap_time, int | float)
        or not 0.0 < lap_time <= (steps + LONGEST) * PHYSICS_DT
    ):
        raise TapeError("its lap time is out of range")
    if not isinstance(facts.get("valid"), bool):
        raise TapeError("it does not say whether the lap counts")


def plain_name(name: str) -> str:
    """A driver's name that can be printed."""
    return "".join(c if c.isprintable() else "?" for c in name[:MOST_NAME])


def check_start(race: Race, floats: Array, ints: npt.NDArray[np.int64]) -> None:
    """Refuse a start (N, N_FLOATS), (N, N_INTS) that no car on this race's track can be in.

    The race's cars, which are those of the tape, are placed anew.

    Raises:
        TapeError: saying what does not fit.
    """
    length = race.length()
    s, offset = floats[:, state.S], floats[:, state.OFFSET]
    if not ((s >= 0.0) & (s < length)).all() or not (np.abs(offset) < 1000.0).all():
        raise TapeError("it begins beside this track")
    race.place(s=s, lateral_offset=offset)
    sides = [state.X, state.Y, state.HALF_LEFT, state.HALF_RIGHT]
    off = np.abs(race.floats[:, sides] - floats[:, sides])
    turned = floats[:, state.TRACK_HEADING] - race.floats[:, state.TRACK_HEADING]
    if not (off < 5.0).all() or not (np.cos(turned) > 0.9).all():
        raise TapeError("it begins beside this track")
    left = floats[:, state.LAP_FINISH] - floats[:, state.PROGRESS]
    laps = np.round((left - (length - s)) / length)
    if (
        not (np.abs(left - (length - s) - laps * length) < 1.0).all()
        or not ((laps >= 0) & (laps <= 3)).all()
    ):
        raise TapeError("the distance to its finish is not this track's")
    for row in range(race.n):
        facts = race.bank.facts[0]
        count, sector = int(facts[bank.N_SECTORS]), int(ints[row, state.SECTOR])
        if sector >= count:
            raise TapeError("its sectors are not this track's")
        line = 0.0 if sector + 1 == count else facts[bank.SECTORS + sector] - facts[bank.LENGTH]
        aims = floats[row, state.LAP_FINISH] + line
        if abs(floats[row, state.NEXT_LINE] - aims) > 1e-3 or aims <= floats[row, state.PROGRESS]:
            raise TapeError("its sectors are not this track's")
