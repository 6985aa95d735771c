"""Drivers for benchmarks: smooth random wheelwork, and one that drives by the 22 observations."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from retroracer.envs.observation import AHEAD, AHEAD_BASE, AHEAD_TIME

Floats = npt.NDArray[np.float32]


class SmoothRandom:
    """Actions that wander: first-order filtered noise, a little more throttle than brake.

    Args:
        n: number of cars.
        seed: of the noise.
        variants: how many batches of actions are kept and played in turn.
    """

    def __init__(self, n: int, seed: int = 0, variants: int = 64) -> None:
        rng = np.random.default_rng(seed)
        wander = np.zeros((n, 2))
        self._actions = np.zeros((variants, n, 2), np.float32)
        for k in range(variants):
            wander += 0.15 * (rng.normal(0.0, 1.5, (n, 2)) - wander)
            self._actions[k] = np.clip(wander + np.array([0.0, 0.25]), -1.0, 1.0)
        self._next = 0

    def __call__(self, obs: Floats) -> Floats:
        """The next actions (N, 2)."""
        self._next = (self._next + 1) % len(self._actions)
        return np.asarray(self._actions[self._next])


def drive(obs: Floats) -> Floats:
    """Follow the road and brake for what is seen: actions (N, 2) for observations (N, 22)."""
    speed = np.maximum(obs[:, 0] * 50.0, 0.0)
    reach = AHEAD_BASE + AHEAD_TIME * speed
    near = np.sign(obs[:, 11:17]) * obs[:, 11:17] ** 2 / 10.0
    bend = np.concatenate([np.abs(near), obs[:, 17:20] ** 2 / 10.0], axis=1)
    grip = 1.5 * obs[:, 8] * 9.81 * 0.55
    corner2 = grip[:, None] / np.maximum(bend, 1e-4)
    distance = AHEAD[None, :9] * reach[:, None]
    allowed = np.sqrt((corner2 + 1.2 * grip[:, None] * distance).min(axis=1))
    here = 0.5 * (near[:, 0] + near[:, 1])
    wanted = 2.6 * here - 0.18 * (obs[:, 7] - obs[:, 6]) / (1.0 + speed / 15.0) - 0.9 * obs[:, 5]
    steer = (wanted - 0.15 * (2.0 * obs[:, 2] - speed * here)) / 0.35
    throttle = (allowed - speed) / 3.0
    return np.clip(np.stack([steer, throttle], axis=1), -1.0, 1.0).astype(np.float32)
