"""A road as a survey tells it: measured with an error here and there, then smoothed.

Owns: what measuring and smoothing do to a centreline and its half-widths. Smoothing spreads a
corner and gives it a peak, and draws the centreline towards its inside; the edges stay where they
are, so that the half-width on the inside shrinks and the one on the outside grows. Does not own:
files of points (``csv_io``), mending somebody's survey (``mending``). Lengths in m, angles in rad.
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
"""By how much larger errors are in corners of ``CORNER_RADIUS`` and below."""

CORNER_RADIUS = 50.0

WIDTHS_APART = 10.0
"""Distance between the places where its widths are measured [m]."""

INSIDE_MARGIN = 1.7
"""The inner edge of a bend keeps this much [m] from its centre."""


class Errors(NamedTuple):
    """How a road was measured.

    Attributes:
        roughness: root mean square of the curvature that errors leave on straights [1/m].
        smoothing: standard deviation of the bell that smooths the points [m].
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
        source: (n,) where the samples come from, in samples of the line before.
    """

    xy: Array
    heading: Array
    length: float
    left: Array
    right: Array
    source: Array

    def held_back(self, lowest: float) -> Line:
        """The same with inner edges that keep ``INSIDE_MARGIN`` from the centres of bends.

        Args:
            lowest: no half-width is less [m].
        """
        around = np.concatenate([self.heading[-1:], self.heading, self.heading[:1]])
        turn = around[2:] - around[:-2]
        turn -= 2.0 * np.pi * np.round(turn / (2.0 * np.pi))
        bend = turn * (0.5 * len(self.xy) / self.length)
        return self._replace(
            left=_held_back(self.left, bend, lowest), right=_held_back(self.right, -bend, lowest)
        )


def draw_errors(rng: np.random.Generator, ranges: TrackRanges, tightest: float) -> Errors:
    """Draw how a track is measured.

    Args:
        rng: source of randomness.
        ranges: what to draw from.
        tightest: smallest radius [m]; smoothing must not swallow a corner.
    """
    return Errors(
        log_between(rng, *ranges.roughness),
        min(between(rng, *ranges.smoothing), 0.7 * tightest),
        between(rng, *ranges.width_noise),
    )


def resurveyed(rng: np.random.Generator, road: Line, errors: Errors, spacing: float) -> Line:
    """Measure a road and smooth what was measured.

    Args:
        rng: source of randomness.
        road: as it is.
        errors: of the survey.
        spacing: of the samples returned [m], about.
    """
    xy, heading, step = road.xy, road.heading, road.length / len(road.xy)
    n = len(xy)
    z = xy[:, 0] + 1j * xy[:, 1]
    waves = 2.0 * np.pi * np.fft.fftfreq(n, step)
    bell = np.exp(-0.5 * (waves * errors.smoothing) ** 2)
    # Corners are measured worse than straights: fewer points, and edges that are hard to see.
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
    # Cubic between samples, from their positions and tangents.
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
    """Error [m] of points a ``step`` apart that leaves a straight as rough as told.

    White noise of size 1 and a bell of width b leave a curvature of root mean square
    ``sqrt(3 step / (8 sqrt(pi) b^5))``: the bell's second derivative, squared and summed.
    """
    return errors.roughness / math.sqrt(
        3.0 * step / (8.0 * math.sqrt(math.pi) * errors.smoothing**5)
    )


def _seen(rng: np.random.Generator, n: int, step: float) -> Array:
    """Errors (n,) of where an edge is seen, drawn every ``WIDTHS_APART``, even in between."""
    count = max(round(n * step / WIDTHS_APART), 3)
    values = np.append(normal(rng, count), 0.0)
    values[-1] = values[0]
    return np.asarray(np.interp(np.arange(n) * (count / n), np.arange(count + 1), values))


def _held_back(half: Array, bend: Array, lowest: float) -> Array:
    """Half-widths to the side to which ``bend`` is positive."""
    sharpest = np.concatenate([bend[-15:], bend, bend[:15]])
    for reach in (1, 2, 4, 8, 15):  # together: within 15 samples to either side
        sharpest = np.maximum(sharpest[reach:], sharpest[:-reach])
    room = 1.0 / np.maximum(sharpest, 1e-3) - INSIDE_MARGIN
    return np.asarray(np.maximum(np.minimum(half, room), lowest))
