"""What a network sees of CarRacing: the frame's size, colours, layout, and its past.

Owns: observation wrappers, each a plain Gymnasium wrapper.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from retroracer.carracing.pixels import grey, resize, taps

Env = gymnasium.Env[Any, Any]
Pixels = npt.NDArray[np.uint8]


class PixelObservation(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """The frame in another size, colour and layout.

    Args:
        env: whose frames are (old, old, 3) uint8.
        size: 84 or 96, or any other side of the square.
        colour: "grey" (1 channel) or "rgb" (3).
        layout: "first": (channels, size, size), or "last": (size, size, channels).
    """

    def __init__(
        self, env: Env, size: int = 84, colour: str = "grey", layout: str = "first"
    ) -> None:
        RecordConstructorArgs.__init__(self, size=size, colour=colour, layout=layout)
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 3 or space.shape[2] != 3:
            raise ValueError(f"frames must be (H, W, 3), not {space}")
        old = space.shape[0]
        self._grey, self._first = colour == "grey", layout == "first"
        self._old, self._size = old, size
        channels = 1 if self._grey else 3
        shape = (channels, size, size) if self._first else (size, size, channels)
        self.observation_space = spaces.Box(0, 255, shape, np.uint8)
        self._taps = taps(old, size) if size != old else None
        self._between = np.empty((old, size), np.uint8)

    def observation(self, observation: Pixels) -> Pixels:
        """The frame as it is passed on, a new array."""
        if self._grey:
            plane = np.empty((self._old, self._old), np.uint8)
            grey(observation, plane)
            planes = [self._resized(plane)]
        else:
            planes = [self._resized(np.ascontiguousarray(observation[..., c])) for c in range(3)]
        if len(planes) == 1:
            return planes[0][None] if self._first else planes[0][..., None]
        return np.stack(planes, 0 if self._first else -1)

    def _resized(self, plane: Pixels) -> Pixels:
        if self._taps is None:
            return plane
        out = np.empty((self._size, self._size), np.uint8)
        resize(plane, *self._taps, self._between, out)
        return out


class StackFrames(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """The last frames as channels, oldest first; an episode begins with its first one repeated.

    Args:
        env: to wrap.
        stack: number of frames.
        layout: which axis the channels are: "first" or "last".
    """

    def __init__(self, env: Env, stack: int = 4, layout: str = "first") -> None:
        RecordConstructorArgs.__init__(self, stack=stack, layout=layout)
        super().__init__(env)
        space = env.observation_space
        assert isinstance(space, spaces.Box)
        self._stack, self._axis = stack, 0 if layout == "first" else -1
        self.observation_space = spaces.Box(
            np.concatenate([space.low] * stack, self._axis),
            np.concatenate([space.high] * stack, self._axis),
            dtype=np.uint8,
        )
        self._frames: list[Pixels] = []

    def _seen(self) -> Pixels:
        return np.concatenate(self._frames, self._axis)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Pixels, dict[str, Any]]:
        """Begin an episode."""
        first, info = self.env.reset(seed=seed, options=options)
        self._frames = [first] * self._stack
        return self._seen(), info

    def step(self, action: Any) -> tuple[Pixels, Any, bool, bool, dict[str, Any]]:
        """Step, and see the new frame beside the last ones."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._frames = [*self._frames[1:], obs]
        return self._seen(), reward, terminated, truncated, info


class UnitFloats(gymnasium.ObservationWrapper[Any, Any, Any], RecordConstructorArgs):
    """Pixels as float32 from 0 to 1, for networks that do not divide by 255 themselves."""

    def __init__(self, env: Env) -> None:
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        assert env.observation_space.shape is not None
        self.observation_space = spaces.Box(0.0, 1.0, env.observation_space.shape, np.float32)

    def observation(self, observation: Pixels) -> npt.NDArray[np.float32]:
        """The pixels, divided by 255."""
        return observation.astype(np.float32) / np.float32(255.0)
