"""One smooth curve from the end of a layout back to its start, for ``closing: curve``.

A quintic that continues position, heading and curvature at both ends; the curvature there is 0,
as at the end of every segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from retroracer.track.geometry import Array

_FINE = 0.5  # step of the table from arc length to the curve's parameter [m]
_TIGHTEST = 8.0  # smallest radius [m]


@dataclass(frozen=True)
class ClosingCurve:
    """A plane curve by arc length.

    Attributes:
        length: arc length [m].
        coefficients: (6, 2) of the quintic in its parameter u in [0, 1].
        u_of: (m,) parameters at the even stations of the table.
    """

    length: float
    coefficients: Array
    u_of: Array

    def pose(self, s: Array) -> tuple[Array, Array]:
        """Positions (N, 2) [m] and headings (N,) [rad] at stations ``s`` (N,) in [0, length]."""
        u = np.interp(s, np.linspace(0.0, self.length, len(self.u_of)), self.u_of)
        d = _derivative(self.coefficients, u, 1)
        return _derivative(self.coefficients, u, 0), np.unwrap(np.arctan2(d[:, 1], d[:, 0]))


def _derivative(c: Array, u: Array, order: int) -> Array:
    """Derivative (N, 2) of the quintic by its parameter, at ``u`` (N,); order 0 is the curve."""
    powers = [math.perm(k, order) * u ** (k - order) for k in range(order, 6)]
    return np.stack(powers, axis=1) @ c[order:]


def _quintic(p: Array, tangent: Array, pull_start: float, pull_end: float) -> Array:
    """Coefficients (6, 2) from ``p`` along ``tangent`` to the origin along +x, curvature 0."""
    v0, v1 = pull_start * tangent, pull_end * np.array([1.0, 0.0])
    d = -p
    third = 10.0 * d - 6.0 * v0 - 4.0 * v1
    fourth = -15.0 * d + 8.0 * v0 + 7.0 * v1
    fifth = 6.0 * d - 3.0 * v0 - 3.0 * v1
    return np.stack([p, v0, np.zeros(2), third, fourth, fifth])


def closing_curve(end: Array, heading: float) -> ClosingCurve | None:
    """The quintic of least curvature from ``end`` back to the origin, arriving along +x.

    Args:
        end: (2,) where the layout ends [m].
        heading: its heading there [rad].

    Returns:
        The curve, or None where every candidate is tighter than ``_TIGHTEST`` or has a cusp.
    """
    chord = float(np.hypot(*end))
    if not 2.0 <= chord <= 10_000.0:
        return None
    tangent = np.array([np.cos(heading), np.sin(heading)])
    u = np.linspace(0.0, 1.0, 201)
    best: tuple[float, Array] | None = None
    pulls = chord * np.array([0.6, 0.8, 1.0, 1.25, 1.6, 2.0, 2.6, 3.3, 4.2])
    for pull_start in pulls:
        for pull_end in pulls:
            c = _quintic(end, tangent, pull_start, pull_end)
            d, dd = _derivative(c, u, 1), _derivative(c, u, 2)
            speed = np.hypot(d[:, 0], d[:, 1])
            if speed.min() < 0.05 * chord:
                continue
            bend = np.abs(d[:, 0] * dd[:, 1] - d[:, 1] * dd[:, 0]) / speed**3
            # Mostly the curvature; a small cost of length prevents huge loops.
            cost = float(bend.max() * chord + 0.2 * speed.mean() / chord)
            if bend.max() <= 1.0 / _TIGHTEST and (best is None or cost < best[0]):
                best = (cost, c)
    if best is None:
        return None
    return _by_length(best[1], chord)


def _by_length(c: Array, chord: float) -> ClosingCurve:
    fine = np.linspace(0.0, 1.0, max(400, int(8.0 * chord)))
    d = _derivative(c, fine, 1)
    speed = np.hypot(d[:, 0], d[:, 1])
    s = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(fine))])
    even = np.linspace(0.0, s[-1], max(8, int(s[-1] / _FINE)))
    return ClosingCurve(float(s[-1]), c, np.interp(even, s, fine))
