"""A hand-written driver that knows the track: pure pursuit of a line at a share of a speed profile.

Reads a ``Race``, returns actions; shared by tests and benchmarks. Owns no physics.
"""

from __future__ import annotations

import numpy as np

from retroracer.physics.car import GRAVITY, Car
from retroracer.physics.race import Race
from retroracer.track.geometry import Array
from retroracer.track.track import Track


def speed_profile(track: Track, car: Car, grip_used: float = 0.8) -> Array:
    """Speeds (n,) [m/s] along the centreline at a share of the grip of a car without wings."""
    most = grip_used * car.mu * GRAVITY
    speed = np.sqrt(most / np.maximum(np.abs(track.curvature), 1e-4))
    speed = np.minimum(speed, 75.0)
    # Twice round, so that the lap's end and beginning agree.
    for _ in range(2):
        for i in range(track.n - 1, -1, -1):
            ahead = speed[(i + 1) % track.n]
            speed[i] = min(speed[i], np.sqrt(ahead**2 + 1.2 * most * track.spacing))
    return speed


class PathFollower:
    """Drives cars that share one track.

    Args:
        track: the track all cars are on.
        car: the car, for its wheelbase and grip.
        pace: share of the speed profile.
        offset: lateral offset [m] of the line that is followed, left positive; a function of
            the station (N,) and the time (N,) if it is not constant.
        top_speed: [m/s].
    """

    def __init__(self, track: Track, car: Car, pace=0.8, offset=0.0, top_speed=80.0) -> None:
        self.track, self.car, self.top_speed = track, car, top_speed
        self.profile = speed_profile(track, car)
        self.pace = pace
        self.offset = offset if callable(offset) else lambda s, time: np.full(len(s), offset)

    def wanted_speed(self, race: Race) -> Array:
        u = race.s / self.track.spacing
        i = np.minimum(u.astype(int), self.track.n - 1)
        j = (i + 1) % self.track.n
        profile = self.profile[i] + (u - i) * (self.profile[j] - self.profile[i])
        return np.minimum(self.pace * profile, self.top_speed)

    def steer(self, race: Race) -> Array:
        ahead = 5.0 + 0.35 * np.maximum(race.vx, 0.0)
        s = race.s + ahead
        target, _ = self.track.pose_at(s, self.offset(s, race.time))
        dx, dy = target[:, 0] - race.x, target[:, 1] - race.y
        c, k = np.cos(race.heading), np.sin(race.heading)
        aside = dy * c - dx * k
        bend = 2.0 * aside / (dx * dx + dy * dy)
        wheelbase = self.car.l_front + self.car.l_rear
        # Slip grows with speed: ask for what understeer takes away.
        angle = bend * (wheelbase + 0.0035 * race.vx**2)
        quick = (race.vx / self.car.steer_speed) ** 2
        fast = self.car.steer_lock_fast
        lock = fast + (self.car.steer_lock - fast) / (1.0 + quick)
        return np.clip(angle / lock, -1.0, 1.0)

    def __call__(self, race: Race) -> Array:
        """Actions (N, 2)."""
        gap = self.wanted_speed(race) - race.vx
        return np.stack([self.steer(race), np.clip(gap / 2.0, -1.0, 1.0)], axis=1)
