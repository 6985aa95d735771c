"""A driver of CarRacing in the game: between an env stepped frame by frame and its wrappers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.agents.pixels.inference import PixelDriver
from retroracer.carracing.observations import PixelObservation
from retroracer.carracing.pipeline import wrapped

Pixels = npt.NDArray[np.uint8]


class PixelDriving:
    """A driver in an episode that the game steps frame by frame.

    Asks the wrappers' own methods what they would do in their ``step``, so that the driver sees
    and does here what it does where it is judged.

    Args:
        driver: drives.
        env: CarRacing, with frames.
        first: the frame the episode began with.

    Attributes:
        seen: what it was last shown.
    """

    def __init__(self, driver: PixelDriver, env: Any, first: Pixels) -> None:
        self.driver = driver
        layer = wrapped(env, driver.pipeline, training=False)
        self._actions = []
        while layer is not env:
            if hasattr(layer, "action"):
                self._actions.append(layer)
            if isinstance(layer, PixelObservation):
                self._observe = layer
            layer = layer.env
        self._frames = [self._observe.observation(first)] * driver.pipeline.stack
        self._left = 0
        self._chosen: Any = None
        self.seen: npt.NDArray[Any] = first

    def inputs(self) -> npt.NDArray[Any]:
        """Steer, gas and brake of the next frame, in the task's own sense."""
        pipeline = self.driver.pipeline
        if self._left == 0:
            axis = 0 if pipeline.layout == "first" else -1
            self.seen = np.concatenate(self._frames, axis)
            if pipeline.unit_floats:
                self.seen = self.seen.astype(np.float32) / np.float32(255.0)
            self._chosen = self.driver.act(self.seen[None])[0]
            self._left = pipeline.action_repeat
        self._left -= 1
        action = self._chosen
        for layer in self._actions:  # the outermost first, as in their steps
            action = layer.action(action)
        return np.asarray(action)

    def note(self, frame: Pixels) -> None:
        """Take in the frame that came of the last inputs."""
        if self._left == 0:
            self._frames = [*self._frames[1:], self._observe.observation(frame)]

    def newest(self) -> Pixels:
        """The newest picture it knows, (size, size, 3)."""
        picture = self._frames[-1]
        if self.driver.pipeline.layout == "first":
            picture = np.moveaxis(picture, 0, -1)
        return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
