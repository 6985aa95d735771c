"""Stable-Baselines3's VecEnv over one RacingBatch. Adapter only: no physics, no task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

from retroracer.envs.batch import RacingBatch
from retroracer.envs.racing import ACTION, OBSERVATION

_NOTHING: dict[str, Any] = {}


class RacingVecEnv(VecEnv):
    """N cars in SB3's form: 4-tuples, ``terminal_observation``, ``TimeLimit.truncated``.

    Episodes report their return, length and time as SB3's Monitor does (``info["episode"]``),
    with their progress [m], laps and time off track beside it.

    Args:
        batch: the cars.
    """

    def __init__(self, batch: RacingBatch) -> None:
        self.batch = batch
        self.render_mode = None
        self._actions: npt.NDArray[Any] = np.zeros((batch.n, 2))
        self._returns = np.zeros(batch.n)
        self._lengths = np.zeros(batch.n, np.int64)
        super().__init__(batch.n, OBSERVATION, ACTION)

    def reset(self) -> npt.NDArray[np.float32]:
        """Begin new episodes; a seed given by ``seed()`` restarts all randomness."""
        seed = self._seeds[0]
        self._returns[:] = 0.0
        self._lengths[:] = 0
        obs = self.batch.reset(seed)
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions (N, 2)."""
        self._actions = actions

    def step_wait(
        self,
    ) -> tuple[
        npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[Any], list[dict[str, Any]]
    ]:
        """Drive for one control step."""
        batch = self.batch
        obs, reward, terminated, truncated = batch.step(self._actions)
        self._returns += reward
        self._lengths += 1
        done = terminated | truncated
        # One shared empty dict for all rows whose episode continues: thousands of new ones would
        # cost more than the simulation.
        infos = [_NOTHING] * batch.n
        rows = np.flatnonzero(done)
        for k, i in enumerate(rows):
            ended = batch.ended
            infos[i] = {
                "terminal_observation": batch.final_obs[k].copy(),
                "TimeLimit.truncated": bool(truncated[i]),
                "episode": {
                    "r": float(self._returns[i]),
                    "l": int(self._lengths[i]),
                    "t": float(ended["time"][k]),
                },
                "progress": float(ended["progress"][k]),
                "lap": int(ended["lap"][k]),
                "off_track_time": float(ended["off_track_time"][k]),
            }
        self._returns[rows] = 0.0
        self._lengths[rows] = 0
        return obs, reward.astype(np.float32), done, infos

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute of this adapter or its batch, once per car asked for."""
        source = self if attr_name in self.__dict__ else self.batch
        return [getattr(source, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not supported: the cars of a batch share all attributes.

        Raises:
            NotImplementedError: always; make another batch instead.
        """
        raise NotImplementedError(f"cannot set {attr_name!r} of single cars in a batch")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the batch once, and return its result for each car asked for."""
        result = getattr(self.batch, method_name)(*method_args, **method_kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """True for SB3's Monitor, whose work is done here; False for other wrappers."""
        from stable_baselines3.common.monitor import Monitor

        wrapped = isinstance(wrapper_class, type) and issubclass(wrapper_class, Monitor)
        return [wrapped for _ in self._get_indices(indices)]

    def _get_indices(self, indices: Any) -> Sequence[int]:
        if indices is None:
            return range(self.num_envs)
        return [indices] if isinstance(indices, int) else list(indices)
