"""A race goes on where its track was changed: everybody's place, speed, lap and clock are kept.

Owns what of a session is carried over to one on another form of the track. Nobody's present lap
counts, since it was driven on two roads; best laps on the old road are left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from retroracer.game.race.race_control import beyond_line
from retroracer.game.race.session import Session
from retroracer.game.race.timing import Trace
from retroracer.physics import state
from retroracer.physics.race import PHYSICS_DT
from retroracer.track.track import Track

_KEPT = (state.TIME, state.LAP_START, state.LAST_LAP, state.LAST_LAP_OFF, state.OFF_TIME)


def same_look(one: Track, other: Track) -> bool:
    """True if two tracks with one digest also look alike: names, labels, colours."""
    seen = [
        f.name for f in fields(Track) if isinstance(getattr(one, f.name), str | tuple | Mapping)
    ]
    return all(getattr(one, name) == getattr(other, name) for name in seen)


def carry_over(before: Session, after: Session) -> None:
    """Put the cars of ``after`` where those of ``before`` are, in shares of the lap.

    Args:
        before: of the same cars; between two control steps, so that the clocks agree.
        after: just begun, on the changed track.
    """
    old, new = before.race, after.race
    into = before.distance_into_lap()
    length = after.track.length
    half_old = np.where(
        old.floats[:, state.OFFSET] > 0.0,
        old.floats[:, state.HALF_LEFT],
        old.floats[:, state.HALF_RIGHT],
    )
    aside = old.floats[:, state.OFFSET] / half_old
    moving = into > 0.0  # who still stands on the grid, stands there again
    rows = np.flatnonzero(moving)
    if len(rows):
        s = (into[rows] / before.track.length * length) % length
        new.place(rows=rows, s=s)
        half = np.where(
            aside[rows] > 0.0, new.floats[rows, state.HALF_LEFT], new.floats[rows, state.HALF_RIGHT]
        )
        new.place(
            rows=rows,
            s=s,
            lateral_offset=np.clip(aside[rows], -1.5, 1.5) * half,
            heading_error=old.heading_error[rows],
            speed=np.maximum(old.vx[rows], 0.0),
        )
        driven = after.track.grid_gap + old.lap[rows] * length + s
        for column in (state.PROGRESS, state.LAP_FINISH, state.NEXT_LINE):
            new.floats[rows, column] += driven
    new.floats[:, _KEPT] = old.floats[:, _KEPT]
    new.floats[:, state.LAP_OFF] = np.maximum(old.floats[:, state.LAP_OFF], PHYSICS_DT)
    new.ints[:, [state.LAP, state.TIMED]] = old.ints[:, [state.LAP, state.TIMED]]
    after.ticks, after.finish = before.ticks, list(before.finish)
    after.traces = [Trace(driven, before.time) for driven in beyond_line(new).tolist()]
    if before.control is not None and after.control is not None:
        after.control.go_on(before.control)
    after.recorder.begin()
    after.whole = None  # a race on two roads cannot be driven again as one
    after.before = after.seen_from = after.pose()
