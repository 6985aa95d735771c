"""Advice for a driver: when to brake, and after a race where the most time is to be won.

Owns both as functions of laps as time against distance, and of the limit. Draws nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retroracer.game.race.timing import LapCurve
from retroracer.laptime.limit import Limit
from retroracer.track.geometry import Array
from retroracer.track.track import Track

LOOKED_AHEAD = 320.0
"""Road ahead that is looked at for the next corner [m]."""

HARD = 0.62
"""Share of the limit's hardest braking from which on it is time to brake."""

STEP = 10.0
"""Distance between two points at which laps are compared [m]."""

REACH = 130.0
"""How far before its slowest point a corner begins for a driver, and after it ends [m]."""


def curve_of_limit(limit: Limit) -> LapCurve:
    """The limit as time against distance."""
    return LapCurve([*limit.s, limit.length], [*limit.time, limit.lap_time], limit.lap_time)


def time_to_brake(limit: Limit, s: float, speed: float) -> bool:
    """True once a car at a station [m] needs most of its brakes at its speed [m/s] for a corner."""
    ahead = np.arange(5.0, LOOKED_AHEAD, 5.0)
    goal = limit.at(limit.speed, s + ahead)
    needed = (speed * speed - goal * goal) / (2.0 * ahead)
    return bool(needed.max() > HARD * -float(limit.tangential.min()))


@dataclass(frozen=True)
class Target:
    """Where the most time is to be won.

    Attributes:
        lost: against the lap compared with, in this sector [s].
        sector: from 1.
        advice: what to do, and where.
        against: whose lap.
    """

    lost: float
    sector: int
    advice: str
    against: str

    def __str__(self) -> str:
        return f"{self.lost:.1f} s lost in sector {self.sector} to {self.against}: {self.advice}"


def speeds(curve: LapCurve, at: Array) -> Array:
    """Speed [m/s] of a lap at distances into it [m], over two steps."""
    before, after = (np.interp(at + d, curve.distance, curve.time) for d in (-STEP, STEP))
    return np.asarray(2.0 * STEP / np.maximum(after - before, 1e-3))


def next_target(track: Track, mine: LapCurve, theirs: LapCurve, against: str) -> Target | None:
    """The sector that costs a lap the most, and what its costliest corner asks for.

    The lap need not count; ``against`` names whose lap it is compared with, in words.

    Returns:
        None if no sector lost a tenth of a second.
    """
    ends = np.array([0.0, *track.sectors, track.length])
    lost = np.diff([mine.time_at(s) - theirs.time_at(s) for s in ends])
    worst = int(np.argmax(lost))
    if lost[worst] < 0.1:
        return None
    at = np.arange(STEP, track.length - STEP, STEP)
    v, w = speeds(mine, at), speeds(theirs, at)
    corners = _corners(at, w, ends[worst], ends[worst + 1])
    if not corners:
        return Target(float(lost[worst]), worst + 1, "keep the throttle down", against)

    def cost(apex: float) -> float:
        gaps = [mine.time_at(s) - theirs.time_at(s) for s in (apex - REACH, apex + REACH)]
        return gaps[1] - gaps[0]

    apex = max(corners, key=cost)
    where = place(track, apex)
    corner = where or f"the corner at {apex / 1000:.1f} km"
    return Target(float(lost[worst]), worst + 1, f"{_advice(at, v, w, apex)} {corner}", against)


def _corners(at: Array, speed: Array, begin: float, end: float) -> list[float]:
    """Where a lap is slower than everywhere near it, between two stations [m]."""
    found = []
    reach = round(REACH / 2 / STEP)
    for i in np.flatnonzero((at >= begin) & (at < end)).tolist():
        near = speed[max(i - reach, 0) : i + reach + 1]
        if speed[i] == near.min() and speed[i] < 0.93 * near.max():
            found.append(float(at[i]))
    return found


def _advice(at: Array, mine: Array, theirs: Array, apex: float) -> str:
    """Advice from a lap's speeds before, in and after a corner."""
    i = int(np.argmin(np.abs(at - apex)))
    reach = round(REACH / STEP)
    into = slice(max(i - reach, 0), i + 1)
    slowest_mine = float(mine[max(i - 3, 0) : i + 4].min())
    slowest = float(theirs[max(i - 3, 0) : i + 4].min())
    out = min(i + 6, len(at) - 1)
    # The last moment at which each was still fast before the corner tells who braked first.
    fast = 0.5 * (float(theirs[into].max()) + slowest)
    last_mine = np.flatnonzero(mine[into] > fast)
    last_theirs = np.flatnonzero(theirs[into] > fast)
    if mine[i] > 1.06 * slowest and mine[out] < 0.95 * theirs[out]:
        return "brake earlier at"
    if not len(last_mine) or (len(last_theirs) and last_mine[-1] < last_theirs[-1] - 1):
        return "brake later at"
    if slowest_mine < 0.93 * slowest:
        return "carry more speed through"
    if mine[out] < 0.96 * theirs[out]:
        return "earlier on the throttle out of"
    return "brake earlier at" if mine[i] > 1.03 * slowest else "keep closer to the line at"


def place(track: Track, s: float) -> str:
    """The name of the stretch that a station [m] lies on or near, "" for none."""
    for label in track.labels:
        if label.name and label.start - 40.0 <= s <= label.end + 40.0:
            return label.name
    return ""
