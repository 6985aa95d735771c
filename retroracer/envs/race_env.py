"""Gymnasium's Env of a race: one learner among given drivers. Adapter only.

Drivers come as objects: model files are opened by ``agents.race_drivers``, which is what
``gymnasium.make("retroracer/RetroRacer-Race-v0")`` calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from retroracer.envs.arguments import Where, one_of, whole_number
from retroracer.envs.crew import NOBODY, Crew, Driver, Ghost, demand_driver
from retroracer.envs.race_batch import Floats, RaceBatch
from retroracer.envs.race_info import RACE_ACTION, RACE_OBSERVATION, info_of, make_races, step_held
from retroracer.envs.race_rules import RacePage, Stewards
from retroracer.envs.race_task import RaceReward
from retroracer.envs.racing import METADATA, frames_a_second
from retroracer.envs.task import Ending, Reward
from retroracer.envs.variety import Variety
from retroracer.envs.viewed import Viewed
from retroracer.physics.car import Car
from retroracer.physics.race import Race
from retroracer.track.geometry import Array


class RaceEnv(Viewed, gymnasium.Env[Floats, npt.NDArray[np.float32]]):
    """A race of solid cars; the learner is one of them, the others have given drivers.

    Args:
        drivers: of the other cars, 1 to 19: objects that act on the road's observation or on the
            racing one, by their ``n_observations``, every ``action_repeat`` control steps; or
            functions of a ``Race`` that give actions for all its rows (``laptime.LineDriver``);
            or ``Ghost`` of either.
        track: name, path, Track, or a list of them; None draws a random track for every race.
        car: of all, or one for each, the learner's first.
        page: laps, start and penalties.
        variety: what varies between races.
        reward: weights of driving.
        racing: weights of racing.
        ending: when a car is out.
        action_repeat: control steps of 50 ms for which the learner's action is held. The rewards
            of these steps are added up, their ``blame`` is listed; the others decide as before.
        render_mode: "human", "rgb_array" or None.

    Raises:
        TypeError: if an argument has a wrong type.
        ValueError: if an argument is out of bounds.

    The episode ends with the learner's race: terminated when its car is out, truncated when it
    has finished or the race's time is up. ``info`` is that of ``RaceParallelEnv``; ``results`` the
    classification so far, once the learner is done.
    """

    batch: RaceBatch
    metadata: dict[str, Any] = METADATA
    observation_space = RACE_OBSERVATION
    action_space = RACE_ACTION

    def __init__(
        self,
        drivers: Sequence[Driver | Callable[[Race], Array] | Ghost],
        track: Where | Sequence[Where] | None = None,
        *,
        car: Car | str | Sequence[Car | str] = "gt",
        page: RacePage | None = None,
        variety: Variety | None = None,
        reward: Reward | None = None,
        racing: RaceReward | None = None,
        ending: Ending | None = None,
        action_repeat: int = 1,
        render_mode: str | None = None,
    ) -> None:
        self.render_mode = one_of("render_mode", render_mode, METADATA["render_modes"])
        self.action_repeat = whole_number("action_repeat", action_repeat, 1)
        self.metadata = METADATA | {"render_fps": frames_a_second(self.action_repeat)}
        self.drivers = list(drivers)
        for driver in self.drivers:
            demand_driver(driver.driver if isinstance(driver, Ghost) else driver)
        self.batch, self._np_random_seed = make_races(
            1 + len(self.drivers), track, car,
            page=page, variety=variety, reward=reward, racing=racing, ending=ending,
        )  # fmt: skip
        self.batch.keep[1:] = False
        given = [d.driver if isinstance(d, Ghost) else d for d in self.drivers]
        self._crew = Crew(self.batch, given, np.arange(NOBODY, len(given)))
        self._np_random = self.batch.rng
        self.stewards: Stewards | None = None
        self._ended = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin a race; ``seed`` decides its track and who starts where."""
        super().reset(seed=seed)
        if self._np_random is not None:
            self.batch.rng = self._np_random
        self.batch.reset(seed)
        self._np_random = self.batch.rng
        for k, driver in enumerate(self.drivers, start=1):
            if isinstance(driver, Ghost):
                self.batch.company.solid[k] = False
        obs = self.batch.look()[0]
        self._crew.begin()
        self.stewards = Stewards(self.batch.race, self.batch.page, 0, self.batch.n)
        self._ended = False
        if self.render_mode == "human":
            self.render()
        return obs, info_of(self.batch, self.stewards, 0)

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        """Drive for 50 ms, or for ``action_repeat`` times as long, and let the others."""
        if self._ended or self.stewards is None:
            raise ResetNeeded("no race is under way: call reset() before step()")

        def choose() -> Array:
            actions = self._crew.act()
            actions[0] = action
            return actions

        told = step_held(self.batch, self.stewards, [0], choose, self.action_repeat)[0]
        self._ended = told.terminated or told.truncated
        if self.render_mode == "human":
            self.render()
        if self._ended:
            told.info["results"] = self.stewards.results()
        return told
