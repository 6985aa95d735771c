"""Gymnasium's Env over a RacingBatch of one. Adapter only: no physics, no task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import ResetNeeded

from retroracer.envs import task
from retroracer.envs.arguments import Where, make_batch, one_of
from retroracer.envs.batch import Floats, RacingBatch
from retroracer.envs.variety import Variety
from retroracer.envs.viewed import Viewed
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.race import CONTROL_DT

OBSERVATION = spaces.Box(-task.LIMIT, task.LIMIT, (task.N_OBS,), np.float32)
ACTION = spaces.Box(-1.0, 1.0, (2,), np.float32)
METADATA: dict[str, Any] = {
    "render_modes": ["human", "rgb_array"],
    "render_fps": round(1.0 / CONTROL_DT),
}


def frames_a_second(action_repeat: int) -> int:
    """Number of env steps per second of race time, rounded."""
    return max(1, round(1.0 / (CONTROL_DT * action_repeat)))


INFO_KEYS = (
    "x",
    "y",
    "heading",
    "speed",
    "s",
    "lateral_offset",
    "progress",
    "lap",
    "lap_time",
    "off_track",
)
"""Keys of ``info`` that are set for every car after every step; SI units."""


class RacingEnv(Viewed, gymnasium.Env[Floats, npt.NDArray[np.float32]]):
    """One car. Action: steer (left positive) and throttle (negative brakes) in [-1, 1].

    Args:
        track: name (``"monza"``), path, Track, or a list of them to draw from; None = random
            tracks, which depend on the seed.
        car: a shipped car's name, or a Car.
        variety: what varies between episodes.
        reward: weights of the reward's terms.
        laps: laps after which an episode is truncated; 0 = never.
        time: seconds after which it is truncated; inf = never.
        action_repeat: control steps of 50 ms for which an action is held: 2 decides at 10 Hz, as
            the shipped drivers do. The rewards of these steps are added up.
        render_mode: "human" (a window, in real time), "rgb_array" or None.

    Raises:
        TypeError: if an argument has a wrong type; the message names it.
        ValueError: if an argument is out of bounds.
        UserError: if a track or car does not exist, or its page has mistakes.

    ``info`` holds x, y, heading, speed, s, lateral_offset, progress, lap, lap_time,
    off_track (SI units), ``reward`` (a dict of named terms) and, on completing a timed lap,
    ``last_lap_time`` and ``sector_times``.
    """

    batch: RacingBatch
    metadata: dict[str, Any] = METADATA
    observation_space = OBSERVATION
    action_space = ACTION
    made_of: type[RacingBatch] = RacingBatch
    batch_arguments: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        track: Where | Sequence[Where] | None = None,
        *,
        car: Car | str = "gt",
        variety: Variety | None = None,
        reward: task.Reward | None = None,
        laps: int = 0,
        time: float = 300.0,
        action_repeat: int = 1,
        render_mode: str | None = None,
    ) -> None:
        self.render_mode = one_of("render_mode", render_mode, METADATA["render_modes"])
        given = (track, car, variety, reward, laps, time, action_repeat)
        self.batch, self._np_random_seed = make_batch(
            1, *given, self.made_of, **self.batch_arguments
        )
        self.metadata = METADATA | {"render_fps": frames_a_second(self.batch.action_repeat)}
        self._np_random = self.batch.rng
        self._ended = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin an episode; ``seed`` decides its track and start."""
        super().reset(seed=seed)
        if self._np_random is not None:
            self.batch.rng = self._np_random  # the caller may have set another
        obs = self.batch.reset(seed)[0]
        self._np_random = self.batch.rng
        self._ended = False
        if self.render_mode == "human":
            self.render()
        return obs, self._info()

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Drive for 50 ms, or for ``action_repeat`` times as long."""
        if self._ended:
            raise ResetNeeded("no episode is under way: call reset() before step()")
        obs, reward, terminated, truncated = self.batch.step(
            np.asarray(action, np.float64)[None], autoreset=False
        )
        self._ended = bool(terminated[0] or truncated[0])
        if self.render_mode == "human":
            self.render()
        return obs[0], float(reward[0]), bool(terminated[0]), bool(truncated[0]), self._info()

    def _info(self) -> dict[str, Any]:
        race = self.batch.race
        f = race.floats[0].tolist()
        offset = f[state.OFFSET]
        info: dict[str, Any] = {
            "x": f[state.X],
            "y": f[state.Y],
            "heading": f[state.HEADING],
            "speed": (f[state.VX] ** 2 + f[state.VY] ** 2) ** 0.5,
            "s": f[state.S],
            "lateral_offset": offset,
            "progress": f[state.PROGRESS],
            "lap": int(race.ints[0, state.LAP]),
            "lap_time": f[state.TIME] - f[state.LAP_START],
            "off_track": offset > f[state.HALF_LEFT] or -offset > f[state.HALF_RIGHT],
            "reward": dict(zip(task.REWARD_NAMES, self.batch.terms[0].tolist(), strict=True)),
        }
        if race.ints[0, state.STEP_LAP] and f[state.LAST_LAP] == f[state.LAST_LAP]:
            info["last_lap_time"] = f[state.LAST_LAP]
            info["sector_times"] = race.sector_times(0)
        return info
