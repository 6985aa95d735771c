"""Environments that are not ours: by their ids, and as two spaces for who only asks for those."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from retroracer.errors import UserError


def named(text: str) -> Callable[[], Any]:
    """What makes the environment of that id; "package:Name-v0" imports the package first.

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
    """An environment that is driven elsewhere: a SAC asks it for its spaces.

    Args:
        observations: numbers in one.
        actions: numbers in one, each in [-1, 1].
    """

    def __init__(self, observations: int, actions: int) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (observations,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (actions,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        """Refused."""
        raise NotImplementedError("it is driven elsewhere")

    def step(self, action: Any) -> Any:
        """Refused."""
        raise NotImplementedError("it is driven elsewhere")
