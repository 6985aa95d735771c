"""Figures that tell what kind of track a track is, for comparing random ones with real ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

from retroracer.track.track import Track

STRAIGHT_RADIUS = 500.0
"""A stretch bent less than this radius [m] counts as straight."""

CORNER_RADIUS = 250.0
"""A stretch bent more than this radius [m] counts as a corner."""


@dataclass(frozen=True)
class Character:
    """Figures of one track.

    Attributes:
        length: of the lap [m].
        width: mean width of the road [m].
        tightest: smallest radius of the centreline [m].
        slow: radius that the tightest tenth of the cornering stays below [m].
        median: median radius of the cornering, by distance [m].
        straight: share of the lap that is straight.
        longest: longest straight [m].
        turning: degrees turned a kilometre, left and right added up.
        corners: corners a kilometre.
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


def character_of(track: Track) -> Character:
    """Measure a track."""
    k = track.curvature
    bend = np.abs(k)
    straight = bend < 1.0 / STRAIGHT_RADIUS
    cornering = bend[bend > 1.0 / CORNER_RADIUS]
    side = np.where(bend > 1.0 / CORNER_RADIUS, np.sign(k), 0.0)
    begun = (side != 0.0) & (side != np.roll(side, 1))
    km = track.length / 1000.0
    radii = 1.0 / cornering if cornering.size else np.array([np.inf])
    return Character(
        length=track.length,
        width=float((track.half_width_left + track.half_width_right).mean()),
        tightest=float(1.0 / max(float(bend.max()), 1e-9)),
        slow=float(np.quantile(radii, 0.1)),
        median=float(np.median(radii)),
        straight=float(straight.mean()),
        longest=float(_longest_run(straight) * track.spacing),
        turning=float(np.degrees(bend.sum() * track.spacing) / km),
        corners=float(begun.sum() / km),
    )


def _longest_run(flags: np.ndarray) -> int:
    """Longest run of True in a closed sequence."""
    if flags.all():
        return len(flags)
    edges = np.flatnonzero(~flags)
    gaps = np.diff(np.append(edges, edges[0] + len(flags))) - 1
    return int(gaps.max())


def quantiles(
    tracks: Iterable[Track], at: tuple[float, ...] = (0.1, 0.5, 0.9)
) -> dict[str, list[float]]:
    """Quantiles over tracks of every figure of their ``Character``, by its name."""
    all_of = [character_of(t) for t in tracks]
    return {
        f.name: [float(q) for q in np.quantile([getattr(c, f.name) for c in all_of], at)]
        for f in fields(Character)
    }
