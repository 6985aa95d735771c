"""Places cars on a track, and gives the direction of the track there."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from retroracer.compiled import compiled
from retroracer.physics import state as st
from retroracer.physics.lines import set_next_line
from retroracer.physics.roadside import surface_at
from retroracer.physics.state import Cars
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Ints
from retroracer.track.projection import half_widths


@compiled(inline=True)
def track_heading(way: Array, here: int, frac: float) -> Any:
    """Direction of the track [rad] at a fraction of the cell of row ``here``."""
    a = way[here, b.HEADING]
    return a + frac * (way[here + 1, b.HEADING] - a)


class Start(NamedTuple):
    """Where and how a car starts; for M cars every entry is an array (M,).

    Attributes:
        track: index into the bank.
        s: station [m], any real number.
        offset: lateral offset [m], left positive.
        heading_error: car minus track [rad].
        speed: forward [m/s].
        grid: True if the first lap is timed from here (a standing start behind the line); False
            if it is partial and untimed.
    """

    track: Any
    s: Any
    offset: Any
    heading_error: Any
    speed: Any
    grid: Any


@compiled()
def place_car(cars: Cars, i: int, bank: TrackBank, start: Start) -> None:
    """Put the car of row ``i`` on a track and set its clocks to zero."""
    f, g = cars.floats[i], cars.ints[i]
    track, s, offset = start.track, start.s, start.offset
    f[:] = 0.0
    g[:] = 0
    cars.splits[i] = np.nan
    cars.last_sectors[i] = np.nan
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
    f[st.X] = main[here, b.X] + frac * (main[there, b.X] - main[here, b.X]) - offset * ty / norm
    f[st.Y] = main[here, b.Y] + frac * (main[there, b.Y] - main[here, b.Y]) + offset * tx / norm
    f[st.TRACK_HEADING] = track_heading(bank.way, here, frac)
    f[st.HEADING] = f[st.TRACK_HEADING] + start.heading_error
    f[st.VX] = start.speed
    f[st.S] = s
    f[st.OFFSET] = offset
    f[st.HALF_LEFT], f[st.HALF_RIGHT] = half_widths(main, here, frac)
    f[st.GRIP], f[st.DRAG] = surface_at(
        bank.side, here, offset, f[st.HALF_LEFT], f[st.HALF_RIGHT], start.speed * start.speed
    )
    f[st.LAST_LAP] = np.nan
    f[st.LAST_LAP_OFF] = np.nan
    g[st.TRACK] = track
    f[st.LAP_FINISH] = length - s
    if start.grid:
        g[st.TIMED] = 1
        if s > 0.5 * length:
            f[st.LAP_FINISH] += length
    else:
        while g[st.SECTOR] < int(facts[b.N_SECTORS]) - 1 and s >= facts[b.SECTORS + g[st.SECTOR]]:
            g[st.SECTOR] += 1
    set_next_line(f, g, bank.facts)


@compiled()
def place_cars(cars: Cars, bank: TrackBank, rows: Ints, starts: Start) -> None:
    """Place the cars listed in ``rows`` (M,)."""
    for k in range(len(rows)):
        start = Start(
            starts.track[k],
            starts.s[k],
            starts.offset[k],
            starts.heading_error[k],
            starts.speed[k],
            starts.grid[k],
        )
        place_car(cars, rows[k], bank, start)
