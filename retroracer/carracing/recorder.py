"""Pictures of a drive, taken below the wrappers that let an action last several frames.

Owns taking them. Does not own films.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from retroracer.carracing.pipeline import STOCK_ID, Pipeline, wrapped

Picture = npt.NDArray[np.uint8]


class Recorder(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps the picture of every n-th frame; sits below the wrappers that repeat actions."""

    def __init__(self, env: gymnasium.Env[Any, Any], every: int) -> None:
        super().__init__(env)
        self.pictures: list[Picture] = []
        self._every, self._frame = every, 0

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step, and keep every n-th picture."""
        result = self.env.step(action)
        if self._frame % self._every == 0:
            self.pictures.append(np.asarray(self.env.render()))
        self._frame += 1
        return result


def recording(pipeline: Pipeline, every: int, max_frames: int = 1000) -> tuple[Any, list[Picture]]:
    """Gymnasium's own env behind judging wrappers, and the list its pictures are put into.

    Args:
        pipeline: the wrappers.
        every: frames from one picture (400, 600, 3) to the next.
        max_frames: after which the episode is cut off.
    """
    from retroracer.carracing import stock  # noqa: F401  Box2D is loaded its way, or told of

    env = gymnasium.make(STOCK_ID, max_frames, render_mode="rgb_array")
    recorder = Recorder(env, every)
    return wrapped(recorder, pipeline, training=False), recorder.pictures
