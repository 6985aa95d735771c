"""Where the cars of a race begin: on the grid, standing or rolling, or anywhere on the move."""

from __future__ import annotations

import numpy as np

from retroracer.envs.episodes import speed_allowed
from retroracer.envs.race_rules import RacePage
from retroracer.envs.variety import DRAW_PACE, Variety
from retroracer.physics.grid import STAGGER, grid_of
from retroracer.track.bank import GRID_GAP, LEFT, LENGTH, RIGHT, SPACING, TrackBank
from retroracer.track.geometry import Array, Ints

ROLLING_GAP = (10.0, 30.0)
"""Range of the distance between the cars of a field that begins on the move [m]."""


def field_start(
    bank: TrackBank,
    track: int,
    params: Array,
    slots: Ints,
    draws: Array,
    page: RacePage,
    variety: Variety,
    rng: np.random.Generator,
) -> dict[str, Array | bool]:
    """Where the K cars of a race begin, as ``Race.place`` takes it, one entry a car.

    ``params`` are their (K, N_PARAMS) rows; ``slots`` and ``draws`` as in ``RaceBatch.line_up``.
    """
    k, facts = len(slots), bank.facts[track]
    pace_drawn = float(draws[0, DRAW_PACE])
    if variety.start == "grid" or pace_drawn < variety.standing:
        rolling = variety.start == "grid" and page.start == "rolling"
        s, offset = grid_of(bank, track, k, 1.5 * STAGGER if rolling else STAGGER)
        speed = np.full(k, page.rolling_speed if rolling else 0.0)
        return {"s": s[slots], "lateral_offset": offset[slots], "speed": speed, "grid": True}
    gap = rng.uniform(*ROLLING_GAP)
    gap = min(gap, 0.45 * (facts[LENGTH] - facts[GRID_GAP]) / k)
    span = gap * k + 1.0
    front = rng.uniform(min(span, 0.5 * facts[LENGTH]), facts[LENGTH] - 1.0)
    s = front - gap * np.arange(k)
    cell = (s % facts[LENGTH] / facts[SPACING]).astype(np.int64)
    row = bank.start[track] + np.minimum(cell, bank.size[track] - 1)
    share = variety.offset * rng.uniform(-1.0, 1.0, k)
    edge = bank.main[row][:, [RIGHT, LEFT]][np.arange(k), (share > 0.0).astype(int)]
    among = (pace_drawn - variety.standing) / max(1.0 - variety.standing, 1e-9)
    pace = variety.pace[0] + among * (variety.pace[1] - variety.pace[0])
    allowed = [speed_allowed(params[m], bank, track, s[slots[m]]) for m in range(k)]
    offset, speed = (share * edge)[slots], pace * np.array(allowed)
    return {"s": s[slots], "lateral_offset": offset, "speed": speed}
