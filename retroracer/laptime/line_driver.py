"""A driver that follows solved lines: feedforward from the line, feedback from a Race's state.

Owns: the controller. It knows the track, so it is a yardstick and a teacher, not an agent.
Each car has its own track; all are steered at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retroracer.laptime.limit import Limit
from retroracer.physics import car as c
from retroracer.physics.race import Race
from retroracer.physics.state import GRIP, TRACK
from retroracer.track.geometry import Array

PREVIEW = 0.2
"""How far ahead [s] the line is read: half a control step, and the wheels' way there."""

STIFFNESS = 3.5
"""Natural frequency [rad/s] with which the car returns to the line."""

DAMPING = 0.9
"""Of that return, as a share of the critical one."""

STEEPEST = 0.2
"""Largest angle [rad] at which the car returns to the line."""

YAW_DAMPING = 0.45
"""Angle steered against the yaw rate's error, per error [s]."""

PEAK = 2.4
"""Normalised slip at which the front tyres are held at most; at 3 they only slide."""

SLIDE = 2.8
"""Normalised slip of the rear tyres at which the pedals are let go."""

BRAKE_FREE, BRAKE_SLIDE = 0.8, 2.0
CHASE = 2.0
"""Acceleration per speed error [1/s]."""

_OFFSET, _CURVATURE, _SPEED, _PUSH, _COS, _SIN, _COLUMNS = range(7)


