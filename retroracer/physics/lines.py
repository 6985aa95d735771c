"""Lap and sector timing: times at which lines are crossed, interpolated within a physics step.

The kernel provides the car's progress before and after the step.
"""

from __future__ import annotations

from retroracer.compiled import compiled
from retroracer.physics.state import (
    LAP,
    LAP_FINISH,
    LAP_OFF,
    LAP_START,
    LAST_LAP,
    LAST_LAP_OFF,
    NEXT_LINE,
    PROGRESS,
    SECTOR,
    STEP_LAP,
    TIME,
    TIMED,
    TRACK,
)
from retroracer.track import bank as b
from retroracer.track.geometry import Array, Ints


@compiled()
def set_next_line(f: Array, g: Ints, facts: Array) -> None:
    """Set NEXT_LINE to the end of the current sector."""
    track = g[TRACK]
    if g[SECTOR] + 1 < int(facts[track, b.N_SECTORS]):
        line = facts[track, b.SECTORS + g[SECTOR]] - facts[track, b.LENGTH]
        f[NEXT_LINE] = f[LAP_FINISH] + line
    else:
        f[NEXT_LINE] = f[LAP_FINISH]


@compiled()
def cross_lines(
    f: Array, g: Ints, splits: Array, last_sectors: Array, facts: Array, gain: float, dt: float
) -> None:
    """Record the sector and finish lines crossed in this physics step, by linear interpolation.

    Args:
        f: float state with PROGRESS and TIME already advanced.
        g: integer state.
        splits: times of the current lap's sector ends, in place.
        last_sectors: last lap's sector times, in place.
        facts: the bank's table of tracks.
        gain: progress made in the step [m] > 0.
        dt: the step [s].
    """
    track = g[TRACK]
    length = facts[track, b.LENGTH]
    n_sectors = int(facts[track, b.N_SECTORS])
    while f[PROGRESS] >= f[NEXT_LINE]:
        crossed = f[TIME] - (f[PROGRESS] - f[NEXT_LINE]) / gain * dt
        splits[g[SECTOR]] = crossed
        g[SECTOR] += 1
        if g[SECTOR] == n_sectors:
            if g[TIMED] == 1:
                f[LAST_LAP] = crossed - f[LAP_START]
                f[LAST_LAP_OFF] = f[LAP_OFF]
                begun = f[LAP_START]
                for k in range(n_sectors):
                    last_sectors[k] = splits[k] - begun
                    begun = splits[k]
            g[LAP] += 1
            g[STEP_LAP] = 1
            g[TIMED] = 1
            g[SECTOR] = 0
            f[LAP_START] = crossed
            f[LAP_FINISH] += length
            f[LAP_OFF] = 0.0
        set_next_line(f, g, facts)
