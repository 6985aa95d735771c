"""A driver that follows solved lines: feedforward from the line, feedback from a Race's state.

Owns the controller, and the solving of the line it follows. It knows the track and is not an agent:
it serves as a teacher and for comparison. Each car has its own track; all are steered at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from retroracer.laptime.limit import Limit, solve
from retroracer.physics import car as c
from retroracer.physics.car import Car
from retroracer.physics.dynamics import cornering_grip, steer_lock
from retroracer.physics.race import CONTROL_DT, Race
from retroracer.physics.state import DRAG, GRIP, TRACK
from retroracer.track.geometry import Array
from retroracer.track.track import Track

PREVIEW = 0.15
"""Time ahead [s] at which the line is read: half a control step plus the car's delay in turning."""

STIFFNESS = 3.5
"""Natural frequency [rad/s] of the return to the line."""

DAMPING = 0.9
"""Damping ratio of that return; 1 is critical damping."""

MAX_RETURN_ANGLE = 0.2
"""Largest angle [rad] between the car's path and the line while it returns."""

YAW_DAMPING = 2.9
"""Gain of the yaw rate error: the multiple of it that steering corrects in one control step while
the front tyres are far from their limit; near the limit it takes more steps."""

PEAK = 2.4
"""Largest normalised slip of the front tyres; at 3 they only slide."""

DRIVE_SLIP, BRAKE_SLIP = (1.2, 2.8), (0.8, 2.0)
"""Normalised slips of the rear tyres between which drive, and brakes, are faded out."""

SPEED_GAIN = 2.0
"""Acceleration per speed error [1/s]."""

SMOOTHING = 0.25
"""Time [s], in both directions, over which sudden changes of the line's curvature are smoothed."""

_OFFSET, _CURVATURE, _SPEED, _PUSH, _COS, _SIN, _COLUMNS = range(7)


def line_to_follow(
    track: Track,
    car: Car,
    grip_used: float = 0.8,
    margin: float = 0.5,
    coarsest: float = 5.0,
    finest: float = 2.0,
) -> Limit:
    """Solve a line that a driver can follow: for a car with less grip, on a narrower road.

    Args:
        track: the track.
        car: the car that will follow it.
        grip_used: fraction of its grip that the line uses.
        margin: distance the line keeps from the edges of the road [m].
        coarsest: as in ``solve``.
        finest: likewise.
    """
    return solve(track, replace(car, mu=grip_used * car.mu), margin, coarsest, finest)


class LineDriver:
    """Drives the cars of a race along the lines of their tracks.

    Args:
        limits: the line of each track in the race's bank, in its order.
    """

    def __init__(self, limits: Sequence[Limit]) -> None:
        pages = [_page(limit) for limit in limits]
        self.page = np.concatenate(pages)
        self.size = np.array([len(p) for p in pages])
        self.start = np.cumsum(self.size) - self.size
        self.length = np.array([limit.length for limit in limits])

    def read(self, track: npt.NDArray[np.int64], s: Array) -> Array:
        """Lines at stations (N,) [m]: (N, _COLUMNS) with offset, curvature, speed and so on."""
        size, start, length = self.size[track], self.start[track], self.length[track]
        u = np.mod(s, length) * size / length
        i = np.minimum(u.astype(np.int64), size - 1)
        after = np.where(i + 1 < size, i + 1, 0)
        f = (u - i)[:, None]
        return np.asarray(self.page[start + i] * (1.0 - f) + self.page[start + after] * f)

    def __call__(self, race: Race) -> Array:
        """Actions (N, 2): steer and throttle in [-1, 1]."""
        track, p = race.ints[:, TRACK], race.params
        vx = np.maximum(race.vx, 3.0)
        speed = np.maximum(race.speed, 3.0)
        here = self.read(track, race.s)
        ahead = self.read(track, race.s + PREVIEW * speed)
        error = race.lateral_offset - here[:, _OFFSET]
        direction = race.heading + np.arctan2(race.vy, vx)
        drift = np.angle(np.exp(1j * (direction - np.arctan2(here[:, _SIN], here[:, _COS]))))
        towards = -STIFFNESS / (2.0 * DAMPING) * error / speed
        towards = np.clip(towards, -MAX_RETURN_ANGLE, MAX_RETURN_ANGLE)
        bend = ahead[:, _CURVATURE] + 2.0 * DAMPING * STIFFNESS * (towards - drift) / speed
        angle = _steer_angle(race, bend, speed)
        lock = steer_lock(vx, p.T)
        throttle = _throttle(race, ahead[:, _SPEED], ahead[:, _PUSH], speed)
        return np.asarray(np.clip(np.stack([angle / lock, throttle], axis=1), -1.0, 1.0))


