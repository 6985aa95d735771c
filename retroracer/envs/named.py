"""Other Gymnasium environments by id, and an env that only has spaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from retroracer.errors import UserError


def named(text: str) -> Callable[[], Any]:
    """A function that makes the environment of that id; "package:Name-v0" imports the package.

    Raises:
        UserError: if there is no such id.
    """
    try:
        gym.spec(text)
    except (gym.error.Error, ImportError) as error:
        first = (str(error).splitlines() or ["unknown"])[0]
        raise UserError(f"no environment {text!r}: {first}") from None
    return lambda: gym.make(text)


class SpacesOnly(gym.Env[Any, Any]):
    """Stands for an environment that actors drive elsewhere: SB3's SAC needs its spaces.

    Args:
        observations: numbers in an observation.
        actions: numbers in an action, each in [-1, 1].
        most: largest magnitude of a number in an observation.
    """

    def __init__(self, observations: int, actions: int, most: float = np.inf) -> None:
        self.observation_space = gym.spaces.Box(-most, most, (observations,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (actions,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Not supported."""
        raise NotImplementedError("it is driven elsewhere")

    def step(self, action: Any) -> Any:
        """Not supported."""
        raise NotImplementedError("it is driven elsewhere")
