"""CarRacing envs in processes of their own, their frames in memory all processes see.

Owns: the shared arrays, the worker's loop, and what happens when a worker fails. Does not own
the vector env's API.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.util import Finalize
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode

from retroracer.carracing.starting import NO_GUARD, UNGUARDED, WORKER, check_script
from retroracer.processes import heed_no_stops, stops_held_back

Facts = list[tuple[int, dict[str, Any]]]
"""Rows that have something to tell, and what."""
MakeEnv = Callable[[], Any]

PATIENCE = 0.5
"""Seconds the workers get to end by themselves."""


@dataclass
class Shared:
    """Arrays of N rows in one piece of memory each; picklable while a process starts.

    Attributes:
        memory: raw arrays by name.
        layout: shape and dtype by name.
    """

    memory: dict[str, Any]
    layout: dict[str, tuple[tuple[int, ...], str]]

    @classmethod
    def allocate(cls, n: int, observation: Any, action: Any, context: Any) -> Shared:
        """Room for N observations, last observations of episodes, actions, rewards and ends."""
        layout = {
            "obs": ((n, *observation.shape), observation.dtype.str),
            "final_obs": ((n, *observation.shape), observation.dtype.str),
            "action": ((n, *action.shape), action.dtype.str),
            "reward": ((n,), "<f8"),
            "terminated": ((n,), "|b1"),
            "truncated": ((n,), "|b1"),
        }
        memory = {
            name: context.RawArray("b", int(np.prod(shape)) * np.dtype(kind).itemsize)
            for name, (shape, kind) in layout.items()
        }
        return cls(memory, layout)

    def views(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays, by name."""
        return {
            name: np.frombuffer(self.memory[name], kind).reshape(shape)
            for name, (shape, kind) in self.layout.items()
        }


