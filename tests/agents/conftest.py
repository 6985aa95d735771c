"""A small real task with 22 observations and 2 actions, and a SAC trained on it for a moment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

# Nets this small gain nothing from threads, and a busy machine makes threads wait for one another.
torch.set_num_threads(1)


class Chase(gym.Env[np.ndarray, np.ndarray]):
    """Steer a point to the origin; the other observations are a clock's phases."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (22,), np.float32)
    action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at = self.np_random.uniform(-1, 1, 2)
        self.time = 0
        return self._see(), {}

    def step(self, action: Any) -> Any:
        self.at = self.at + 0.1 * np.asarray(action)
        self.time += 1
        return self._see(), -float(np.hypot(*self.at)), False, self.time >= 40, {}

    def _see(self) -> np.ndarray:
        phases = np.sin(self.time / 40 * np.arange(1, 21))
        return np.concatenate([self.at, phases]).astype(np.float32)


@pytest.fixture
def chase() -> Chase:
    return Chase()


@pytest.fixture(scope="session")
def trained() -> SAC:
    """A SAC with real optimiser moments and counters."""
    model = SAC(
        "MlpPolicy",
        Chase(),
        learning_rate=1e-3,
        gamma=0.97,
        policy_kwargs={"net_arch": [32, 24]},
        buffer_size=1000,
        learning_starts=50,
        batch_size=32,
        seed=3,
        device="cpu",
    )
    return model.learn(200)
