"""Figures that describe a track's character, for comparing random tracks with real circuits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array, Ints
from retroracer.track.track import Track

STRAIGHT_RADIUS = 500.0
"""A stretch bent less than this radius [m] counts as straight."""

CORNER_RADIUS = 250.0
"""A stretch bent more than this radius [m] counts as a corner."""


SLOW_RADIUS = 60.0
"""A corner whose peak is tighter than this [m] is a slow one."""


@dataclass(frozen=True)
class Character:
    """Figures of one track.

    Attributes:
        length: of the lap [m].
        width: mean width of the road [m].
        tightest: smallest radius of the centreline [m].
        slow: tenth percentile of the radius of the cornering, by distance [m].
        median: median radius of the cornering, by distance [m].
        straight: share of the lap that is straight.
        longest: longest straight [m].
        turning: degrees turned per kilometre, left and right added up.
        corners: corners per kilometre.
        corner: median length of a corner [m].
        peak: curvature at a corner's peak over its mean; median of the corners.
        narrowing: change of a half-width within 20 m [m]; ninetieth percentile.
        inside: share of the road's width to the inside of the centreline at the peaks of slow
            corners; median.
    """

    length: float
    width: float
    tightest: float
    slow: float
    median: float
    straight: float
    longest: float
    turning: float
    corners: float
    corner: float
    peak: float
    narrowing: float
    inside: float


def character_of(track: Track) -> Character:
    """Measure a track."""
    k = track.curvature
    bend = np.abs(k)
    straight = bend < 1.0 / STRAIGHT_RADIUS
    cornering = bend[bend > 1.0 / CORNER_RADIUS]
    side = np.where(bend > 1.0 / CORNER_RADIUS, np.sign(k), 0.0)
    begun = (side != 0.0) & (side != np.roll(side, 1))
    found = [run for run in _runs(begun, side != 0.0) if len(run) >= 3]
    peaks = np.array([run[int(bend[run].argmax())] for run in found], dtype=np.int64)
    slow = peaks[bend[peaks] > 1.0 / SLOW_RADIUS]
    half = np.stack([track.half_width_left, track.half_width_right])
    width = half.sum(axis=0)
    reach = max(round(20.0 / track.spacing), 1)
    km = track.length / 1000.0
    radii = 1.0 / cornering if cornering.size else np.array([np.inf])
    return Character(
        length=track.length,
        width=float(width.mean()),
        tightest=float(1.0 / max(float(bend.max()), 1e-9)),
        slow=float(np.quantile(radii, 0.1)),
        median=float(np.median(radii)),
        straight=float(straight.mean()),
        longest=float(_longest_run(straight) * track.spacing),
        turning=float(np.degrees(bend.sum() * track.spacing) / km),
        corners=float(begun.sum() / km),
        corner=_median([len(run) * track.spacing for run in found]),
        peak=_median([float(bend[run].max() / bend[run].mean()) for run in found]),
        narrowing=float(np.quantile(np.abs(half - np.roll(half, reach, axis=1)), 0.9)),
        inside=_median(half[np.where(k[slow] > 0.0, 0, 1), slow] / width[slow]),
    )


def _median(values: Sequence[float] | Array) -> float:
    """Median; nan if there are no values."""
    return float(np.median(np.asarray(values))) if len(values) else float("nan")


def _runs(begun: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> list[Ints]:
    """Indices of the samples of each corner of a closed lap."""
    starts, n = np.flatnonzero(begun), len(begun)
    runs = []
    for start, after in zip(starts, np.append(starts[1:], starts[:1] + n), strict=True):
        run = np.arange(start, after) % n
        over = np.flatnonzero(~inside[run])
        runs.append(run[: over[0]] if len(over) else run)
    return runs


def _longest_run(flags: np.ndarray) -> int:
    """Longest run of True in a closed sequence."""
    ends = np.flatnonzero(~flags)
    return int(np.diff(ends, append=ends[:1] + len(flags)).max() - 1) if len(ends) else len(flags)


def quantiles(
    tracks: Iterable[Track], at: tuple[float, ...] = (0.1, 0.5, 0.9)
) -> dict[str, list[float]]:
    """Quantiles over tracks of every figure of their ``Character``, by its name."""
    all_of = [character_of(t) for t in tracks]
    return {
        f.name: [float(q) for q in np.nanquantile([getattr(c, f.name) for c in all_of], at)]
        for f in fields(Character)
    }