class Rows:
    """Some of the N envs, stepped one after the other into the shared arrays.

    With ``AutoresetMode.SAME_STEP`` an env whose episode ends is reset within that step: its row
    then holds the next episode's first observation, ``final_obs`` the ended one's last. With
    NEXT_STEP it is reset in the step after, with DISABLED by ``reset`` alone.
    """

    def __init__(
        self,
        make_env: MakeEnv,
        rows: Sequence[int],
        views: dict[str, npt.NDArray[Any]],
        mode: AutoresetMode,
    ) -> None:
        self.envs = [make_env() for _ in rows]
        self.rows, self.views, self.mode = rows, views, mode

    def reset(
        self, seeds: Sequence[int | None], options: dict[str, Any] | None, which: Sequence[bool]
    ) -> Facts:
        """Begin an episode in some rows; ``seeds`` and ``which`` are those of all N."""
        told: Facts = []
        v = self.views
        for row, env in zip(self.rows, self.envs, strict=True):
            if which[row]:
                v["obs"][row], info = env.reset(seed=seeds[row], options=options)
                v["terminated"][row] = v["truncated"][row] = False
                told.append((row, info))
        return told

    def step(self) -> tuple[Facts, Facts]:
        """Take every row's action; returns the rows' facts, and those of ended episodes."""
        v = self.views
        discrete = v["action"].ndim == 1
        told: Facts = []
        ended: Facts = []
        for row, env in zip(self.rows, self.envs, strict=True):
            if self.mode is AutoresetMode.NEXT_STEP and (
                v["terminated"][row] or v["truncated"][row]
            ):
                v["obs"][row], info = env.reset()
                v["reward"][row], v["terminated"][row], v["truncated"][row] = 0.0, False, False
                told += [(row, info)] if info else []
                continue
            action = int(v["action"][row]) if discrete else v["action"][row].copy()
            obs, v["reward"][row], terminated, truncated, info = env.step(action)
            v["terminated"][row], v["truncated"][row] = terminated, truncated
            if (terminated or truncated) and self.mode is AutoresetMode.SAME_STEP:
                v["final_obs"][row] = obs
                ended.append((row, info))
                obs, info = env.reset()
            v["obs"][row] = obs
            if info:
                told.append((row, info))
        return told, ended

    def call(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """Call a method of every env, or get an attribute."""
        out = []
        for env in self.envs:
            found = env.get_wrapper_attr(name)
            out.append(found(*args, **kwargs) if callable(found) else found)
        return out

    def set(self, name: str, values: Sequence[Any]) -> None:
        """Set an attribute of every env; ``values`` are those of all N."""
        for row, env in zip(self.rows, self.envs, strict=True):
            env.set_wrapper_attr(name, values[row])

    def close(self) -> None:
        """Close every env."""
        for env in self.envs:
            env.close()


def work(
    pipe: Connection,
    make_env: MakeEnv,
    rows: Sequence[int],
    shared: Shared,
    mode: AutoresetMode,
) -> None:
    """A worker process: carry out the pipe's commands until told to stop."""
    # Signals are for the process that asked; it saves what is to be saved and stops the workers.
    heed_no_stops()
    mine: Rows | None = None
    try:
        mine = Rows(make_env, rows, shared.views(), mode)
        pipe.send((True, None))
        while True:
            name, args = pipe.recv()
            if name == "stop":
                return
            try:
                pipe.send((True, getattr(mine, name)(*args)))
            except Exception:
                pipe.send((False, traceback.format_exc()))
    except (EOFError, OSError):
        return  # whoever asked is gone
    except Exception:
        pipe.send((False, traceback.format_exc()))
    finally:
        if mine is not None:
            mine.close()
        pipe.close()


class Crew:
    """Workers that share n rows between them.

    ``make_env`` makes one env in the worker's process and must be picklable; ``context`` is that of
    ``multiprocessing``.

    Raises:
        RuntimeError: if they cannot start, saying what to do.
    """

    def __init__(
        self,
        make_env: MakeEnv,
        n: int,
        workers: int,
        shared: Shared,
        mode: AutoresetMode,
        context: Any,
    ) -> None:
        self.pipes: list[Connection] = []
        self.processes: list[Any] = []
        check_script(context)
        for k, rows in enumerate(np.array_split(np.arange(n), workers)):
            here, there = context.Pipe()
            process = context.Process(
                target=work,
                args=(there, make_env, rows.tolist(), shared, mode),
                name=f"{WORKER} {k}",
                daemon=True,
            )
            with stops_held_back():
                process.start()
            there.close()
            self.pipes.append(here)
            self.processes.append(process)
        # At the program's end multiprocessing waits for its daemons: those must be gone by then.
        Finalize(self, _stop, (self.pipes, self.processes), exitpriority=10)
        self.receive()

    def send(self, name: str, *args: Any) -> None:
        """Ask every worker for the same."""
        for k, pipe in enumerate(self.pipes):
            try:
                pipe.send((name, args))
            except OSError:
                self._failed(k)

    def receive(self) -> list[Any]:
        """Every worker's answer, in order of rows.

        Raises:
            RuntimeError: if an env failed, with its traceback, or a worker is gone.
        """
        answers: list[Any] = []
        failures: list[Any] = []
        for k, pipe in enumerate(self.pipes):
            try:
                good, answer = pipe.recv()
            except (EOFError, OSError):
                self._failed(k)
            (answers if good else failures).append(answer)
        if failures:
            raise RuntimeError(f"an env in a worker failed:\n{failures[0]}")
        return answers

    def _failed(self, k: int) -> None:
        self.processes[k].join(1.0)
        code = self.processes[k].exitcode
        self.close()
        if code == UNGUARDED:
            raise RuntimeError(NO_GUARD) from None
        raise RuntimeError(f"{WORKER} {k} is gone (exit code {code})") from None

    def close(self) -> None:
        """Stop every worker."""
        _stop(self.pipes, self.processes)


def _stop(pipes: list[Connection], processes: list[Any]) -> None:
    """Stop workers: ask them, and do not wait long."""
    for pipe in pipes:
        with suppress(OSError):
            pipe.send(("stop", ()))
        pipe.close()
    last = time.monotonic() + PATIENCE
    for process in processes:
        process.join(max(last - time.monotonic(), 0.01))
        if process.is_alive():
            process.kill()
            process.join()
    pipes.clear()
    processes.clear()
