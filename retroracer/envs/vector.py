"""Gymnasium's VectorEnv over one RacingBatch. Adapter only: no physics, no task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from retroracer.envs import task
from retroracer.envs.arguments import (
    Where,
    autoreset,
    make_batch,
    one_of,
    reset_mask,
    seeds_of,
    still_over,
    whole_number,
)
from retroracer.envs.batch import Bools, Floats, RacingBatch
from retroracer.envs.racing import ACTION, INFO_KEYS, METADATA, OBSERVATION, frames_a_second
from retroracer.envs.variety import Variety
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.race import CONTROL_DT
from retroracer.track.geometry import Array


class RacingVectorEnv(VectorEnv[Floats, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """N cars in one batch; arguments as ``RacingEnv``, but for those below.

    ``info`` holds the same names as arrays (N,), in the layout of Gymnasium's own vector envs. With
    SAME_STEP, rows that ended have their last observation in ``final_obs`` and their last info
    in ``final_info``.

    Args:
        num_envs: N.
        render_mode: "rgb_array" or None.
        autoreset_mode: when a row whose episode has ended begins the next one: within that step
            (SAME_STEP), in the next step, which ignores its action (NEXT_STEP), or when it is
            reset (DISABLED). A member of ``gymnasium.vector.AutoresetMode`` or its value.
        max_episode_steps: steps after which an episode is truncated, if ``time`` is not shorter.
    """

    metadata: dict[str, Any] = METADATA | {"autoreset_mode": AutoresetMode.SAME_STEP}
    single_observation_space = OBSERVATION
    single_action_space = ACTION
    made_of: type[RacingBatch] = RacingBatch
    batch_arguments: Mapping[str, Any] = MappingProxyType({})

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
        action_repeat: int = 1,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        max_episode_steps: int | None = None,
    ) -> None:
        num_envs = self.num_envs = whole_number("num_envs", num_envs, 1)
        self.render_mode = one_of("a vector env's render_mode", render_mode, ["rgb_array"])
        self.autoreset_mode = autoreset(autoreset_mode)
        self.metadata = METADATA | {"autoreset_mode": self.autoreset_mode}
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(ACTION, num_envs)
        self._view: Any = None
        given = (track, car, variety, reward, laps, time, action_repeat)
        self.batch, self._np_random_seed = make_batch(
            num_envs, *given, self.made_of, **self.batch_arguments
        )
        self.metadata["render_fps"] = frames_a_second(self.batch.action_repeat)
        if max_episode_steps is not None:
            steps = whole_number("max_episode_steps", max_episode_steps, 1)
            step, ending = CONTROL_DT * self.batch.action_repeat, self.batch.ending
            self.batch.ending = ending._replace(time=min(ending.time, steps * step))
        self._np_random = self.batch.rng
        self._begun = False
        self._over: Bools = np.zeros(num_envs, np.bool_)

    def __getstate__(self) -> dict[str, Any]:
        """All attributes except the view, which a copy creates again when it renders."""
        return self.__dict__ | {"_view": None}

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Floats, dict[str, Any]]:
        """Begin N episodes, or those of some rows.

        Args:
            seed: one number determines all N episodes, and those that follow. With a list of N
                seeds row i begins as ``RacingEnv.reset(seed=seed[i])`` would; with ``reset_mask`` a
                number stands for the list seed, seed + 1, ...
            options: ``{"reset_mask": (N,) bool}`` begins episodes in the rows that are True; the
                others continue. Other keys are ignored.
        """
        mask, _ = reset_mask(options, self.num_envs, self._begun)
        seeds = None
        if mask is not None or isinstance(seed, Sequence | np.ndarray):
            seeds = seeds_of(seed, self.num_envs)
        super().reset(seed=seed if seeds is None else None)  # type: ignore[arg-type]
        if self._np_random is not None:
            self.batch.rng = self._np_random  # the caller may have set another
        rows = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        if seeds is None:
            obs = self.batch.reset(None if seed is None else self._np_random_seed)
        elif mask is None and None not in seeds:
            obs = self.batch.reset([s for s in seeds if s is not None])
            self._np_random_seed = -1  # there is no single seed
        else:
            obs = self.batch.begin(rows, [seeds[row] for row in rows])
        self._np_random = self.batch.rng
        self._over = self._over.copy()
        self._over[rows] = False
        self._begun = True
        return obs, self._info(self.batch.snapshot(rows), rows)

    def step(
        self, actions: npt.NDArray[np.float32]
    ) -> tuple[Floats, Array, Bools, Bools, dict[str, Any]]:
        """Drive every car for ``action_repeat`` control steps of 50 ms."""
        if not self._begun:
            raise ResetNeeded("no episode is under way: call reset() before step()")
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            return self._step_only(actions)
        obs, reward, terminated, truncated = self.batch.step(actions)
        done = terminated | truncated
        info = self._stepped(done)
        if done.any():
            rows = np.flatnonzero(done)
            final = np.full(self.num_envs, None, dtype=object)
            for k, i in enumerate(rows):
                final[i] = self.batch.final_obs[k]
            info["final_obs"], info["_final_obs"] = final, done
            info["final_info"] = self._info(self.batch.ended, rows)
            info["_final_info"] = done.copy()
        return obs, reward, terminated, truncated, info

    def _step_only(
        self, actions: npt.NDArray[np.float32]
    ) -> tuple[Floats, Array, Bools, Bools, dict[str, Any]]:
        """A step without autoreset: rows that ended wait for the next step, or for a reset."""
        waiting = self._over
        if waiting.any():
            if self.autoreset_mode is AutoresetMode.DISABLED:
                raise still_over(waiting)
            actions = np.array(actions, np.float64)
            if actions.shape == (self.num_envs, 2):  # else the batch refuses it
                actions[waiting] = 0.0
        obs, reward, terminated, truncated = self.batch.step(actions, autoreset=False)
        if waiting.any():
            obs = self.batch.begin(np.flatnonzero(waiting))
            for values in (reward, terminated, truncated):
                values[waiting] = 0
        self._over = terminated | truncated
        return obs, reward, terminated, truncated, self._stepped(waiting)

    # The layout of info in Gymnasium's own vector envs: an array (N,) by name, and a mask of the
    # rows that have it by the same name with an underscore.
    def _info(self, facts: dict[str, Array], rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        info = self._named({key: facts[key] for key in INFO_KEYS}, rows)
        terms = dict(zip(task.REWARD_NAMES, facts["terms"].T, strict=True))
        self._put(info, "reward", self._named(terms, rows), rows)
        lapped = facts["lapped"].astype(np.bool_)
        if lapped.any():
            lapped_rows = rows[lapped]
            self._put(info, "last_lap_time", facts["last_lap_time"][lapped], lapped_rows)
            times = np.empty(len(lapped_rows), object)
            for k, row in enumerate(facts["sector_times"][lapped]):
                times[k] = tuple(row[~np.isnan(row)].tolist())
            self._put(info, "sector_times", times, lapped_rows)
        return info

    def _stepped(self, begun: Bools) -> dict[str, Any]:
        """Info of all rows after a step; those that have just ``begun`` were paid nothing yet."""
        facts = self.batch.snapshot(slice(None))
        facts["terms"][begun] = 0.0
        return self._info(facts, np.arange(self.num_envs))

    def _named(self, facts: dict[str, Array], rows: npt.NDArray[np.int64]) -> dict[str, Any]:
        info: dict[str, Any] = {}
        for key, values in facts.items():
            self._put(info, key, values, rows)
        return info

    def _put(
        self, info: dict[str, Any], key: str, values: Any, rows: npt.NDArray[np.int64]
    ) -> None:
        mask = np.zeros(self.num_envs, np.bool_)
        mask[rows] = True
        if isinstance(values, np.ndarray) and len(values) < self.num_envs:
            spread = np.full(self.num_envs, None if values.dtype == object else 0, values.dtype)
            spread[rows] = values
            values = spread
        info[key], info[f"_{key}"] = values, mask

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """One (H, W, 3) uint8 picture per car."""
        if self.render_mode is None:
            return None
        if not self._begun:
            raise ResetNeeded("there is nothing to draw yet: call reset() before render()")
        if self._view is None:
            from retroracer.render.env_view import EnvView

            self._view = EnvView(window=False, fps=self.metadata["render_fps"])
        race, tracks = self.batch.race, self.batch.pool.tracks
        return tuple(
            self._view.draw(race, tracks[int(race.ints[i, state.TRACK])], i)
            for i in range(self.num_envs)
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Close the view, if there is one."""
        if self._view is not None:
            self._view.close()
            self._view = None
