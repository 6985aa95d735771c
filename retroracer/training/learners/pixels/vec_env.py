"""Stable-Baselines3's VecEnv over CarRacing's vector env. Adapter only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

from retroracer.carracing.vector import CarRacingVectorEnv

_NOTHING: dict[str, Any] = {}


class PixelVecEnv(VecEnv):
    """CarRacing in SB3's form: 4-tuples, ``terminal_observation``, ``TimeLimit.truncated``.

    With a pipeline, an episode's last info has its raw return, steps and seconds
    (``info["episode"]``) as SB3's Monitor reports them, before any scaling.
    """

    def __init__(self, envs: CarRacingVectorEnv) -> None:
        self.envs = envs
        self.render_mode = envs.render_mode
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def reset(self) -> npt.NDArray[Any]:
        """Begin new episodes; seeds given by ``seed()`` are used once."""
        obs, begun = self.envs.begin(self._seeds)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = [{} for _ in range(self.num_envs)]
        for row, facts in begun:
            self.reset_infos[row] = facts
        return obs

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Begin a step; the workers compute it until ``step_wait``."""
        self.envs.send(actions)

    def step_wait(
        self,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32], npt.NDArray[Any], list[dict[str, Any]]]:
        """End the step; returns observations, rewards, dones and infos."""
        obs, reward, terminated, truncated, row_infos, ended = self.envs.receive()
        infos = [_NOTHING] * self.num_envs
        done = terminated | truncated
        for row, facts in row_infos:
            if done[row]:
                self.reset_infos[row] = facts
            else:
                infos[row] = facts
        for row, facts in ended:
            infos[row] = facts | {
                "terminal_observation": self.envs.final_obs(row),
                "TimeLimit.truncated": bool(truncated[row] and not terminated[row]),
            }
        return obs, reward.astype(np.float32), done, infos

    def close(self) -> None:
        """Stop the workers."""
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the envs asked for."""
        if attr_name == "render_mode":
            return [self.render_mode for _ in self._get_indices(indices)]
        found = self.envs.get_attr(attr_name)
        return [found[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all envs; refused for single envs."""
        if indices is not None:
            raise NotImplementedError(f"cannot set {attr_name!r} of single envs")
        self.envs.set_attr(attr_name, [value] * self.num_envs)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of every env; returns the results of the envs asked for."""
        found = self.envs.call(method_name, *method_args, **method_kwargs)
        return [found[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """True for SB3's Monitor where the pipeline does its work; False for other wrappers."""
        from stable_baselines3.common.monitor import Monitor

        monitor = isinstance(wrapper_class, type) and issubclass(wrapper_class, Monitor)
        wrapped = monitor and self.envs.pipeline is not None
        return [wrapped for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[Any]:
        """A picture of every env."""
        return self.envs.render() or []
