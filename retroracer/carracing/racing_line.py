"""A line round a CarRacing track, and how fast it can be driven.

Owns: the line of least curvature within some room, its bends, and the speeds from which every
bend ahead can still be taken.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROUNDS = 250


def calmest(middle: Floats, right: Floats, room: float, shortness: float) -> Floats:
    """How far right of the middle the line of least curvature runs.

    Minimises the squared second differences of the line, and ``shortness`` times the squared
    first ones, by accelerated projected gradients.

    Args:
        middle: (N, 2) closed, evenly spaced.
        right: (N, 2) unit vectors across the road.
        room: bound on the result.
        shortness: weight.
    """
    aside = np.zeros(len(middle))
    ahead, pace = aside, 1.0
    for _ in range(_ROUNDS):
        line = middle + right * ahead[:, None]
        second = np.roll(line, 1, 0) - 2.0 * line + np.roll(line, -1, 0)
        slope = np.roll(second, 1, 0) - 2.0 * second + np.roll(second, -1, 0) - shortness * second
        step = (slope * right).sum(1) / (16.0 + 4.0 * shortness)
        new = np.clip(ahead - step, -room, room)
        faster = (1.0 + math.sqrt(1.0 + 4.0 * pace * pace)) / 2.0
        ahead = new + (pace - 1.0) / faster * (new - aside)
        aside, pace = new, faster
    return aside


def bends(line: Floats) -> tuple[Floats, Floats]:
    """Curvature at each point of a closed line, left positive, and the way to the next point."""
    back, on = line - np.roll(line, 1, 0), np.roll(line, -1, 0) - line
    across = back + on
    lengths: list[Floats] = [np.hypot(d[:, 0], d[:, 1]) for d in (back, on, across)]
    cross = back[:, 0] * on[:, 1] - back[:, 1] * on[:, 0]
    curvature = 2.0 * cross / (lengths[0] * lengths[1] * lengths[2])
    smooth = (np.roll(curvature, 1) + 2.0 * curvature + np.roll(curvature, -1)) / 4.0
    return smooth, lengths[1]


def speeds(curvature: Floats, lengths: Floats, grip: float, braking: float, top: float) -> Floats:
    """The speed at each point from which all bends ahead can still be taken.

    Args:
        curvature: (N,) of a closed line.
        lengths: (N,) from each point to the next.
        grip: acceleration the tyres give in bends.
        braking: deceleration on the straight; in bends what the circle of friction leaves.
        top: the highest speed.
    """
    bent = np.maximum(np.abs(curvature), 1e-6)
    out: Floats = np.minimum(np.sqrt(grip / bent), top)
    for i in [*range(len(out) - 1, -1, -1)] * 2:  # twice: the road is closed
        after = out[(i + 1) % len(out)]
        used = min(after**2 * bent[(i + 1) % len(out)] / grip, 1.0)
        brakes = braking * math.sqrt(max(1.0 - 1.35 * used * used, 0.0))
        out[i] = min(out[i], math.sqrt(after**2 + 2.0 * lengths[i] * brakes))
    return out
