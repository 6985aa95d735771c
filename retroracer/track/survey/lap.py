"""Cuts the first whole lap from a recorded line and joins its ends.

A GPS receiver goes on recording past the start line, often for several laps, and a few metres
beside where it began. This module finds where the lap closes, and spreads the gap over the end of
the lap. ``importing`` checks whether the points are in driving order.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array
from retroracer.track.survey.surveyed import Surveyed

Indices = npt.NDArray[np.intp]

ASIDE = 15.0
"""Without widths, a lap closes within this distance of its start [m]: a road's width and a
receiver's error."""
SHORTEST = 100.0
"""Shortest lap [m]."""
_AHEAD = 15.0  # the direction of travel at the start is taken over this length [m]
_SAMPLES = 200  # points of a second lap that are compared with the first
_SPREAD = 20.0  # the gap is spread over this many times its size
_OPEN = (60.0, 12.0)  # ends further apart than this [m], and than this many steps, do not meet


def first_lap(points: Surveyed, notes: list[str]) -> Surveyed:
    """The first whole lap of a line, its ends joined; the line itself if its ends do not overlap.

    No point of the line repeats another; ``notes`` receives what was left out and moved.
    """
    xy = points.xy
    step = np.hypot(*np.diff(xy, axis=0).T)
    typical = float(np.median(step))
    if typical > 100.0:
        return points
    s = np.concatenate([[0.0], np.cumsum(step)])
    starts = [0]
    if float(np.hypot(*(xy[-1] - xy[0]))) > max(_OPEN[0], _OPEN[1] * typical):
        # An open line may begin away from the circuit, in a pit lane: try later starts.
        every = max(25.0, s[-1] / 400.0)
        later = np.searchsorted(s, np.arange(every, 0.6 * s[-1], every))
        starts += np.unique(later).tolist()
    for start in starts:
        ends = _closings(xy, s, start, _aside(points, start))
        if not len(ends):
            continue
        end = int(ends[0])
        if end == len(xy) - 2 and start == 0 and _repeats(xy, typical):
            return points  # only the first point again at the end
        if not _follows(xy, s, start, end, 2.0 * _aside(points, start)):
            continue
        return _cut(points, s, start, ends, notes)
    return points


def _aside(points: Surveyed, i: int) -> float:
    """How far beside its start a lap may close [m]."""
    if points.right is None or points.left is None or points.recorded:
        return ASIDE
    return max(3.0, float(max(points.right[i], points.left[i])))


def _repeats(xy: Array, typical: float) -> bool:
    return float(np.hypot(*(xy[-1] - xy[0]))) < 0.25 * typical


def _closings(xy: Array, s: Array, start: int, aside: float) -> Indices:
    """Indices of points after which the line crosses the start again in the driving direction."""
    ahead = int(np.searchsorted(s, s[start] + _AHEAD))
    if ahead >= len(xy):
        return np.zeros(0, np.intp)
    along = xy[max(ahead, start + 1)] - xy[start]
    along = along / max(1e-9, float(np.hypot(*along)))
    rel = xy - xy[start]
    a = rel @ along
    b = rel @ np.array([-along[1], along[0]])
    move = a[1:] - a[:-1]
    crosses = (a[:-1] < -1e-9) & (a[1:] >= -1e-9)
    crosses[: start + 1] = False
    share = np.divide(-a[:-1], move, out=np.zeros_like(move), where=crosses)
    beside = np.abs(b[:-1] + share * (b[1:] - b[:-1]))
    onwards = move > 0.5 * np.hypot(move, b[1:] - b[:-1])
    gone = s[:-1] - s[start] > max(SHORTEST, 5.0 * aside)
    return np.flatnonzero(crosses & (beside <= aside) & onwards & gone)


def _follows(xy: Array, s: Array, start: int, end: int, aside: float) -> bool:
    """Whether 9 tenths of the rest of the line follow the lap; half of it, after a later start."""
    import shapely

    tail = xy[end + 1 :]
    lap = shapely.LinearRing(xy[start : end + 1])
    # A last stretch may leave the circuit, so only one lap's length is compared.
    tail = tail[: max(1, int(np.searchsorted(s[end + 1 :], s[end + 1] + s[end] - s[start])))]
    tail = tail[:: max(1, len(tail) // _SAMPLES)]
    near = shapely.distance(shapely.points(tail), lap) <= aside
    return bool(near.mean() >= (0.9 if start == 0 else 0.5))


def _cut(points: Surveyed, s: Array, start: int, ends: Indices, notes: list[str]) -> Surveyed:
    xy = points.xy
    end = int(ends[0])
    lap = points.only(np.arange(start, end + 1))
    # Where the line passes beside its start, between two points.
    a, b = xy[end], xy[end + 1]
    t = float(np.clip((xy[start] - a) @ (b - a) / max(1e-9, float((b - a) @ (b - a))), 0.0, 1.0))
    error = a + t * (b - a) - xy[start]
    size = float(np.hypot(*error))
    understood = _left_out(points, s, start, ends)
    typical = float(np.median(np.diff(s)))
    if size > max(0.5, 0.1 * typical):
        length = float(s[end] - s[start])
        spread = min(max(50.0, _SPREAD * size), 0.4 * length)
        share = np.clip(1.0 - (s[end] - s[start : end + 1]) / spread, 0.0, 1.0)
        smooth = share * share * (3.0 - 2.0 * share)
        lap = replace(lap, xy=lap.xy - smooth[:, None] * error)
        understood += f"; its ends, {size:.1f} m apart, were joined over the last {spread:.0f} m"
    notes.append(understood)
    # A last point that is almost at the start would give no direction.
    return lap.only(np.arange(len(lap.xy) - 1)) if _repeats(lap.xy, typical) else lap


def _left_out(points: Surveyed, s: Array, start: int, ends: Indices) -> str:
    name, end, last = points.places.name, int(ends[0]), len(points.xy) - 1
    what = (
        f"the line goes round {len(ends)} times and more"
        if len(ends) > 1
        else f"the line runs {s[-1] - s[end]:.0f} m past its start"
    )
    before = f", without {s[start]:.0f} m before it" if start else ""
    return (
        f"{what}; the first whole lap was taken ({name(start)} to {name(end)} of"
        f" {name(last)}{before})"
    )
