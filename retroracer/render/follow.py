"""The camera that follows a car: looks ahead, and further the faster it goes."""

from __future__ import annotations

import math

from retroracer.render.camera import NORTH_UP, Camera

SEEN_AHEAD = 2.3
"""Seconds of road in view ahead of the car."""

CLOSE, FAR = 9.0, 3.1
"""Zoom at rest and the widest, in pixels a metre on a screen 720 px high."""

HIGH, LOW = 0.76, 0.88
"""Where the car stands at rest and at speed, as a share of the height: lower, so that the same
road ahead is seen from nearer."""

FAST = 55.0
"""Speed at which it stands lowest [m/s]."""


class Follower:
    """Smoothly moving camera.

    Args:
        heading_up: True turns the world so that the car drives up the screen.
    """

    def __init__(self, heading_up: bool = True) -> None:
        self.heading_up = heading_up
        self._zoom = CLOSE
        self._up = NORTH_UP
        self._place = HIGH
        self._fresh = True

    def jump(self) -> None:
        """Forget where the camera was: the next view starts at the car, without a sweep."""
        self._fresh = True

    def view(
        self, x: float, y: float, heading: float, speed: float, size: tuple[int, int], dt: float
    ) -> Camera:
        """The camera for a car at (x, y) [m] with a heading [rad] and a speed [m/s].

        ``size`` is of the screen [px], ``dt`` the time since the last view [s].
        """
        height = size[1]
        place = HIGH + (LOW - HIGH) * min(max(speed, 0.0) / FAST, 1.0)
        wanted = min(CLOSE, max(FAR, place * 720.0 / (SEEN_AHEAD * max(speed, 1.0))))
        up = heading if self.heading_up else NORTH_UP
        if self._fresh:
            self._zoom, self._up, self._place, self._fresh = wanted, up, place, False
        share = 1.0 - math.exp(-dt / 0.6)
        self._zoom += share * (wanted - self._zoom)
        self._place += share * (place - self._place)
        turn = math.remainder(up - self._up, 2.0 * math.pi)
        self._up += (1.0 - math.exp(-dt / 0.18)) * turn
        scale = self._zoom * height / 720.0
        if self.heading_up:
            return Camera((x, y), scale, size, self._up, (0.5, self._place))
        ahead = min(speed * 1.1, 0.32 * height / scale)
        centre = (x + ahead * math.cos(heading), y + ahead * math.sin(heading))
        return Camera(centre, scale, size, NORTH_UP)
