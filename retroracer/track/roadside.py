"""Widths, kerbs and run-offs of a random track.

Draws them along a lap of known curvature, which ``recipe`` and ``lap_search`` make. Lengths in m;
curvature in 1/m, positive to the left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from retroracer.track.draws import between
from retroracer.track.geometry import Array, followed
from retroracer.track.recipe import TrackRanges

_ASPHALT, _GRASS, _GRAVEL = 0, 2, 3  # indices of the default surfaces of ``even_track``
_KERB_BELOW_RADIUS = 150.0
_RUNOFF_BELOW_RADIUS = 200.0


def draw_half_widths(
    rng: np.random.Generator, n: int, spacing: float, widest: float, ranges: TrackRanges
) -> tuple[Array, Array]:
    """Draw half-widths: constant, gently varying, or changing in steps on each side separately.

    They lie between the smallest half-width of the ranges and ``widest`` [m]; ``width_waves``,
    ``width_steps`` and ``width_apart`` define the changes.

    Returns:
        Half-widths to the left and to the right (n,) [m].
    """
    if rng.random() < ranges.width_steps:
        left, right = (_stepping(rng, n, spacing, widest, ranges) for _ in range(2))
    else:
        left, right = _waving(rng, n, widest, ranges)
    lowest = ranges.half_width[0]
    return np.maximum(left, lowest), np.maximum(right, lowest)


def _waving(
    rng: np.random.Generator, n: int, widest: float, ranges: TrackRanges
) -> tuple[Array, Array]:
    left, right = np.full(n, widest), np.full(n, widest)
    phase = 2.0 * np.pi * np.arange(n) / n
    depth = widest * ranges.width_waves * rng.random()
    for side in (left, right) if rng.random() < 0.3 else (None,):
        # One wave for both sides keeps the centreline in the middle; with two it varies.
        order, offset = 1 + int(4 * rng.random()), 2.0 * np.pi * rng.random(2)
        wave = np.cos(order * phase + offset[0]) + 0.6 * np.cos((order + 1) * phase + offset[1])
        narrowing = depth * (0.5 - wave / 3.2)
        if side is not None:
            side -= narrowing
        elif rng.random() < 0.7:
            left -= narrowing
            right -= narrowing
    return left, right


def _stepping(
    rng: np.random.Generator, n: int, spacing: float, widest: float, ranges: TrackRanges
) -> Array:
    """A half-width that changes smoothly from one drawn value to the next."""
    count = max(int(n * spacing / between(rng, *ranges.width_apart)), 3)
    drawn = widest * (1.0 - 2.0 * ranges.width_waves * rng.random() * rng.random(count))
    at = np.arange(n) * (count / n)
    i = at.astype(np.int64)
    f = at - i
    f = f * f * (3.0 - 2.0 * f)
    return np.asarray(drawn[i] + f * (drawn[(i + 1) % count] - drawn[i]))


def draw_roadside(rng: np.random.Generator, curvature: Array, spacing: float) -> dict[str, Any]:
    """Draw kerbs and run-offs as fields of a Track.

    On most tracks there are kerbs inside corners and outside their exits. The run-off is grass,
    on some tracks with gravel or asphalt on the outside of corners.
    """
    kerb = 0.8 + 0.7 * rng.random() if rng.random() < 0.85 else 0.0
    outside = (_GRASS, _GRAVEL, _ASPHALT)[int(np.searchsorted([0.5, 0.85], rng.random()))]
    ahead = int((20.0 + 40.0 * rng.random()) / spacing)
    fields: dict[str, Any] = {}
    for name, k in (("left", curvature), ("right", -curvature)):
        inside = k > 1.0 / _KERB_BELOW_RADIUS
        exits = followed(k < -1.0 / _KERB_BELOW_RADIUS, int(18.0 / spacing))
        fields[f"kerb_{name}"] = np.where(inside | exits, kerb, 0.0)
        corner = k < -1.0 / _RUNOFF_BELOW_RADIUS
        fields[f"runoff_{name}"] = np.where(
            corner | followed(corner, ahead), outside, _GRASS
        ).astype(np.int64)
    return fields
