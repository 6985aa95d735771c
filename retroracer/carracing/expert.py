"""A driver of CarRacing that knows the car's true state and the true road; a teacher for pixels.

Owns: the line it follows, how fast it dares to be on it, and the steering, gas and brake that
keep it there. It looks no further ahead than the picture shows, so that a driver that sees only
the picture can imitate it. The figures in ``Style`` were found by search (CMA-ES over the physics
alone, with disturbed actions, on tracks that no driver is judged on).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.carracing.racing_line import bends, calmest, speeds

Floats = npt.NDArray[np.float64]

WHEELBASE = 3.24
MASS = 7.3
"""Of car and wheels, in Box2D's units; those below are Box2D's too."""
ENGINE = 40_000.0
"""Power of a rear wheel with the throttle open."""
WHEEL_RADIUS = 0.54
BRAKE_FORCE = 2222.0
"""Of one wheel at a full brake, if only the tyre could take it."""
STEER_LIMIT = 0.45
"""Steering beyond this is no different: the joint ends at 0.4."""
N_SEEN = 19
"""Numbers that ``Expert.seen`` gives."""
SIGHT = 33.0
"""How far along the road the picture shows it for certain."""

_LOST = 20.0
_TURN_BACK = 18.0


@dataclass(frozen=True)
class Style:
    """How the expert drives.

    Attributes:
        room: how far the line may leave the middle of the road.
        shortness: weight of a short line against one of little curvature.
        grip: acceleration it trusts the tyres with in bends.
        braking: deceleration it plans with.
        traction: acceleration it asks for.
        top_speed: it keeps to.
        ahead: distance to the point it steers for, at rest.
        ahead_time: how that grows with speed [s].
        delay: how far into the future it takes the car to be [s].
        damping: of the yaw rate [s].
        drift: 0 aims with the car's nose, 1 with its course.
        speed_gain: acceleration asked for by speed that is missing [1/s].
        speed_lead: how far ahead it reads the speed it should have [s].
    """

    room: float = 2.95
    shortness: float = 0.001
    grip: float = 196.0
    braking: float = 178.0
    traction: float = 229.0
    top_speed: float = 94.0
    ahead: float = 2.8
    ahead_time: float = 0.157
    delay: float = 0.088
    damping: float = 0.024
    drift: float = 0.73
    speed_gain: float = 16.5
    speed_lead: float = 0.34


class Expert:
    """Drives the car of a CarRacing env, in a style."""

    def __init__(self, style: Style | None = None) -> None:
        self.style = style or Style()
        self._near: int | None = None

    def begin(self, track: Sequence[Sequence[float]]) -> None:
        """Learn a road, the env's ``track``: (angle, heading, x, y) of every tile."""
        road = np.asarray(track, np.float64)
        right = np.stack([np.cos(road[:, 1]), np.sin(road[:, 1])], 1)
        middle = road[:, 2:4]
        aside = calmest(middle, right, self.style.room, self.style.shortness)
        self._line = middle + right * aside[:, None]
        curvature, lengths = bends(self._line)
        self._points: list[tuple[float, float]] = self._line.tolist()
        self._lengths: list[float] = lengths.tolist()
        self._speeds: list[float] = speeds(
            curvature, lengths, self.style.grip, self.style.braking, self.style.top_speed
        ).tolist()
        self._near = None

    def act(self, car: Any) -> tuple[float, float]:
        """What to do now with the env's car.

        Returns:
            Steering, left positive, and gas (positive) or brake (negative).
        """
        style, hull = self.style, car.hull
        vx, vy = hull.linearVelocity
        angle, yaw_rate = hull.angle, hull.angularVelocity
        speed = math.hypot(vx, vy)
        x = hull.position[0] + vx * style.delay
        y = hull.position[1] + vy * style.delay
        heading = angle + yaw_rate * style.delay
        i, share = self._beside(x, y)
        tx, ty = self._point(*self._further(i, share, style.ahead + style.ahead_time * speed))
        forwards = -math.sin(angle) * vx + math.cos(angle) * vy
        if speed > 8.0 and forwards > 0.0:
            heading += style.drift * wrapped(math.atan2(vy, vx) - math.pi / 2.0 - heading)
        bearing = wrapped(math.atan2(ty - y, tx - x) - math.pi / 2.0 - heading)
        distance = max(math.hypot(tx - x, ty - y), 1.0)
        if abs(bearing) < math.pi / 2.0:
            curvature = 2.0 * math.sin(bearing) / distance
        else:
            curvature = math.copysign(2.0 / distance, bearing)
        steer = math.atan(WHEELBASE * curvature) + style.damping * (curvature * speed - yaw_rate)
        return min(max(steer, -STEER_LIMIT), STEER_LIMIT), self._pedals(
            i, share, speed, curvature, abs(bearing) > 0.6
        )

    def _pedals(self, i: int, share: float, speed: float, curvature: float, astray: bool) -> float:
        style = self.style
        i, share = self._further(i, share, min(style.speed_lead * speed, SIGHT))
        after = self._speeds[(i + 1) % len(self._speeds)]
        target = self._speeds[i] * (1.0 - share) + after * share
        if astray:
            target = min(target, _TURN_BACK)
        wish = style.speed_gain * (target - speed)
        used = min(abs(curvature) * speed * speed / style.grip, 1.0)
        left = math.sqrt(max(1.0 - used * used, 0.02))  # of the tyres, by the circle of friction
        if wish > 0.0:
            force = min(wish, style.traction * left) * MASS / 2.0
            return min(force * (speed + 5.0 * WHEEL_RADIUS) / ENGINE, 1.0)
        force = min(-wish, 1.2 * style.braking * max(left, 0.3)) * MASS / 4.0
        return -min(force / BRAKE_FORCE, 1.0)

    def seen(self, car: Any) -> Floats:
        """State that the picture shows, scaled to about 1: targets for a network that sees.

        Returns:
            Forward and sideways speed, yaw rate, wheel angle, then points of the line 2, 6, 12,
            20 and 30 ahead in the car's frame, and the speeds the line has there.
        """
        hull = car.hull
        c, s = math.cos(hull.angle), math.sin(hull.angle)
        vx, vy = hull.linearVelocity
        out = [(-s * vx + c * vy) / 50.0, (c * vx + s * vy) / 20.0]
        out += [hull.angularVelocity / 4.0, car.wheels[0].joint.angle * 5.0]
        x, y = hull.position
        i, share = self._beside(x, y)
        for distance in (2.0, 6.0, 12.0, 20.0, 30.0):
            j, part = self._further(i, share, distance)
            px, py = self._point(j, part)
            aside = c * (px - x) + s * (py - y)
            out += [aside / (2.0 + 0.3 * distance), (-s * (px - x) + c * (py - y)) / 20.0]
            out.append(self._speeds[j] / 50.0)
        clipped: Floats = np.clip(np.array(out), -3.0, 3.0)
        return clipped

    def _beside(self, x: float, y: float) -> tuple[int, float]:
        """Where on the line a place is: the piece, and how much of it lies behind."""
        n = len(self._points)
        best, found = math.inf, 0
        if self._near is not None:
            for k in range(self._near - 4, self._near + 9):
                px, py = self._points[k % n]
                far = (px - x) ** 2 + (py - y) ** 2
                if far < best:
                    best, found = far, k % n
        if best > _LOST**2:
            found = int(((self._line - (x, y)) ** 2).sum(1).argmin())
        self._near = found
        share = self._share(found, x, y)
        if share < 0.0:
            found = (found - 1) % n
            share = self._share(found, x, y)
        return found, min(max(share, 0.0), 1.0)

    def _share(self, i: int, x: float, y: float) -> float:
        ax, ay = self._points[i]
        bx, by = self._points[(i + 1) % len(self._points)]
        return float(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / self._lengths[i] ** 2)

    def _further(self, i: int, share: float, distance: float) -> tuple[int, float]:
        left = share * self._lengths[i] + distance
        while left > self._lengths[i]:
            left -= self._lengths[i]
            i = (i + 1) % len(self._lengths)
        return i, left / self._lengths[i]

    def _point(self, i: int, share: float) -> tuple[float, float]:
        ax, ay = self._points[i]
        bx, by = self._points[(i + 1) % len(self._points)]
        return ax + share * (bx - ax), ay + share * (by - ay)


def wrapped(angle: float) -> float:
    """The same angle in [-pi, pi)."""
    return (angle + math.pi) % (2.0 * math.pi) - math.pi
