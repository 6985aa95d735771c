"""How good a driver of CarRacing is: raw returns of fixed seeds, with its own wrappers.

Owns driving episodes and what is reported of them. The env is Gymnasium's own unless asked
otherwise. A seed's result does not depend on how many processes share the work.
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
from retroracer.carracing.vector import cores
from retroracer.processes import pool, serve_only_the_parent, stops_held_back

Act = Callable[[Any], Any]
"""Actions (N, ...) for observations (N, ...)."""

MAX_FRAMES = 1000
"""Of an episode: the task's own limit."""

ENVS = {"stock": STOCK_ID, "fast": ENV_ID}


@dataclass(frozen=True)
class Episode:
    """One drive.

    Attributes:
        seed: of the track.
        reward: raw return: neither scaled nor shaped.
        frames: it took, 50 a second.
        finished: whether every tile was visited.
        speed: mean over the actions, in Box2D's metres a second.
    """

    seed: int
    reward: float
    frames: int
    finished: bool
    speed: float


@dataclass(frozen=True)
class PixelReport:
    """An evaluation.

    Attributes:
        model: name of the driver.
        algorithm: that trained it.
        env: "stock" or "fast".
        pipeline: the wrappers it drove with.
        episodes: in order of seeds.
        seconds: it took.
        max_frames: after which an episode was cut off.
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
    """Mean, spread, worst, tenth percentile of the rewards; laps, frames and speed."""
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
    """Drive an episode on each seed, in this process.

    Args:
        act: the driver.
        pipeline: the wrappers, in their judging form.
        seeds: of the tracks.
        env_id: Gymnasium's own env, or the fast one.
        width: episodes driven side by side, so that the network sees them as one batch; what a
            network makes of one picture may differ in the last bit with the batch's size.
        max_frames: after which an episode is cut off.
    """
    done: list[Episode] = []
    for first in range(0, len(seeds), width):
        some = seeds[first : first + width]
        envs = [make(pipeline, False, env_id, max_episode_steps=max_frames) for _ in some]
        try:
            done += _together(act, envs, some)
        finally:
            for env in envs:
                env.close()
    return done


def _together(act: Act, envs: list[Any], seeds: Sequence[int]) -> list[Episode]:
    obs = [env.reset(seed=seed)[0] for env, seed in zip(envs, seeds, strict=True)]
    speeds: list[list[float]] = [[] for _ in envs]
    found: dict[int, Episode] = {}
    going = list(range(len(envs)))
    while going:
        actions = act(np.stack([obs[k] for k in going]))
        for k, action in zip(going, actions, strict=True):
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
        going = [k for k in going if k not in found]
    return [found[k] for k in range(len(envs))]


_mine: tuple[Any, Pipeline] | None = None  # a worker's driver and wrappers


def _get_ready(path: Path, pipeline: Pipeline) -> None:
    global _mine
    import torch

    from retroracer.agents.pixels.torch_inference import load_driver

    serve_only_the_parent()
    torch.set_num_threads(1)
    _mine = load_driver(path).act, pipeline


def _one(seed: int, env_id: str, max_frames: int) -> Episode:
    assert _mine is not None
    return drive(*_mine, [seed], env_id, max_frames=max_frames)[0]


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
        path: of the zip.
        seeds: of the tracks.
        env: "stock" or "fast".
        processes: how many; None = one a core.
        calm: settings of ``CalmActions`` that beat the recorded ones.
        tell: called with the number of episodes done.
        max_frames: after which an episode is cut off.

    Raises:
        UserError: if the file is missing, damaged, or no driver of CarRacing.
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
        with pool(processes, start_context(None), _get_ready, (path, pipeline)) as executor:
            n = len(seeds)
            with stops_held_back():
                coming = executor.map(_one, seeds, [ENVS[env]] * n, [max_frames] * n)
            for episode in coming:
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
