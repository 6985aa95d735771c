"""The starting grid of a race: two staggered columns of slots."""

from __future__ import annotations

import numpy as np

from retroracer.track.bank import GRID_GAP, LEFT, LENGTH, RIGHT, SPACING, START_SIDE, TrackBank
from retroracer.track.geometry import Array

STAGGER = 8.0
"""Distance along the track from a slot to the next one in the other column [m]."""

COLUMN = 3.0
"""Distance of a column from the centreline [m]; less on a narrow road."""

EDGE = 1.2
"""Distance of a slot's middle from the edge of the road [m]; less on a narrow road."""


def grid_of(bank: TrackBank, track: int, n: int, stagger: float = STAGGER) -> tuple[Array, Array]:
    """The first ``n`` slots of a track's grid; no two overlap, whatever the track.

    Args:
        bank: the packed tracks.
        track: index into the bank.
        n: number of slots.
        stagger: distance between slots [m]; for a rolling start it is larger.

    Returns:
        Their stations [m], negative: behind the line, and lateral offsets [m], left positive, (n,)
        each, pole first.
    """
    facts = bank.facts[track]
    length = facts[LENGTH]
    stagger = min(stagger, 0.45 * (length - facts[GRID_GAP]) / max(n, 1))
    place = np.arange(n)
    s = -(facts[GRID_GAP] + stagger * place)
    row = np.minimum((s % length / facts[SPACING]).astype(np.int64), bank.size[track] - 1)
    pole_left = facts[START_SIDE] >= 0.0
    left = (place % 2 == 0) == pole_left
    edge = np.where(left, bank.main[bank.start[track] + row, LEFT], 0.0)
    edge = np.where(left, edge, bank.main[bank.start[track] + row, RIGHT])
    aside = np.minimum(COLUMN, np.maximum(edge - EDGE, 0.4 * edge))
    return s, np.where(left, aside, -aside)
