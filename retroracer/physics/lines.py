"""Lap and sector timing: times at which lines are crossed, interpolated within a physics step.

The kernel provides the car's progress before and after the step.
"""

from __future__ import annotations

from retroracer.compiled import compiled
from retroracer.physics import state as st
from retroracer.track import bank as b
from retroracer.track.geometry import Array, Ints


@compiled()
def set_next_line(f: Array, g: Ints, facts: Array) -> None:
    """Set NEXT_LINE to the end of the current sector."""
    track = g[st.TRACK]
    if g[st.SECTOR] + 1 < int(facts[track, b.N_SECTORS]):
        line = facts[track, b.SECTORS + g[st.SECTOR]] - facts[track, b.LENGTH]
        f[st.NEXT_LINE] = f[st.LAP_FINISH] + line
    else:
        f[st.NEXT_LINE] = f[st.LAP_FINISH]


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
    track = g[st.TRACK]
    length = facts[track, b.LENGTH]
    n_sectors = int(facts[track, b.N_SECTORS])
    while f[st.PROGRESS] >= f[st.NEXT_LINE]:
        crossed = f[st.TIME] - (f[st.PROGRESS] - f[st.NEXT_LINE]) / gain * dt
        splits[g[st.SECTOR]] = crossed
        g[st.SECTOR] += 1
        if g[st.SECTOR] == n_sectors:
            if g[st.TIMED] == 1:
                f[st.LAST_LAP] = crossed - f[st.LAP_START]
                f[st.LAST_LAP_OFF] = f[st.LAP_OFF]
                begun = f[st.LAP_START]
                for k in range(n_sectors):
                    last_sectors[k] = splits[k] - begun
                    begun = splits[k]
            g[st.LAP] += 1
            g[st.STEP_LAP] = 1
            g[st.TIMED] = 1
            g[st.SECTOR] = 0
            f[st.LAP_START] = crossed
            f[st.LAP_FINISH] += length
            f[st.LAP_OFF] = 0.0
        set_next_line(f, g, facts)
