"""Which wrappers a driver of CarRacing is trained and judged with, as one record.

Owns: their settings and their order, and taking pictures below them. Does not own the wrappers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.wrappers import RecordEpisodeStatistics

from retroracer.carracing import ENV_ID
from retroracer.carracing.observations import PixelObservation, StackFrames, UnitFloats
from retroracer.carracing.wrappers import (
    ActionRepeat,
    CalmActions,
    DiscreteActions,
    EarlyStop,
    RewardScale,
    SteerAccel,
)
from retroracer.config import Range

Picture = npt.NDArray[np.uint8]

STOCK_ID = "CarRacing-v3"
"""Gymnasium's own env: the one scores are reported on."""


@dataclass(frozen=True)
class Pipeline:
    """The wrappers between CarRacing and a driver.

    Attributes:
        actions: "steer-accel": two numbers in [-1, 1], steer left positive, gas or brake;
            "discrete": nothing, right, left, gas, brake; "stock": CarRacing's own three.
        size: side of the picture [pixels]: 84 and 96 are usual.
        colour: of the picture.
        layout: where the channels are, first (torch) or last.
        stack: frames seen at once.
        unit_floats: pixels as float32 from 0 to 1 rather than uint8.
        action_repeat: frames an action lasts.
        reward_scale: times every reward; in training only.
        early_stop: steps in a row without a positive reward after which an episode is cut off,
            0 = never; in training only.
        early_stop_penalty: taken off the last reward then.
        smooth_alpha: share of the previous action kept; when judged only, 0 = off.
        steer_deadzone: steering smaller than this is none; when judged only.
        steer_clip: the most steering; when judged only.
    """

    actions: Literal["steer-accel", "discrete", "stock"] = "steer-accel"
    size: Annotated[int, Range(low=64, high=96)] = 84
    colour: Literal["grey", "rgb"] = "grey"
    layout: Literal["first", "last"] = "first"
    stack: Annotated[int, Range(low=1, high=16)] = 4
    unit_floats: bool = False
    action_repeat: Annotated[int, Range(low=1, high=32)] = 4
    reward_scale: Annotated[float, Range(low=1e-6, high=1e6)] = 1.0
    early_stop: Annotated[int, Range(low=0, high=10**6)] = 0
    early_stop_penalty: Annotated[float, Range(low=0, high=1e6)] = 0.0
    smooth_alpha: Annotated[float, Range(low=0, high=0.99)] = 0.0
    steer_deadzone: Annotated[float, Range(low=0, high=1)] = 0.0
    steer_clip: Annotated[float, Range(above=0, high=1)] = 1.0

    @property
    def calms(self) -> bool:
        """Whether a judged driver's actions pass through ``CalmActions``."""
        return (self.smooth_alpha, self.steer_deadzone, self.steer_clip) != (0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        if self.calms and self.actions == "discrete":
            raise ValueError("smooth_alpha, steer_deadzone and steer_clip need continuous actions")


def wrapped(env: gymnasium.Env[Any, Any], settings: Pipeline, training: bool) -> Any:
    """CarRacing as a driver sees it.

    Rewards are scaled and hopeless episodes cut off in training only, actions calmed only when
    judged. ``info["episode"]`` of an episode's last step has its raw, unscaled return.

    Args:
        env: CarRacing, fast or stock, with its three continuous actions.
        settings: of the wrappers.
        training: whether to learn from it, or to be judged by it.
    """
    if settings.actions == "steer-accel":
        env = SteerAccel(env)
    elif settings.actions == "discrete":
        env = DiscreteActions(env)
    if settings.calms and not training:
        env = CalmActions(env, settings.smooth_alpha, settings.steer_deadzone, settings.steer_clip)
    if settings.action_repeat > 1:
        env = ActionRepeat(env, settings.action_repeat)
    env = PixelObservation(env, settings.size, settings.colour, settings.layout)
    if training and settings.early_stop:
        env = EarlyStop(env, settings.early_stop, settings.early_stop_penalty)
    env = RecordEpisodeStatistics(env)
    if training and settings.reward_scale != 1.0:
        env = RewardScale(env, settings.reward_scale)
    if settings.stack > 1:
        env = StackFrames(env, settings.stack, settings.layout)
    return UnitFloats(env) if settings.unit_floats else env


def make(settings: Pipeline, training: bool = False, env_id: str = ENV_ID, **options: Any) -> Any:
    """The fast env, or ``STOCK_ID``, ``wrapped``; ``options`` as ``gymnasium.make`` takes them."""
    from retroracer.carracing import stock  # noqa: F401  Box2D is loaded its way, or told of

    env = gymnasium.make(env_id, disable_env_checker=True, **options)
    return wrapped(env, settings, training)


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
