"""Putting cars on a track, and the direction of the track there. Owns no motion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from retroracer.compiled import compiled
from retroracer.physics.lines import set_next_line
from retroracer.physics.roadside import surface_at
from retroracer.physics.state import (
    DRAG,
    GRIP,
    HALF_LEFT,
    HALF_RIGHT,
    HEADING,
    LAP_FINISH,
    LAST_LAP,
    LAST_LAP_OFF,
    OFFSET,
    SECTOR,
    TIMED,
    TRACK,
    TRACK_HEADING,
    VX,
    S,
    X,
    Y,
)
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Bools, Ints
from retroracer.track.projection import half_widths


@compiled(inline=True)
def track_heading(way: Array, here: int, frac: float) -> Any:
    """Direction of the track [rad] a fraction into the cell of row ``here``."""
    a = way[here, b.HEADING]
    return a + frac * (way[here + 1, b.HEADING] - a)


@compiled()
def place_car(
    f: Array,
    g: Ints,
    splits: Array,
    last_splits: Array,
    bank: TrackBank,
    track: int,
    s: float,
    offset: float,
    heading_error: float,
    speed: float,
    grid: bool,
) -> None:
    """Put a car on a track, its clocks at zero.

    Args:
        f: (N_FLOATS,) float state, overwritten.
        g: (N_INTS,) integer state, overwritten.
        splits: (MAX_SECTORS,) overwritten.
        last_splits: (MAX_SECTORS,) overwritten.
        bank: the packed tracks.
        track: index into the bank.
        s: station [m], any real number.
        offset: lateral offset [m], left positive.
        heading_error: car minus track [rad].
        speed: forward [m/s].
        grid: True if the first lap counts from here (a standing start behind the line);
            False if it is partial and untimed.
    """
    f[:] = 0.0
    g[:] = 0
    splits[:] = np.nan
    last_splits[:] = np.nan
    main = bank.main
    facts = bank.facts[track]
    first = bank.start[track]
    n = bank.size[track]
    length = facts[b.LENGTH]
    s = s % length
    if s >= length:
        s = 0.0
    u = s / facts[b.SPACING]
    row = min(int(u), n - 1)
    frac = u - row
    here = first + row
    there = here + 1
    tx = main[here, b.TX] + frac * (main[there, b.TX] - main[here, b.TX])
    ty = main[here, b.TY] + frac * (main[there, b.TY] - main[here, b.TY])
    norm = math.sqrt(tx * tx + ty * ty)
    f[X] = main[here, b.X] + frac * (main[there, b.X] - main[here, b.X]) - offset * ty / norm
    f[Y] = main[here, b.Y] + frac * (main[there, b.Y] - main[here, b.Y]) + offset * tx / norm
    f[TRACK_HEADING] = track_heading(bank.way, here, frac)
    f[HEADING] = f[TRACK_HEADING] + heading_error
    f[VX] = speed
    f[S] = s
    f[OFFSET] = offset
    f[HALF_LEFT], f[HALF_RIGHT] = half_widths(main, here, frac)
    f[GRIP], f[DRAG] = surface_at(bank.side, here, offset, f[HALF_LEFT], f[HALF_RIGHT])
    f[LAST_LAP] = np.nan
    f[LAST_LAP_OFF] = np.nan
    g[TRACK] = track
    f[LAP_FINISH] = length - s
    if grid:
        g[TIMED] = 1
        if s > 0.5 * length:
            f[LAP_FINISH] += length
    else:
        while g[SECTOR] < int(facts[b.N_SECTORS]) - 1 and s >= facts[b.SECTORS + g[SECTOR]]:
            g[SECTOR] += 1
    set_next_line(f, g, bank.facts)


@compiled()
def place_cars(
    floats: Array,
    ints: Ints,
    splits: Array,
    last_splits: Array,
    bank: TrackBank,
    rows: Ints,
    track: Ints,
    s: Array,
    offset: Array,
    heading_error: Array,
    speed: Array,
    grid: Bools,
) -> None:
    """Place the cars listed in ``rows`` (M,); the other arguments are (M,) too."""
    for k in range(len(rows)):
        i = rows[k]
        place_car(
            floats[i],
            ints[i],
            splits[i],
            last_splits[i],
            bank,
            track[k],
            s[k],
            offset[k],
            heading_error[k],
            speed[k],
            grid[k],
        )
