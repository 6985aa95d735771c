"""Simulates the survey of a road: measured with errors, then smoothed.

Owns the effect of measuring and smoothing on a centreline and its half-widths. Smoothing makes
corners longer and gives them a peak, and moves the centreline towards the inside. The edges stay
in place, so the half-width on the inside shrinks and the one on the outside grows. Lengths in m,
angles in rad.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from retroracer.track.draws import between, log_between, normal
from retroracer.track.geometry import Array
from retroracer.track.recipe import TrackRanges

POINTS_APART = 5.0
"""Distance between the points of a survey [m]."""

IN_CORNERS = 3.0
"""Relative increase of errors in corners of ``CORNER_RADIUS`` and below."""

CORNER_RADIUS = 50.0

WIDTHS_APART = 10.0
"""Distance between measurements of the widths [m]."""

INSIDE_MARGIN = 1.7
"""Least distance of the inner edge of a bend from its centre [m]."""


class Errors(NamedTuple):
    """Errors of a survey.

    Attributes:
        roughness: root mean square of the curvature that errors leave on straights [1/m].
        smoothing: standard deviation of the Gaussian filter over the points [m].
        width_noise: standard deviation of a half-width's error [m].
    """

    roughness: float
    smoothing: float
    width_noise: float


class Line(NamedTuple):
    """A closed line, sampled evenly.

    Attributes:
        xy: (n, 2) [m].
        heading: (n,) [rad].
        length: of the lap [m].
        left: (n,) half-width to the left [m].
        right: (n,) half-width to the right [m].
        source: (n,) positions of the samples on the original line, in its samples.
    """

    xy: Array
    heading: Array
    length: float
    left: Array
    right: Array
    source: Array

    def held_back(self, lowest: float) -> Line:
        """The same line with inner edges that keep ``INSIDE_MARGIN`` from the centres of bends.

        No half-width becomes less than ``lowest`` [m].
        """
        around = np.concatenate([self.heading[-1:], self.heading, self.heading[:1]])
        turn = around[2:] - around[:-2]
        turn -= 2.0 * np.pi * np.round(turn / (2.0 * np.pi))
        bend = turn * (0.5 * len(self.xy) / self.length)
        return self._replace(
            left=_held_back(self.left, bend, lowest), right=_held_back(self.right, -bend, lowest)
        )


def draw_errors(rng: np.random.Generator, ranges: TrackRanges, tightest: float) -> Errors:
    """Draw the errors of a survey; smoothing must not remove the tightest corner (radius, [m])."""
    return Errors(
        log_between(rng, *ranges.roughness),
        min(between(rng, *ranges.smoothing), 0.7 * tightest),
        between(rng, *ranges.width_noise),
    )


def resurveyed(rng: np.random.Generator, road: Line, errors: Errors, spacing: float) -> Line:
    """Measure a road with errors, smooth it, and sample it about every ``spacing`` [m]."""
    xy, heading, step = road.xy, road.heading, road.length / len(road.xy)
    n = len(xy)
    z = xy[:, 0] + 1j * xy[:, 1]
    waves = 2.0 * np.pi * np.fft.fftfreq(n, step)
    bell = np.exp(-0.5 * (waves * errors.smoothing) ** 2)
    # Errors are larger in corners than on straights: fewer points, and edges that are hard to see.
    turn = (np.diff(heading, append=heading[:1]) + np.pi) % (2.0 * np.pi) - np.pi
    worse = 1.0 + IN_CORNERS * np.minimum(np.abs(turn) * (CORNER_RADIUS / step), 1.0)
    size = _noise(errors, step) * worse
    measured = z + size * (normal(rng, n) + 1j * normal(rng, n))
    spectrum = np.fft.fft(measured) * bell
    smooth, rate = np.fft.ifft(spectrum), np.fft.ifft(1j * waves * spectrum)
    shift = ((smooth - z) * np.exp(-1j * heading)).imag
    left = road.left - shift + errors.width_noise * _seen(rng, n, step)
    right = road.right + shift + errors.width_noise * _seen(rng, n, step)
    speed = np.abs(rate)
    ends = np.append(speed, speed[0])
    stations = np.append(0.0, np.cumsum(0.5 * step * (ends[:-1] + ends[1:])))
    length = float(stations[-1])
    count = round(length / spacing)
    at = np.interp(np.arange(count) * (length / count), stations, np.arange(n + 1))
    i = np.minimum(at.astype(np.int64), n - 1)
    t, j = at - i, (i + 1) % n
    # Cubic interpolation between samples, from their positions and tangents.
    chord, a, b = smooth[j] - smooth[i], step * rate[i], step * rate[j]
    position = smooth[i] + t * (a + t * (3.0 * chord - 2.0 * a - b + t * (a + b - 2.0 * chord)))
    tangent = a + t * (6.0 * chord - 4.0 * a - 2.0 * b + t * 3.0 * (a + b - 2.0 * chord))
    return Line(
        np.stack([position.real, position.imag], axis=1),
        np.angle(tangent),
        length,
        left[i] + t * (left[j] - left[i]),
        right[i] + t * (right[j] - right[i]),
        at,
    )


def _noise(errors: Errors, step: float) -> float:
    """Error [m] of points ``step`` [m] apart that gives straights the wanted roughness.

    White noise of size 1, filtered by a Gaussian of width b, has a root mean square curvature of
    ``sqrt(3 step / (8 sqrt(pi) b^5))``: the squared second derivative of the Gaussian, summed.
    """
    return errors.roughness / math.sqrt(
        3.0 * step / (8.0 * math.sqrt(math.pi) * errors.smoothing**5)
    )


def _seen(rng: np.random.Generator, n: int, step: float) -> Array:
    """Errors (n,) of an edge, drawn every ``WIDTHS_APART`` metres and interpolated linearly."""
    count = max(round(n * step / WIDTHS_APART), 3)
    values = np.append(normal(rng, count), 0.0)
    values[-1] = values[0]
    return np.asarray(np.interp(np.arange(n) * (count / n), np.arange(count + 1), values))


def _held_back(half: Array, bend: Array, lowest: float) -> Array:
    """Limited half-widths (n,) of the side towards which ``bend`` [1/m] is positive."""
    sharpest = np.concatenate([bend[-15:], bend, bend[:15]])
    for reach in (1, 2, 4, 8, 15):  # together: within 15 samples to either side
        sharpest = np.maximum(sharpest[reach:], sharpest[:-reach])
    room = 1.0 / np.maximum(sharpest, 1e-3) - INSIDE_MARGIN
    return np.asarray(np.maximum(np.minimum(half, room), lowest))