def _steer_angle(race: Race, bend: Array, speed: Array) -> Array:
    """Angle of the front wheels (N,) [rad] for a curvature of the path (N,) [1/m]."""
    p = race.params
    grip = p[:, c.MU] * race.floats[:, GRIP]
    most = cornering_grip(speed**2, race.floats[:, GRIP], p.T) / speed**2
    share = np.clip(bend / most, -0.97, 0.97)
    # Slip of the brush tyres at this share of the grip; front and rear differ by extra steering.
    slip = np.sign(share) * 3.0 * grip * (1.0 - np.cbrt(1.0 - np.abs(share)))
    wheelbase = p[:, c.L_FRONT] + p[:, c.L_REAR]
    angle = wheelbase * share * most
    angle += slip * (1.0 / p[:, c.STIFF_FRONT] - 1.0 / p[:, c.STIFF_REAR])
    turning = p[:, c.L_FRONT] * p[:, c.STIFF_FRONT] * p[:, c.LOAD_FRONT] * c.GRAVITY
    turning = turning * p[:, c.PER_INERTIA] / p[:, c.PER_MASS]  # yaw acceleration per angle
    angle += YAW_DAMPING / (CONTROL_DT * turning) * (share * most * speed - race.yaw_rate)
    # Limit the slip of the front tyres.
    along = np.arctan2(race.vy + p[:, c.L_FRONT] * race.yaw_rate, np.maximum(race.vx, 3.0))
    useful = PEAK * p[:, c.MU] / p[:, c.STIFF_FRONT]
    return np.asarray(np.clip(angle, along - useful, along + useful))


def _throttle(race: Race, wanted: Array, push: Array, speed: Array) -> Array:
    """Pedals (N,) for the line's speed [m/s] and acceleration [m/s^2]; faded out as tyres slide."""
    p = race.params
    vx = np.maximum(race.vx, 5.0)
    resist = p[:, c.DRAG] * p[:, c.PER_MASS] * speed**2 + p[:, c.ROLLING]
    resist = resist + race.floats[:, DRAG]
    force = (push + resist + SPEED_GAIN * (wanted - speed)) * p[:, c.MASS]
    drive = np.minimum(p[:, c.DRIVE_FORCE], p[:, c.POWER] / vx)
    throttle = force / np.where(force > 0.0, drive, p[:, c.BRAKE_FORCE])
    slip = np.abs(race.vy - p[:, c.L_REAR] * race.yaw_rate) / vx
    slip = slip * p[:, c.STIFF_REAR] / p[:, c.MU]
    (free, gone), (brake_free, brake_gone) = DRIVE_SLIP, BRAKE_SLIP
    most = np.clip((gone - slip) / (gone - free), 0.0, 1.0)
    least = -np.clip((brake_gone - slip) / (brake_gone - brake_free), 0.0, 1.0)
    return np.asarray(np.clip(throttle, least, most))


def _page(limit: Limit) -> Array:
    """A line sampled every metre, smoothed: (n, _COLUMNS)."""
    n = max(8, round(limit.length))
    s = np.arange(n) * limit.length / n
    page = np.empty((n, _COLUMNS))
    page[:, _SPEED] = limit.at(limit.speed, s)
    page[:, _PUSH] = limit.at(limit.tangential, s)
    reach = SMOOTHING * page[:, _SPEED]
    page[:, _OFFSET] = _smooth(limit.at(limit.lateral_offset, s), reach)
    page[:, _CURVATURE] = _smooth(limit.at(limit.curvature, s), reach)
    x, y = (_smooth(limit.at(values, s), reach) for values in limit.xy.T)
    dx, dy = (np.roll(v, -1) - np.roll(v, 1) for v in (x, y))
    page[:, _COS], page[:, _SIN] = dx / np.hypot(dx, dy), dy / np.hypot(dx, dy)
    return page


def _smooth(values: Array, reach: Array) -> Array:
    """Weighted mean of values (n,) over +-reach (n,) samples of a closed lap."""
    n = len(values)
    out = np.zeros(n)
    for step in range(-3, 4):
        share = (4 - abs(step)) / 16.0
        out += share * np.interp(np.arange(n) + step / 3.0 * reach, np.arange(n), values, period=n)
    return out
