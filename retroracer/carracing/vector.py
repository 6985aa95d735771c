"""Many CarRacing envs at once: Gymnasium's VectorEnv over processes with shared memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from retroracer.carracing import ENV_ID
from retroracer.carracing.pipeline import Pipeline, wrapped
from retroracer.carracing.starting import check_script, start_context
from retroracer.carracing.workers import Crew, Facts, Rows, Shared
from retroracer.envs.arguments import (
    autoreset,
    one_of,
    reset_mask,
    seeds_of,
    still_over,
    whole_number,
)
from retroracer.processes import cores
from retroracer.reading import shown

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Stepped = tuple[npt.NDArray[Any], Floats, Bools, Bools, Facts, Facts]


def _make(
    env_id: str, pipeline: Pipeline | None, training: bool, options: dict[str, Any]
) -> gymnasium.Env[Any, Any]:
    env = gymnasium.make(env_id, disable_env_checker=True, **options)
    return env if pipeline is None else wrapped(env, pipeline, training)


class CarRacingVectorEnv(VectorEnv[Any, Any, Any]):
    """N CarRacing envs, spread over processes.

    Row i is the same env, with the same frames, for any number of processes. With SAME_STEP, a
    row that ended has its last observation in ``info["final_obs"]`` and its last facts in
    ``info["final_info"]``. With processes, a script must create it under
    ``if __name__ == "__main__":``, because each process imports the script.

    Args:
        num_envs: N.
        workers: processes; None is one a core, 0 steps all envs in this process.
        pipeline: wrappers around each env; None shows the bare frames.
        training: whether the pipeline's training wrappers or its judging ones apply.
        max_episode_steps: frames after which an episode is cut off.
        copy: False returns the shared observations themselves, which the next step overwrites.
        context: how processes start: "forkserver", "spawn" or "fork"; None picks.
        env_id: the fast env, or Gymnasium's own.
        autoreset_mode: when rows whose episode is over begin the next one: within that step
            (SAME_STEP), in the next one, whose action they ignore (NEXT_STEP), or when they are
            reset (DISABLED). A member of ``gymnasium.vector.AutoresetMode`` or its value.
        options: of each env, as ``gymnasium.make`` takes them.

    Raises:
        TypeError: for an argument of another kind.
        ValueError: for one out of bounds.
        RuntimeError: if processes cannot start, saying what to do.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        workers: int | None = None,
        pipeline: Pipeline | None = None,
        training: bool = True,
        max_episode_steps: int = 1000,
        copy: bool = True,
        context: str | None = None,
        env_id: str = ENV_ID,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        **options: Any,
    ) -> None:
        num_envs = whole_number("num_envs", num_envs, 1)
        workers = cores() if workers is None else whole_number("workers", workers, 0)
        workers = min(num_envs, workers)
        one_of("context", context, multiprocessing.get_all_start_methods())
        if pipeline is not None and not isinstance(pipeline, Pipeline):
            raise TypeError(f"pipeline must be a Pipeline or None, not {shown(pipeline)}")
        if max_episode_steps != -1:  # as gymnasium.make: without a limit
            max_episode_steps = whole_number("max_episode_steps", max_episode_steps, 1)
        self.autoreset_mode = autoreset(autoreset_mode)
        started = start_context(context)
        if workers > 0:
            check_script(started)  # before anything that takes time
        options = options | {"max_episode_steps": max_episode_steps}
        make = partial(_make, env_id, pipeline, training, options)
        probe = make()
        self.num_envs, self.pipeline = num_envs, pipeline
        self.render_mode = probe.render_mode
        self.metadata = dict(probe.metadata) | {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space = probe.observation_space
        self.single_action_space = probe.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        if workers > 1:
            probe.reset()  # compiles, where that is still to do, once and not in every worker
        probe.close()
        shared = Shared.allocate(
            num_envs, self.single_observation_space, self.single_action_space, started
        )
        self._views, self._copy = shared.views(), copy
        self._begun = False
        self._rows: Rows | None = None
        self._crew: Crew | None = None
        if workers > 0:
            self._crew = Crew(make, num_envs, workers, shared, self.autoreset_mode, started)
        else:
            self._rows = Rows(make, range(num_envs), self._views, self.autoreset_mode)

    def _ask(self, name: str, *args: Any) -> list[Any]:
        if self.closed:
            raise ClosedEnvironmentError(f"{name} after close(): make the env anew")
        if self._rows is not None:
            return [getattr(self._rows, name)(*args)]
        assert self._crew is not None
        self._crew.send(name, *args)
        return self._crew.receive()

    def _seen(self) -> npt.NDArray[Any]:
        return self._views["obs"].copy() if self._copy else self._views["obs"]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[npt.NDArray[Any], dict[str, Any]]:
        """Begin N episodes, or those of some rows.

        Args:
            seed: of each row; a number seeds row i with ``seed + i``.
            options: ``{"reset_mask": (N,) bool}`` begins the rows that are True there; the others
                go on. The rest is handed to each env.
        """
        obs, told = self.begin(seed, options)
        return obs, self._info(told)

    def begin(
        self,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[npt.NDArray[Any], Facts]:
        """``reset``, with facts by row rather than Gymnasium's dictionary of arrays."""
        mask, options = reset_mask(options, self.num_envs, self._begun)
        which = [True] * self.num_envs if mask is None else mask.tolist()
        seeds = seeds_of(seed, self.num_envs)
        told = [fact for part in self._ask("reset", seeds, options, which) for fact in part]
        self._begun = True
        return self._seen(), told

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], Floats, Bools, Bools, dict[str, Any]]:
        """Step every env."""
        self.send(actions)
        obs, reward, terminated, truncated, told, ended = self.receive()
        info = self._info(told)
        if ended:
            final = np.full(self.num_envs, None, dtype=object)
            for row, _ in ended:
                final[row] = self._views["final_obs"][row].copy()
            info["final_obs"], info["_final_obs"] = final, terminated | truncated
            info["final_info"], info["_final_info"] = self._info(ended), terminated | truncated
        return obs, reward, terminated, truncated, info

    def send(self, actions: npt.NDArray[Any]) -> None:
        """Begin a step; the workers are at it while this process does something else."""
        v = self._views
        if self.closed:
            raise ClosedEnvironmentError("step after close(): make the env anew")
        if not self._begun:
            raise ResetNeeded("no episode is under way: call reset() before step()")
        if self.autoreset_mode is AutoresetMode.DISABLED:
            over = v["terminated"] | v["truncated"]
            if over.any():
                raise still_over(over)
        actions = np.asarray(actions)
        if actions.shape != v["action"].shape:
            raise ValueError(f"actions must be {v['action'].shape}, not {actions.shape}")
        v["action"][:] = actions
        if self._crew is not None:
            self._crew.send("step")

    def receive(self) -> Stepped:
        """End the step begun by ``send``.

        Returns:
            Observations, rewards, terminated, truncated, the rows' facts, and the facts of
            episodes that ended, whose last observations are ``final_obs(row)``.
        """
        if self._rows is not None:
            answers = [self._rows.step()]
        else:
            assert self._crew is not None
            answers = self._crew.receive()
        v = self._views
        told = [fact for answer in answers for fact in answer[0]]
        ended = [fact for answer in answers for fact in answer[1]]
        ends = v["terminated"].copy(), v["truncated"].copy()
        return self._seen(), v["reward"].copy(), *ends, told, ended

    def final_obs(self, row: int) -> npt.NDArray[Any]:
        """The last observation of the episode that ended in this row last."""
        return np.array(self._views["final_obs"][row])

    def _info(self, told: Facts) -> dict[str, Any]:
        info: dict[str, Any] = {}
        for row, facts in told:
            info = self._add_info(info, facts, row)
        return info

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of every env, or get an attribute of every env."""
        return tuple(x for part in self._ask("call", name, args, kwargs) for x in part)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of every env."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of every env: one value for all, or a list of N."""
        one = not isinstance(values, list | tuple)
        self._ask("set", name, [values] * self.num_envs if one else list(values))

    def render(self) -> tuple[Any, ...] | None:
        """Every env's picture."""
        if self.render_mode is not None and not self._begun:
            raise ResetNeeded("there is nothing to draw yet: call reset() before render()")
        return self.call("render") if self.render_mode is not None else None

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the workers."""
        if self._rows is not None:
            self._rows.close()
        if self._crew is not None:
            self._crew.close()
