"""The g-g-v diagram: the boundary of a car's accelerations at each speed, as a smooth function.

At one speed the accelerations that a car can hold fill a region of the (normal, tangential) plane.
The region is stored as the distance of its boundary from an inner point, by direction, so that one
inequality ``load <= 1`` covers tyres, power, brakes and drag. Its left half is the convex hull of
the car's steady states, because a driver can alternate between two of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from retroracer.laptime.steady_states import SteadyStates, steady_states
from retroracer.physics import car as c
from retroracer.physics.car import Car
from retroracer.track.geometry import Array

SLOWEST = 6.0
"""Below this speed [m/s] the boundary of this speed is used."""

MARGIN = 1.004
"""Factor on the boundary, so that the interpolated one never lies inside the true one."""

_SPEEDS = 64
_DIRECTIONS = 192
_PEDALS = 81
_EFFORTS = 14


class Load(NamedTuple):
    """How much of the envelope an acceleration uses, and the derivatives Newton's method needs.

    Attributes:
        value: (N,) 1 on the boundary, less inside; grows with the square of the distance.
        gradient: (N, 3) derivatives by v^2 / 2 [m^2/s^2], curvature [1/m] and tangential
            acceleration [m/s^2].
        hessian: (N, 3, 3) second derivatives by the same.
    """

    value: Array
    gradient: Array
    hessian: Array


class Envelope:
    """The accelerations a car can hold on a surface.

    Args:
        car: the car.
        grip: factor of the surface on the friction coefficient.
        drag: extra deceleration by the surface [m/s^2].
        ploughing: coefficient of the surface's deceleration that grows with the square of the
            speed [1/m]. It always acts against the motion, so it only shifts the boundary.

    Attributes:
        speeds: (V,) [m/s] at which the boundary was computed, evenly spaced.
        centre: tangential acceleration [m/s^2] of the inner point from which distances are
            measured, without ploughing.
        fastest: highest speed that can be held [m/s].
    """

    def __init__(
        self, car: Car, grip: float = 1.0, drag: float = 0.0, ploughing: float = 0.0
    ) -> None:
        self.ploughing = ploughing
        top = min(max(1.06 * top_speed(car, drag), 2.0 * SLOWEST), 150.0)
        self.speeds = np.linspace(SLOWEST, top, _SPEEDS)
        pedals = np.linspace(-1.0, 1.0, _PEDALS)
        efforts = np.sin(np.linspace(0.0, np.pi / 2.0, _EFFORTS))  # finer steps near the limit
        found = steady_states(car, self.speeds[:, None, None], pedals[:, None], efforts, grip, drag)
        brakes = -found.tangential[:, :, 0].min(axis=1)
        self.centre = -0.3 * float(brakes.min())
        angle: Array = np.arange(_DIRECTIONS, dtype=float) * (2.0 * np.pi / _DIRECTIONS)
        reach = MARGIN * _boundary(found, self.centre, angle)
        self._table = _Table(self.speeds, reach**-2.0)
        self.fastest = float(self.speeds[-1])
        if ploughing:
            ahead = np.array([np.pi / 2.0])
            held = [v for v in self.speeds if self.boundary(v, ahead)[1][0] > 0.0]
            self.fastest = float(max(held, default=self.speeds[0]))

    def _effort(self, energy: Array, tangential: Array) -> Array:
        """Tangential acceleration (N,) relative to the inner point, with ploughing added."""
        return tangential + 2.0 * self.ploughing * energy - self.centre

    def use(self, energy: Array, curvature: Array, tangential: Array) -> Array:
        """The value of ``load`` (N,) without derivatives; same arguments."""
        p, t = 2.0 * energy * curvature, self._effort(energy, tangential)
        share = self._table(np.sqrt(2.0 * energy), np.arctan2(t, p), derivatives=False)[0]
        return np.asarray((p * p + t * t) * share)

    def load(self, energy: Array, curvature: Array, tangential: Array) -> Load:
        """The load of cars that follow a path; above 1 it is impossible.

        Args:
            energy: (N,) half the squared speed [m^2/s^2].
            curvature: (N,) of the path [1/m].
            tangential: (N,) acceleration along it [m/s^2].
        """
        speed = np.sqrt(2.0 * energy)
        p, t = 2.0 * energy * curvature, self._effort(energy, tangential)
        square = np.maximum(p * p + t * t, 1e-12)
        w, wv, wa, wvv, wva, waa = self._table(speed, np.arctan2(t, p))
        # Derivatives of square * w(v, angle) by p, t and v.
        f_p, f_t, f_v = 2.0 * p * w - t * wa, 2.0 * t * w + p * wa, square * wv
        turn = wa / square
        bend = waa / square
        f_pp = 2.0 * w - 2.0 * p * t * turn + t * t * bend
        f_tt = 2.0 * w + 2.0 * p * t * turn + p * p * bend
        f_pt = (p * p - t * t) * turn - p * t * bend
        f_vv = square * wvv
        f_pv, f_tv = 2.0 * p * wv - t * wva, 2.0 * t * wv + p * wva
        # Chain rule to the arguments: v^2 = 2 energy, p = 2 energy curvature, t = tangential
        # + 2 ploughing energy - centre.
        k, e2, per, g = 2.0 * curvature, 2.0 * energy, 1.0 / speed, 2.0 * self.ploughing
        gradient = np.stack([f_v * per + k * f_p + g * f_t, e2 * f_p, f_t], axis=1)
        h = np.empty((len(p), 3, 3))
        h[:, 0, 0] = f_vv * per**2 - f_v * per**3 + 2.0 * k * per * f_pv + k * k * f_pp
        h[:, 0, 1] = h[:, 1, 0] = 2.0 * f_p + e2 * (f_pv * per + k * f_pp)
        h[:, 0, 2] = h[:, 2, 0] = f_tv * per + k * f_pt
        h[:, 1, 1] = e2 * e2 * f_pp
        h[:, 1, 2] = h[:, 2, 1] = e2 * f_pt
        h[:, 2, 2] = f_tt
        h[:, 0, 0] += 2.0 * g * h[:, 0, 2] + g * g * f_tt
        h[:, 0, 1] += g * h[:, 1, 2]
        h[:, 0, 2] += g * f_tt
        h[:, 1:, 0] = h[:, 0, 1:]
        return Load(square * w, gradient, h)

    def boundary(self, speed: float, angle: Array) -> tuple[Array, Array]:
        """Normal and tangential accelerations [m/s^2] on the boundary at one speed.

        Args:
            speed: [m/s].
            angle: (N,) direction from the inner point [rad]: 0 left turn, pi / 2 forward.
        """
        angle = np.asarray(angle, float)
        r = self._table(np.full(len(angle), float(speed)), angle, derivatives=False)[0] ** -0.5
        return r * np.cos(angle), self.centre + r * np.sin(angle) - self.ploughing * speed**2

    def corner_speed(self, curvature: Array) -> Array:
        """Highest speed (N,) [m/s] at which a car can follow a curvature (N,) [1/m]."""
        angles = np.linspace(-np.pi / 2.0, np.pi / 2.0, 46)
        most = np.array([self.boundary(v, angles)[0].max() for v in self.speeds])
        need = self.speeds[None, :] ** 2 * np.abs(curvature)[:, None]
        fits = need <= most[None, :]
        slow = np.sqrt(most[0] / np.maximum(np.abs(curvature), 1e-9))
        fast = self.speeds[np.maximum(fits.sum(axis=1) - 1, 0)]
        return np.asarray(np.where(fits[:, 0], fast, slow))


class _Table:
    """A function of speed and direction as cubic B-splines on an even grid, with derivatives."""

    def __init__(self, speeds: Array, values: Array) -> None:
        from scipy.ndimage import spline_filter1d

        self.low, self.high = float(speeds[0]), float(speeds[-1])
        self.per_speed = (len(speeds) - 1) / (self.high - self.low)
        self.per_angle = values.shape[1] / (2.0 * np.pi)
        c = spline_filter1d(values, order=3, axis=0, mode="mirror")
        c = spline_filter1d(c, order=3, axis=1, mode="grid-wrap")
        c = np.concatenate([c[1:2], c, c[-2:-4:-1]], axis=0)
        c = np.concatenate([c[:, -1:], c, c[:, :3]], axis=1)
        self.flat, self.columns = np.ascontiguousarray(c).ravel(), c.shape[1]

    def __call__(self, speed: Array, angle: Array, derivatives: bool = True) -> tuple[Array, ...]:
        """Value and, if wanted, derivatives by v, angle, v v, v angle, angle angle; each (N,)."""
        inside = (speed > self.low) & (speed < self.high)
        u = (np.clip(speed, self.low, self.high) - self.low) * self.per_speed
        w = np.mod(angle, 2.0 * np.pi) * self.per_angle
        i, j = u.astype(np.int64), w.astype(np.int64)
        corner = i * self.columns + j
        shift = np.arange(4)
        near = self.flat[corner[:, None, None] + shift[:, None] * self.columns + shift[None, :]]
        (bu, du, ddu), (bw, dw, ddw) = _cubic(u - i), _cubic(w - j)
        along = (near * bw[:, None, :]).sum(axis=2)
        value = (along * bu).sum(axis=1)
        if not derivatives:
            return (value,)
        a, b = np.where(inside, self.per_speed, 0.0), self.per_angle
        slope = (near * dw[:, None, :]).sum(axis=2)
        bend = (near * ddw[:, None, :]).sum(axis=2)
        return (
            value,
            a * (along * du).sum(axis=1),
            b * (slope * bu).sum(axis=1),
            a * a * (along * ddu).sum(axis=1),
            a * b * (slope * du).sum(axis=1),
            b * b * (bend * bu).sum(axis=1),
        )


def _cubic(f: Array) -> tuple[Array, Array, Array]:
    """Uniform cubic B-spline weights (N, 4) at fractions (N,), and their two derivatives."""
    g = 1.0 - f
    weights = [g**3, 3.0 * f**3 - 6.0 * f**2 + 4.0, 3.0 * g**3 - 6.0 * g**2 + 4.0, f**3]
    slopes = [-(g**2), 3.0 * f**2 - 4.0 * f, -3.0 * g**2 + 4.0 * g, f**2]
    bends = [g, 3.0 * f - 2.0, 3.0 * g - 2.0, f]
    w, s, b = (np.stack(values, axis=1) for values in (weights, slopes, bends))
    return w / 6.0, s / 2.0, b


@lru_cache(maxsize=32)
def envelope(car: Car, grip: float = 1.0, drag: float = 0.0, ploughing: float = 0.0) -> Envelope:
    """The envelope of a car on a surface, computed once and cached."""
    return Envelope(car, grip, drag, ploughing)


def top_speed(car: Car, drag: float = 0.0) -> float:
    """Speed [m/s] at which full power balances drag and rolling resistance."""
    k = 0.5 * c.AIR_DENSITY * car.drag_area
    low, high = 0.1, 1000.0
    for _ in range(80):
        v = 0.5 * (low + high)
        push = min(car.drive_force, car.power / v)
        keeps_up = push > k * v * v + (car.rolling * c.GRAVITY + drag) * car.mass
        low, high = (v, high) if keeps_up else (low, v)
    return 0.5 * (low + high)


def _boundary(found: SteadyStates, centre: float, angle: Array) -> Array:
    """Distance (V, len(angle)) [m/s^2] of the hull of the steady states, mirrored for right turns.

    The distance of a convex region's boundary in a direction is the least one allowed by its
    supporting lines. Left and right turns have separate hulls: at high speed a sliding car slows
    down faster than one that brakes straight, but it cannot slide to both sides.
    """
    n = len(found.normal)
    p = found.normal.reshape(n, -1)
    t = found.tangential.reshape(n, -1) - centre
    lines = np.linspace(-np.pi + 0.02, np.pi - 0.02, 721)
    support = np.empty((n, len(lines)))
    for k, line in enumerate(lines):
        support[:, k] = (p * np.cos(line) + t * np.sin(line)).max(axis=1)
    folded = np.arctan2(np.sin(angle), np.abs(np.cos(angle)))
    cosine = np.cos(folded[:, None] - lines[None, :])
    reach = np.where(cosine > 0.05, 1.0 / np.maximum(cosine, 0.05), np.inf)
    return np.asarray((support[:, None, :] * reach[None]).min(axis=2))
