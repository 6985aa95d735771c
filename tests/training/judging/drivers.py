"""A hand-written driver that reads nothing but the 22 observations."""

from __future__ import annotations

import numpy as np

from retroracer.envs.observation import AHEAD, AHEAD_BASE, AHEAD_TIME


def path_follower(grip_used: float = 0.5, top_speed: float = 60.0):
    """A driver that steers along the centreline and brakes for what it sees.

    Args:
        grip_used: share of the grip it dares to use in corners and for braking.
        top_speed: [m/s].
    """

    def act(obs: np.ndarray) -> np.ndarray:
        speed = np.maximum(obs[:, 0] * 50.0, 0.0)
        reach = AHEAD_BASE + AHEAD_TIME * speed
        curvature = np.sign(obs[:, 11:17]) * obs[:, 11:17] ** 2 / 10.0
        bend = np.concatenate([np.abs(curvature), obs[:, 17:20] ** 2 / 10.0], axis=1)
        grip = 1.5 * obs[:, 8] * 9.81 * grip_used
        # Fastest speed now from which each stretch can still be met by braking.
        corner = np.sqrt(grip[:, None] / np.maximum(bend, 1e-4))
        distance = AHEAD[None, :9] * reach[:, None]
        allowed = np.sqrt(corner**2 + 2.0 * 0.6 * grip[:, None] * distance).min(axis=1)
        allowed = np.minimum(allowed, top_speed)
        near = (curvature[:, 0] + curvature[:, 1]) / 2.0
        aside = 0.18 * (obs[:, 7] - obs[:, 6]) / (1.0 + speed / 15.0)
        wanted = 2.6 * near - aside - 0.9 * obs[:, 5]
        steer = np.clip((wanted - 0.15 * (obs[:, 2] * 2.0 - speed * near)) / 0.35, -1.0, 1.0)
        throttle = np.clip((allowed - speed) / 3.0, -1.0, 1.0)
        return np.stack([steer, throttle], axis=1)

    return act
