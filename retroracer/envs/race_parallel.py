"""PettingZoo's ParallelEnv over a RaceBatch of one race: every car an agent. Adapter only.

PettingZoo is an extra (``pip install retroracer[race]``); nothing else imports this module.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from retroracer.envs.arguments import Where, one_of, whole_number
from retroracer.envs.race_batch import Floats, RaceBatch
from retroracer.envs.race_info import RACE_ACTION, RACE_OBSERVATION, info_of, make_races, step_held
from retroracer.envs.race_rules import RacePage, Stewards
from retroracer.envs.race_task import RaceReward
from retroracer.envs.racing import METADATA, frames_a_second
from retroracer.envs.task import Ending, Reward
from retroracer.envs.variety import Variety
from retroracer.envs.viewed import Viewed
from retroracer.physics.car import Car

if TYPE_CHECKING:
    from pettingzoo import ParallelEnv
else:
    # Imported, PettingZoo sets a sound driver that few machines have: a game in the same program
    # would be silent.
    _sound = os.environ.get("SDL_AUDIODRIVER")
    from pettingzoo import ParallelEnv

    if _sound is None:
        os.environ.pop("SDL_AUDIODRIVER", None)
    else:
        os.environ["SDL_AUDIODRIVER"] = _sound

Actions = npt.NDArray[np.float32]

PARALLEL_METADATA = METADATA | {"name": "retroracer_race_v0", "is_parallelizable": True}


class RaceParallelEnv(Viewed, ParallelEnv[str, Floats, Actions]):  # type: ignore[misc]
    """A race of several solid cars, ``car_0`` and on. Actions as in ``RacingEnv``.

    Args:
        n_cars: 1 to 20.
        track: name, path, Track, or a list of them; None draws a random track for every race.
        car: of all, or one for each agent.
        page: laps, start and penalties.
        variety: what varies between races.
        reward: weights of driving.
        racing: weights of racing.
        ending: when a car is out.
        action_repeat: control steps of 50 ms for which actions are held, as in ``RaceEnv``.
        render_mode: "human" (a window, in real time), "rgb_array" or None; the first car's view.

    An agent is terminated when its car is out, and truncated when it has finished or the race's
    time is up; its car then leaves the track. ``info`` tells of each car what ``RacingEnv`` does,
    ``place``, ``contacts``, ``contacts_at_fault``, ``blame`` (of the step: with whom, closing
    speed, share of the fault), named reward terms and, when an agent is done, its ``result``.
    """

    batch: RaceBatch
    metadata: dict[str, Any] = PARALLEL_METADATA

    def __init__(
        self,
        n_cars: int = 4,
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
        self.metadata = PARALLEL_METADATA | {"render_fps": frames_a_second(self.action_repeat)}
        self.batch, _ = make_races(
            n_cars, track, car,
            page=page, variety=variety, reward=reward, racing=racing, ending=ending,
        )  # fmt: skip
        self.possible_agents = [f"car_{k}" for k in range(n_cars)]
        self.agents: list[str] = []
        # One of each for every agent of every env: a space has a random generator of its own.
        agents = self.possible_agents
        self.observation_spaces = {agent: deepcopy(RACE_OBSERVATION) for agent in agents}
        self.action_spaces = {agent: deepcopy(RACE_ACTION) for agent in agents}
        self.stewards: Stewards | None = None

    def observation_space(self, agent: str) -> spaces.Space[Floats]:
        """What an agent sees: the same object at every call."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Actions]:
        """Likewise."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Floats], dict[str, dict[str, Any]]]:
        """Begin a race; ``seed`` decides its track and who starts where."""
        obs = self.batch.reset(seed)
        self.agents = list(self.possible_agents)
        self.stewards = Stewards(
            self.batch.race, self.batch.page, 0, self.batch.n, self.possible_agents
        )
        if self.render_mode == "human":
            self.render()
        each = range(len(self.agents))
        infos = {self.possible_agents[k]: info_of(self.batch, self.stewards, k) for k in each}
        return {self.possible_agents[k]: obs[k] for k in each}, infos

    def step(
        self, actions: dict[str, Actions]
    ) -> tuple[
        dict[str, Floats],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Drive for 50 ms, or for ``action_repeat`` times as long.

        Returns:
            Dicts keyed by the agents that were alive before it. One that was done in the midst of
            it is told how its own race ended.
        """
        if not self.agents or self.stewards is None:
            return {}, {}, {}, {}, {}
        rows = [self.possible_agents.index(agent) for agent in self.agents]
        chosen = np.zeros((self.batch.n, 2))
        for agent, row in zip(self.agents, rows, strict=True):
            chosen[row] = actions[agent]
        told = step_held(self.batch, self.stewards, rows, lambda: chosen, self.action_repeat)
        alive = list(zip(self.agents, rows, strict=True))
        self.agents = [agent for agent, row in alive if self.batch.alive[row]]
        if self.render_mode == "human":
            self.render()
        return (
            {agent: told[row].obs for agent, row in alive},
            {agent: told[row].reward for agent, row in alive},
            {agent: told[row].terminated for agent, row in alive},
            {agent: told[row].truncated for agent, row in alive},
            {agent: told[row].info for agent, row in alive},
        )

    def results(self) -> list[dict[str, Any]]:
        """The classification so far; see ``Stewards.results``."""
        return [] if self.stewards is None else self.stewards.results()
