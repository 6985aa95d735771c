"""Evaluation of CarRacing drivers: raw returns on fixed seeds, each driver with its own wrappers.

Owns driving the episodes and their report. The env is Gymnasium's own unless asked otherwise. A
seed's result does not depend on how many processes share the work.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.carracing import ENV_ID
from retroracer.carracing.pipeline import STOCK_ID, Pipeline, make
from retroracer.carracing.starting import start_context
from retroracer.processes import cores, pool, serve_only_the_parent, stops_held_back

Act = Callable[[Any], Any]
"""Actions (N, ...) for observations (N, ...)."""

MAX_FRAMES = 1000
"""Frames after which an episode ends: the task's own limit."""

ENVS = {"stock": STOCK_ID, "fast": ENV_ID}


@dataclass(frozen=True)
class Episode:
    """One drive.

    Attributes:
        seed: seed of the track.
        reward: raw return, neither scaled nor shaped.
        frames: length of the episode, at 50 frames per second.
        finished: whether every tile was visited.
        speed: mean over the actions [Box2D's m/s].
    """

    seed: int
    reward: float
    frames: int
    finished: bool
    speed: float


@dataclass(frozen=True)
class PixelReport:
    """An evaluation: the driver, how it drove, and its episodes in order of seeds.

    Attributes:
        env: "stock" or "fast".
        seconds: duration of the evaluation.
        max_frames: frames after which an episode was cut off.
    """

    model: str
    algorithm: str
    env: str
    pipeline: Pipeline
    episodes: tuple[Episode, ...]
    seconds: float
    max_frames: int = MAX_FRAMES

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``evaluate --json`` writes it."""
        return {
            "model": self.model,
            "algorithm": self.algorithm,
            "env": ENVS[self.env],
            "max_frames": self.max_frames,
            "pipeline": dataclasses.asdict(self.pipeline),
            "episodes": [dataclasses.asdict(e) for e in self.episodes],
            "summary": summary(self.episodes) | {"seconds": round(self.seconds, 1)},
        }


def summary(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Statistics of the returns, and means of laps, frames and speed, by name."""
    rewards = np.array([e.reward for e in episodes])
    return {
        "episodes": len(episodes),
        "mean": float(rewards.mean()),
        "std": float(rewards.std()),
        "min": float(rewards.min()),
        "p10": float(np.percentile(rewards, 10)),
        "median": float(np.median(rewards)),
        "max": float(rewards.max()),
        "finished": sum(e.finished for e in episodes),
        "mean_frames": float(np.mean([e.frames for e in episodes])),
        "speed": float(np.mean([e.speed for e in episodes])),
    }


def drive(
    act: Act,
    pipeline: Pipeline,
    seeds: Sequence[int],
    env_id: str,
    width: int = 1,
    max_frames: int = MAX_FRAMES,
) -> list[Episode]:
    """Drive an episode on each seed, in this process, and return them in that order.

    Wrappers used only in training are left out. ``width`` episodes are driven side by side, so that
    the network sees them as one batch; its output may differ in the last bit with the batch size.
    After ``max_frames`` frames an episode is cut off.
    """
    done: list[Episode] = []
    for first in range(0, len(seeds), width):
        some = seeds[first : first + width]
        envs = [make(pipeline, False, env_id, max_episode_steps=max_frames) for _ in some]
        try:
            done += _drive_side_by_side(act, envs, some)
        finally:
            for env in envs:
                env.close()
    return done


def _drive_side_by_side(act: Act, envs: list[Any], seeds: Sequence[int]) -> list[Episode]:
    obs = [env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)]
    speeds: list[list[float]] = [[] for _ in envs]
    found: dict[int, Episode] = {}
    running = list(range(len(envs)))
    while running:
        actions = act(np.stack([obs[k] for k in running]))
        for k, action in zip(running, actions, strict=True):
            obs[k], _, terminated, truncated, info = envs[k].step(action)
            raw = envs[k].unwrapped
            vx, vy = raw.car.hull.linearVelocity
            speeds[k].append(float(np.hypot(vx, vy)))
            if terminated or truncated:
                finished = bool(terminated and info.get("lap_finished"))
                frames = round(raw.t * 50.0) - 1  # reset takes one physics step
                speed = float(np.mean(speeds[k]))
                reward = round(float(info["episode"]["r"]), 6)
                found[k] = Episode(seeds[k], reward, frames, finished, speed)
        running = [k for k in running if k not in found]
    return [found[k] for k in range(len(envs))]


_worker_driver: tuple[Any, Pipeline] | None = None  # set once in each worker process


def _start_worker(path: Path, pipeline: Pipeline) -> None:
    global _worker_driver
    import torch

    from retroracer.agents.pixels.torch_inference import load_driver

    serve_only_the_parent()
    torch.set_num_threads(1)
    _worker_driver = load_driver(path).act, pipeline


def _drive_seed(seed: int, env_id: str, max_frames: int) -> Episode:
    assert _worker_driver is not None
    return drive(*_worker_driver, [seed], env_id, max_frames=max_frames)[0]


def evaluate_file(
    path: Path,
    seeds: Sequence[int],
    env: str = "stock",
    processes: int | None = None,
    calm: dict[str, float] | None = None,
    tell: Callable[[int], None] = lambda done: None,
    max_frames: int = MAX_FRAMES,
) -> PixelReport:
    """Evaluate a driver's file, its episodes shared between processes.

    Args:
        path: path of the zip.
        seeds: seeds of the tracks.
        env: "stock" or "fast".
        processes: how many; None = one per core.
        calm: settings of ``CalmActions`` that override the recorded ones.
        tell: called with the number of episodes done.
        max_frames: frames after which an episode is cut off.

    Raises:
        UserError: if the file is missing, damaged, or not a CarRacing driver.
    """
    from retroracer import config
    from retroracer.agents.pixels.torch_inference import load_driver

    driver = load_driver(path)
    plain = config.to_dict(driver.pipeline) | (calm or {})
    pipeline = config.from_dict(Pipeline, plain, "calm actions")
    processes = min(len(seeds), processes or cores())
    started = time.monotonic()
    episodes: list[Episode] = []
    # Workers must not fight over the cores: each computes with one thread.
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        with pool(processes, start_context(None), _start_worker, (path, pipeline)) as executor:
            n = len(seeds)
            with stops_held_back():
                results = executor.map(_drive_seed, seeds, [ENVS[env]] * n, [max_frames] * n)
            for episode in results:
                episodes.append(episode)
                tell(len(episodes))
    finally:
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads
    return PixelReport(
        driver.name,
        driver.facts.algorithm,
        env,
        pipeline,
        tuple(episodes),
        time.monotonic() - started,
        max_frames,
    )