class LineDriver:
    """Drives the cars of a race along the lines of their tracks.

    Args:
        limits: the line of each track in the race's bank, in its order.
        pace: share of the line's speeds to drive at.
    """

    def __init__(self, limits: Sequence[Limit], pace: float = 0.97) -> None:
        self.pace = pace
        pages, self.spacing, self.length = [], [], []
        for limit in limits:
            n = max(8, round(limit.length))
            s = np.arange(n) * limit.length / n
            page = np.empty((n, _COLUMNS))
            page[:, _OFFSET] = limit.at(limit.lateral_offset, s)
            page[:, _CURVATURE] = limit.at(limit.curvature, s)
            page[:, _SPEED] = limit.at(limit.speed, s)
            page[:, _PUSH] = limit.at(limit.tangential, s)
            points = np.stack([limit.at(v, s) for v in limit.xy.T], axis=1)
            points, page[:, _OFFSET] = (
                _smooth(points, page[:, _SPEED] * SMOOTH),
                _smooth(page[:, _OFFSET], page[:, _SPEED] * SMOOTH),
            )
            page[:, _COS], page[:, _SIN] = _direction(points).T
            page[:, _CURVATURE] = _smooth(page[:, _CURVATURE], page[:, _SPEED] * SMOOTH)
            pages.append(page)
            self.spacing.append(limit.length / n)
            self.length.append(limit.length)
        sizes = np.array([len(p) for p in pages])
        self.page = np.concatenate(pages)
        self.start = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        self.size = sizes

    def read(self, track: npt.NDArray[np.int64], s: Array) -> Array:
        """(N, _COLUMNS) the lines at stations (N,) [m]: offset, curvature, speed and so on."""
        u = np.mod(s, np.take(self.length, track)) / np.take(self.spacing, track)
        size, start = self.size[track], self.start[track]
        i = np.minimum(u.astype(np.int64), size - 1)
        after = np.where(i + 1 < size, i + 1, 0)
        f = (u - i)[:, None]
        return np.asarray(self.page[start + i] * (1.0 - f) + self.page[start + after] * f)

    def __call__(self, race: Race) -> Array:
        """Actions (N, 2): steer and throttle in [-1, 1]."""
        track, p = race.ints[:, TRACK], race.params
        vx = np.maximum(race.vx, 3.0)
        speed = np.maximum(race.speed, 3.0)
        beta = np.arctan2(race.vy, vx)
        here = self.read(track, race.s)
        ahead = self.read(track, race.s + PREVIEW * speed)
        error = race.lateral_offset - here[:, _OFFSET]
        drift = race.heading + beta - np.arctan2(here[:, _SIN], here[:, _COS])
        drift = np.angle(np.exp(1j * drift))
        towards = np.clip(-STIFFNESS / (2.0 * DAMPING) * error / speed, -STEEPEST, STEEPEST)
        turn_in = 2.0 * DAMPING * STIFFNESS * (towards - drift)
        bend = ahead[:, _CURVATURE] + turn_in / speed
        angle = self._steer_angle(race, bend, speed)
        lock = p[:, c.STEER_FAST] + (p[:, c.STEER_LOCK] - p[:, c.STEER_FAST]) / (
            1.0 + (vx * p[:, c.PER_STEER_SPEED]) ** 2
        )
        throttle = self._throttle(race, ahead, speed)
        return np.clip(np.stack([angle / lock, throttle], axis=1), -1.0, 1.0)

    def _steer_angle(self, race: Race, bend: Array, speed: Array) -> Array:
        """Angle (N,) [rad] of the wheels for a curvature (N,) of the path [1/m]."""
        p = race.params
        vx = np.maximum(race.vx, 3.0)
        wheelbase = p[:, c.L_FRONT] + p[:, c.L_REAR]
        grip = p[:, c.MU] * race.floats[:, GRIP]
        lift = (p[:, c.LIFT_FRONT] + p[:, c.LIFT_REAR]) * p[:, c.PER_MASS] * speed**2
        share = np.clip(bend * speed**2 / (grip * (c.GRAVITY + lift)), -0.97, 0.97)
        bend = share * grip * (c.GRAVITY + lift) / speed**2
        slip = np.sign(share) * 3.0 * grip * (1.0 - np.cbrt(1.0 - np.abs(share)))
        angle = wheelbase * bend + slip * (1.0 / p[:, c.STIFF_FRONT] - 1.0 / p[:, c.STIFF_REAR])
        angle = angle + YAW_DAMPING * (bend * speed - race.yaw_rate)
        # No more slip than the front tyres have use for.
        along = np.arctan2(race.vy + p[:, c.L_FRONT] * race.yaw_rate, vx)
        most = PEAK * p[:, c.MU] / p[:, c.STIFF_FRONT]
        return np.asarray(np.clip(angle, along - most, along + most))

    def _throttle(self, race: Race, ahead: Array, speed: Array) -> Array:
        """Pedals (N,) for the line's speed, within what the tyres have left beside cornering."""
        p = race.params
        resist = p[:, c.DRAG] * p[:, c.PER_MASS] * speed**2 + p[:, c.ROLLING]
        push = self.pace**2 * ahead[:, _PUSH] + resist
        push = push + CHASE * (self.pace * ahead[:, _SPEED] - speed)
        drive = np.minimum(p[:, c.DRIVE_FORCE], p[:, c.POWER] / np.maximum(race.vx, 3.0))
        throttle = push * p[:, c.MASS] / np.where(push > 0.0, drive, p[:, c.BRAKE_FORCE])
        behind = (race.vy - p[:, c.L_REAR] * race.yaw_rate) / np.maximum(race.vx, 5.0)
        used = np.abs(behind) * p[:, c.STIFF_REAR] / p[:, c.MU]
        most = np.clip((SLIDE - used) / (SLIDE - 1.2), 0.0, 1.0)
        least = -np.clip((BRAKE_SLIDE - used) / (BRAKE_SLIDE - BRAKE_FREE), 0.0, 1.0)
        return np.clip(throttle, least, most)


def _direction(points: Array) -> Array:
    """(N, 2) unit tangents of a closed path: of the circle through each point's neighbours."""
    a = points - np.roll(points, 1, axis=0)
    b = np.roll(a, -1, axis=0)
    long_a, long_b = np.hypot(*a.T)[:, None], np.hypot(*b.T)[:, None]
    d = a / long_a * long_b + b / long_b * long_a
    return np.asarray(d / np.hypot(*d.T)[:, None])


SMOOTH = 0.25


def _smooth(values: Array, reach: Array) -> Array:
    """Mean of values (n,) or (n, 2) over +-reach (n,) samples round a lap, tapering off."""
    weights = np.array([1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0]) / 16.0
    n = len(values)
    at = np.arange(n)
    out = np.zeros_like(values)
    period = np.concatenate([values, values[:1]])
    for k, w in zip(range(-3, 4), weights, strict=True):
        u = np.mod(at + k / 3.0 * reach, n)
        i = np.minimum(u.astype(np.int64), n - 1)
        f = u - i
        f = f[:, None] if values.ndim == 2 else f
        out += w * (period[i] * (1.0 - f) + period[i + 1] * f)
    return out
