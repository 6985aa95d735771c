"""Manoeuvres among other cars: ways for a driver that laps alone to be led past others.

Told that a part of the road on one side is gone, it drives on the other side as fast as that
allows. Owns the table of manoeuvres and how they change what is seen and done; who tries them is
``lookahead``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from retroracer.envs.observation import N_OBS, OBS_NAMES, Floats
from retroracer.track.geometry import Array, Ints


class Manoeuvre(NamedTuple):
    """What a car does for some decisions, before it drives on as if it were alone.

    Attributes:
        narrow: share of the road's width that is gone for it, on the left positive.
        steer: added to its steering; 2 is full lock to the left.
        least: its throttle is at least this,
        most: and at most this, where -1 is full braking, and reverse at rest.
        hold: decisions it lasts.
    """

    narrow: float = 0.0
    steer: float = 0.0
    least: float = -1.0
    most: float = 1.0
    hold: int = 1000


SIDES = (1, -1)

AMONG_OTHERS = (
    Manoeuvre(),  # as if alone
    *(Manoeuvre(side * share) for share in (0.25, 0.45, 0.65) for side in SIDES),
    *(Manoeuvre(side * 0.45, hold=10) for side in SIDES),
    *(Manoeuvre(side * 0.4, most=0.0, hold=6) for side in SIDES),
    *(Manoeuvre(steer=side * 0.25, hold=3) for side in SIDES),
    Manoeuvre(most=0.0, hold=4),
    Manoeuvre(most=-0.7, hold=4),
    Manoeuvre(most=-1.0, hold=8),
)
"""What is tried where others are near. The first is to drive on; another must beat it by
``MARGIN``."""

STUCK = (
    *(Manoeuvre(0.0, side * 2.0, low, low, hold) for low, hold in
      ((0.2, 15), (0.5, 15), (1.0, 8), (-1.0, 8), (-1.0, 15)) for side in SIDES),
    *(Manoeuvre(0.0, side * 0.5, 0.3, 0.3, 15) for side in SIDES),
    Manoeuvre(0.0, 0.0, -1.0, -1.0, 10),
    Manoeuvre(0.0, 0.0, 0.4, 0.4, 15),
    Manoeuvre(0.0, 0.0, 1.0, 1.0, 10),
)  # fmt: skip
"""What is tried beside driving on by a car that is off the road and slow, or turned around."""

MANOEUVRES = AMONG_OTHERS + STUCK
EACH = 1 + len(STUCK)
"""Manoeuvres tried in a state."""

NARROW, STEER, LEAST, MOST, HOLD = np.array(MANOEUVRES, np.float64).T
LIFTS = MOST < 1.0
TRIED = np.array([np.arange(EACH), np.r_[0, len(AMONG_OTHERS) + np.arange(len(STUCK))]])
_EDGES = [
    OBS_NAMES.index(name)
    for name in ("edge_left", "edge_left_near", "edge_right", "edge_right_near")
]
_LEFT, _, _RIGHT, _ = _EDGES
_SIDES = np.array([1.0, 1.0, -1.0, -1.0])
_MIDDLE = OBS_NAMES.index("middle_far")


def narrowed(obs: Floats, shares: Array) -> Floats:
    """The road's observation (N, N_OBS) as if a share of its width were gone.

    Args:
        obs: (N, at least N_OBS) observations.
        shares: (N,) of the width, positive where it is gone on the left.
    """
    seen = np.array(obs[:, :N_OBS])
    if not shares.any():
        return seen
    # Edges and middle are seen in the same unit; the middle moves by half of what is gone.
    gone = np.abs(shares) * (seen[:, _LEFT] + seen[:, _RIGHT])
    seen[:, _EDGES] -= np.where(shares[:, None] * _SIDES > 0.0, gone[:, None], 0.0)
    seen[:, _MIDDLE] -= 0.5 * np.sign(shares) * gone
    return seen


def carried_out(actions: Floats, plans: Ints) -> Floats:
    """Actions (M, 2) chosen on a road narrowed for manoeuvres (M,), changed as these say."""
    # np.clip takes several times as long for so few.
    actions[:, 0] = np.minimum(np.maximum(actions[:, 0] + STEER[plans], -1.0), 1.0)
    actions[:, 1] = np.minimum(np.maximum(actions[:, 1], LEAST[plans]), MOST[plans])
    return actions
