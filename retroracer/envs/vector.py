"""Gymnasium's VectorEnv over one RacingBatch. Adapter only: no physics, no task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from retroracer.envs import task
from retroracer.envs.batch import Bools, Floats, RacingBatch
from retroracer.envs.racing import ACTION, INFO_KEYS, METADATA, OBSERVATION, Where, tracks_of
from retroracer.envs.variety import Variety
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.track.geometry import Array


class RacingVectorEnv(VectorEnv[Floats, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """N cars in one batch; arguments as ``RacingEnv``. Rows reset within the step they end in.

    ``info`` holds the same names as arrays of N, laid out as Gymnasium's own vector envs do; rows
    that ended have their last observation in ``final_obs`` and their last facts in
    ``final_info``.
    """

    metadata: dict[str, Any] = METADATA | {"autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        track: Where | Sequence[Where] | None = None,
        *,
        car: Car | str = "gt",
        variety: Variety | None = None,
        reward: task.Reward | None = None,
        laps: int = 0,
        time: float = 300.0,
        render_mode: str | None = None,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"a vector env draws only 'rgb_array', not {render_mode!r}")
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = OBSERVATION
        self.single_action_space = ACTION
        self.observation_space = batch_space(OBSERVATION, num_envs)
        self.action_space = batch_space(ACTION, num_envs)
        self._view: Any = None
        self.batch = RacingBatch(
            num_envs,
            tracks=tracks_of(track),
            car=car,
            variety=variety,
            reward=reward,
            ending=task.Ending(laps=laps, time=time),
        )

    def reset(  # type: ignore[override]
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin N episodes; one seed decides them all."""
        super().reset(seed=seed)
        obs = self.batch.reset(seed)
        return obs, self._info(np.ones(self.num_envs, np.bool_))

    def step(
        self, actions: npt.NDArray[np.float32]
    ) -> tuple[Floats, Array, Bools, Bools, dict[str, Any]]:
        """Drive every car for 50 ms."""
        obs, reward, terminated, truncated = self.batch.step(actions)
        done = terminated | truncated
        info = self._info(done)
        if done.any():
            rows, ended = np.flatnonzero(done), self.batch.ended
            final = np.full(self.num_envs, None, dtype=object)
            for k, i in enumerate(rows):
                final[i] = self.batch.final_obs[k]
            info["final_obs"], info["_final_obs"] = final, done
            info["final_info"], info["_final_info"] = self._told(ended, rows), done.copy()
            named = zip(task.REWARD_NAMES, ended["terms"].T, strict=True)
            self._tell(info["final_info"], "reward", self._named(dict(named), rows), rows)
        return obs, reward, terminated, truncated, info

    # Info as Gymnasium's own vector envs lay it out: an array of N by name, and beside it, by
    # the name with an underscore, which rows have it.
    def _info(self, begun: Bools) -> dict[str, Any]:
        rows = np.arange(self.num_envs)
        facts = self.batch.snapshot(slice(None))
        facts["sector_times"] = self.batch.race.last_sectors
        terms = np.where(begun, 0.0, self.batch.terms.T)
        info = self._told(facts, rows)
        named = dict(zip(task.REWARD_NAMES, terms, strict=True))
        self._tell(info, "reward", self._named(named, rows), rows)
        return info

    def _told(self, facts: dict[str, Array], rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        info = self._named({key: facts[key] for key in INFO_KEYS}, rows)
        lapped = facts["lapped"].astype(np.bool_)
        if lapped.any():
            who = rows[lapped]
            self._tell(info, "last_lap_time", facts["last_lap_time"][lapped], who)
            times = np.empty(len(who), object)
            for k, row in enumerate(facts["sector_times"][lapped]):
                times[k] = tuple(row[~np.isnan(row)].tolist())
            self._tell(info, "sector_times", times, who)
        return info

    def _named(self, facts: dict[str, Array], rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        info: dict[str, Any] = {}
        for key, values in facts.items():
            self._tell(info, key, values, rows)
        return info

    def _tell(
        self, info: dict[str, Any], key: str, values: Any, rows: npt.NDArray[np.int64]
    ) -> None:
        mask = np.zeros(self.num_envs, np.bool_)
        mask[rows] = True
        if isinstance(values, np.ndarray) and len(values) < self.num_envs:
            spread = np.full(self.num_envs, None if values.dtype == object else 0, values.dtype)
            spread[rows] = values
            values = spread
        info[key], info[f"_{key}"] = values, mask

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:  # type: ignore[override]
        """One (H, W, 3) uint8 picture a car."""
        if self.render_mode is None:
            return None
        if self._view is None:
            from retroracer.render.env_view import EnvView

            self._view = EnvView(window=False, fps=METADATA["render_fps"])
        race, tracks = self.batch.race, self.batch.pool.tracks
        return tuple(
            self._view.draw(race, tracks[int(race.ints[i, state.TRACK])], i)
            for i in range(self.num_envs)
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing is kept open."""
        if self._view is not None:
            self._view.close()
            self._view = None
