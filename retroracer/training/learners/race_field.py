"""Races in which a learner drives one car and a league the others: a batch of the learner's cars.

What the learners know of ``RacingBatch`` is the same here: row r is the learner's car in race r.
A race is over when the learner's is; it then begins anew, on another track, against others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.checks import Form, demand_array
from retroracer.envs import task
from retroracer.envs.crew import NOBODY, Crew
from retroracer.envs.privileged_observation import N_PRIVILEGED, observe_privileged
from retroracer.envs.race_batch import RaceBatch
from retroracer.envs.race_rules import RacePage
from retroracer.envs.race_task import RaceReward
from retroracer.envs.variety import Variety
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.track.geometry import Array, Bools, Ints
from retroracer.track.track import Track
from retroracer.training.learners.league import League

Floats = npt.NDArray[np.float32]

LAPS = 1000
"""Laps of a race in training: it ends by time, never by laps."""


class RaceField:
    """N races of the learner against a league.

    Args:
        n: races.
        rivals: cars in each beside the learner's.
        league: who drives them.
        alone: share of the races in which they are ghosts.
        tracks: to draw races from; None makes random ones without end.
        car: of all.
        variety: what varies between races.
        reward: weights of driving.
        racing: weights of racing.
        ending: when a car is out; its ``time`` ends a race.
        seed: of all randomness.
        action_repeat: control steps of 50 ms that the learner holds an action.

    Attributes:
        obs: (N, N_RACE_OBS) what the learner sees.
        final_obs: (M, N_RACE_OBS) of the M races that ended in the last step, what it saw last.
        privileged: as in ``RacingBatch``.
        ended: of the same races, ``snapshot`` of its car at their end.
    """

    def __init__(
        self,
        n: int,
        rivals: int,
        league: League,
        *,
        alone: float = 0.0,
        tracks: Sequence[Track] | None = None,
        car: Car,
        variety: Variety | None = None,
        reward: task.Reward | None = None,
        racing: RaceReward | None = None,
        ending: task.Ending,
        seed: int | None = None,
        action_repeat: int = 1,
    ) -> None:
        self.n, self.rivals, self.league, self.car = n, rivals, league, car
        self.alone = alone
        self.action_repeat = action_repeat
        self.races = RaceBatch(
            n, 1 + rivals, tracks=tracks, car=car, page=RacePage(LAPS, time=ending.time),
            variety=variety, reward=reward, racing=racing, ending=ending, seed=seed,
        )  # fmt: skip
        self._row = car.row()
        self._mine = np.arange(n) * (1 + rivals)
        self._crew = Crew(self.races, league.drivers, np.full(self.races.n, NOBODY))
        self.privileged = False
        self.final_obs: Floats = self.obs[:0]
        self.final_privileged_obs: Floats = np.zeros((0, N_PRIVILEGED), np.float32)
        self.ended: dict[str, Array] = {}

    @property
    def obs(self) -> Floats:
        """(N, N_RACE_OBS) what the learner sees now."""
        return self.races.obs[self._mine]

    @property
    def pool(self) -> Any:
        """The tracks by slot."""
        return self.races.pool

    @property
    def reward(self) -> task.Reward:
        """Weights of driving; may be set."""
        return self.races.reward

    @reward.setter
    def reward(self, reward: task.Reward) -> None:
        self.races.reward = reward

    def reset(self, seed: int | None = None) -> Floats:
        """Begin all races anew; ``seed`` restarts all randomness."""
        self.races.reset(seed)
        self._man(np.arange(self.n))
        return self.obs

    def stagger(self) -> None:
        """Let races just begun end at different times, as ``RacingBatch.stagger``."""
        ages = np.repeat(self.races.rng.random(self.n) * self.races.ending.time, 1 + self.rivals)
        arrays = self.races.state_arrays()
        arrays["floats"][:, [state.TIME, state.LAP_START]] += ages[:, None]
        arrays["marks"][:, 1] += ages

    def _man(self, races: Ints) -> None:
        """Draw who drives in races that begin, and which of them the learner drives alone."""
        rng, shape = self.races.rng, (self.n, -1)
        self._crew.seats.reshape(shape)[races, 1:] = self.league.draw(len(races), self.rivals, rng)
        self._crew.begin(races)
        alone = races[rng.random(len(races)) < self.alone]
        if alone.size:
            self.races.company.solid.reshape(shape)[alone, 1:] = False
            self.races.look()

    def step(
        self, actions: npt.NDArray[np.floating], autoreset: bool = True
    ) -> tuple[Floats, Array, Bools, Bools]:
        """Let the learner act for ``action_repeat`` control steps, and its rivals as they do.

        Args:
            actions: (N, 2) steer and throttle in [-1, 1].
            autoreset: begin races anew in which the learner's is over.

        Returns:
            obs (N, N_RACE_OBS), reward (N,), terminated (N,) and truncated (N,), never changed
            later.
        """
        races, mine = self.races, self._mine
        reward, obs = np.zeros(self.n), self.obs
        terminated, truncated = np.zeros((2, self.n), np.bool_)
        for _ in range(self.action_repeat):
            going = races.alive[mine]
            chosen = self._crew.act()
            chosen[mine] = actions
            seen, paid, lost, done = races.step(chosen, autoreset=False)
            reward += paid[mine]
            terminated |= lost[mine]
            truncated |= done[mine]
            obs[going] = seen[mine[going]]
        over = np.flatnonzero(terminated | truncated)
        if autoreset and over.size:
            self.final_obs = obs[over]
            self.ended = races.snapshot(mine[over])
            if self.privileged:
                self.final_privileged_obs = self.privileged_obs(over)
            races.begin(over)
            self._man(over)
            obs = self.obs
        return obs, reward, terminated, truncated

    def privileged_obs(self, which: Ints | slice = slice(None)) -> Floats:
        """What critics may know of the learner's cars: (M, 13) float32; never for drivers."""
        race, rows = self.races.race, self._mine[which]
        out: Floats = np.empty((len(rows), N_PRIVILEGED), np.float32)
        latency = self.races.state_arrays()["latency"]
        observe_privileged(race.cars, self._row, latency, race.bank, rows, out)
        return out

    def twin(self, n: int) -> RaceField:
        """``n`` races that can take over these, and that never time out."""
        made = RaceField(
            n,
            self.rivals,
            self.league,
            tracks=self.pool.tracks[:1],
            car=self.car,
            reward=self.reward,
            racing=self.races.racing,
            ending=self.races.ending._replace(time=1e9),  # s
            action_repeat=self.action_repeat,
        )
        made.reset(0)
        return made

    def take_over(self, other: RaceField, which: Ints) -> None:
        """Put every race where one of another field is, rivals and all; see ``RaceBatch``."""
        self.races.take_over(other.races, which)
        rows = other.races.rows_of(which)
        self._crew.seats[:], self._crew.held[:] = other._crew.seats[rows], other._crew.held[rows]
        self._crew.clock[:] = other._crew.clock[which]

    def state_facts(self) -> dict[str, Any]:
        """The plain part of all that the future depends on, as JSON can hold it."""
        return {"races": self.races.state_facts(), "league": self.league.state_facts()}

    def state_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays of it, by name."""
        crew = {"seats": self._crew.seats, "held": self._crew.held, "clock": self._crew.clock}
        return self.races.state_arrays() | crew | self.league.state_arrays()

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Go on where the state was taken, by a field of the same arguments.

        Raises:
            ValueError: if it does not fit.
            KeyError: if something is missing.
        """
        crew, n = self._crew, self.races.n
        forms = {
            "seats": Form((n,), np.int64, NOBODY, len(self.league.drivers) - 1),
            "held": Form((n, 2), np.float64, -1.0, 1.0),
            "clock": Form((self.n,), np.int64, 0, 2**53),
        }
        found = {name: demand_array(name, arrays[name], form) for name, form in forms.items()}
        self.league.restore(facts["league"], arrays)
        self.races.restore(facts["races"], arrays)
        crew.seats[:], crew.held[:] = found["seats"], found["held"]
        crew.clock[:] = found["clock"]
