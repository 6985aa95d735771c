"""Our own cars as an actor's simulator: the same batch and task as in one process.

Owns the settings an actor needs to simulate them, and the fallback that drives until the first
weights arrive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retroracer.agents.rows import Contract
from retroracer.envs import lidar, task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.lidar_batch import LidarBatch
from retroracer.envs.variety import Variety
from retroracer.laptime.line_driver import LineDriver, line_to_follow
from retroracer.physics.car import Car
from retroracer.scale.driving import Floats, Simulator, Step
from retroracer.track.track import Track

MOST_LINES = 8
"""Most tracks for which an actor computes lines for the fallback driver."""


@dataclass(frozen=True)
class CarsPlan:
    """The settings of an actor that drives ``n`` of our cars; most of them as in ``RacingBatch``.

    Without ``tracks`` it drives on endless random ones. The scales are factors on throttle and
    steering; with ``lidar`` the observation is the 80 numbers of ``envs.lidar``.
    """

    n: int
    car: Car
    tracks: list[Track] | None
    variety: Variety
    ending: task.Ending
    reward: task.Reward
    action_repeat: int
    seed: int
    accel_scale: float = 1.0
    steer_scale: float = 1.0
    lidar: bool = False

    def contract(self) -> Contract:
        """Sizes, layout, scaling and bounds of the rows its actors send."""
        bounds = ((-self.steer_scale, self.steer_scale),)
        if self.lidar:
            return Contract(lidar.LAYOUT, lidar.N_LIDAR, 2, lidar.SCALING, bounds)
        return Contract(task.LAYOUT, task.N_OBS, 2, bounds=bounds)


class Cars(Simulator):
    """A batch of our cars as a simulator."""

    def __init__(self, plan: CarsPlan) -> None:
        self.plan = plan
        kind = LidarBatch if plan.lidar else RacingBatch
        self.batch = kind(
            plan.n,
            tracks=plan.tracks,
            car=plan.car,
            variety=plan.variety,
            reward=plan.reward,
            ending=plan.ending,
            seed=plan.seed,
            action_repeat=plan.action_repeat,
        )
        self.obs = self.batch.reset(plan.seed)
        self.batch.stagger()
        self.contract = plan.contract()
        self.about = f"{plan.n} cars" + (" with lidar" if plan.lidar else "")
        self._line: LineDriver | None = None
        self._scale = np.array([plan.steer_scale, plan.accel_scale], np.float32)
        self._returns = np.zeros(plan.n)

    def step(self, actions: Floats) -> Step:
        """One control step of all cars."""
        before, batch = self.obs, self.batch
        obs, reward, terminated, truncated = batch.step(actions * self._scale)
        self._returns += reward
        seen, rows = obs, np.flatnonzero(terminated | truncated)
        episodes: list[tuple[float, float, float, float]] = []
        if len(rows):
            seen = obs.copy()
            seen[rows] = batch.final_obs
            ended = batch.ended
            columns = (self._returns[rows], ended["time"], ended["progress"], truncated[rows])
            episodes = list(zip(*(np.asarray(c, float).tolist() for c in columns), strict=True))
            self._returns[rows] = 0.0
        self.obs = obs
        return Step(before, reward.astype(np.float32), seen, terminated, truncated, episodes)

    def fallback(self) -> Floats:
        """The line driver where the tracks are known, else gentle throttle."""
        if not self._known:
            return super().fallback()
        if self._line is None:
            tracks = self.batch.pool.tracks
            self._line = LineDriver([line_to_follow(t, self.plan.car) for t in tracks])
        wanted = self._line(self.batch.race) / self._scale
        return np.clip(wanted, -1.0, 1.0).astype(np.float32)

    @property
    def fallback_name(self) -> str:
        """The fallback's name."""
        return "the line driver" if self._known else super().fallback_name

    @property
    def _known(self) -> bool:
        return self.plan.tracks is not None and len(self.batch.pool.tracks) <= MOST_LINES

    def set_reward(self, weights: tuple[float, ...]) -> None:
        """Use these weights of the reward's terms from now on."""
        if weights:
            self.batch.reward = task.Reward(*weights)
