"""The flags of a race: what a driver is warned of. They change nothing."""

from __future__ import annotations

import numpy as np

from retroracer.physics.race import Race
from retroracer.track.geometry import Array

CHEQUERED, YELLOW, BLUE, NONE = "chequered", "yellow", "blue", ""

YELLOW_WITHIN = 150.0
"""A car that hardly moves so far ahead is told of by a yellow flag [m]."""

SLOW = 10.0
"""Such a car is slower than this [m/s]."""

CALM = 6.0
"""No yellow flag so long after the start: everybody is slow [s]."""

BLUE_WITHIN = 30.0
"""A car a lap ahead so close behind is told of by a blue flag [m]."""


def flag_for(race: Race, rows: slice, k: int, distance: Array, time: float) -> str:
    """The flag that a car still racing is shown: yellow before blue, or none.

    Yellow: a car that hardly moves is on the road ahead. Blue: a car that is a lap ahead comes up
    from behind.

    Args:
        race: the cars.
        rows: those that race one another.
        k: which of them is shown it.
        distance: (K,) how far each has raced [m].
        time: since the start [s].
    """
    assert race.company is not None
    length = float(race.length()[rows][k])
    station = race.s[rows]
    ahead: Array = station - station[k]
    ahead = ahead - length * np.floor(ahead / length + 0.5)
    others = race.company.solid[rows].copy()
    others[k] = False
    slow = (race.speed[rows] < SLOW) & (ahead > 0.0) & (ahead < YELLOW_WITHIN)
    if time > CALM and (others & slow).any():
        return YELLOW
    laps = distance - distance[k] > 0.5 * length
    near = (ahead < 0.0) & (ahead > -BLUE_WITHIN)
    return BLUE if (others & laps & near).any() else NONE
