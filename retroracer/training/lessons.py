"""Lessons: what a driver that follows solved lines goes through, kept beside a learner's own.

Owns gathering them. A driver that learns alone has hardly ever been fast: what it remembers of
60 m/s are crashes, so it values 40 m/s more and stays there. In part of every batch it sees
somebody drive fast and brake in time. The lessons are transitions like any other: rewards
decide what is learned from them, nobody is imitated.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from retroracer.agents.memory import Memory
from retroracer.envs import task
from retroracer.envs.batch import RacingBatch
from retroracer.envs.variety import Variety
from retroracer.laptime.line_driver import LineDriver
from retroracer.laptime.many import lines_to_follow
from retroracer.physics.car import Car
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track
from retroracer.training.run_settings import Lessons

TRACKS_SEED = 913_000_001
"""Of the random tracks lessons are given on: far from any seed a person gives a run."""

CARS = 128


def gather(
    lessons: Lessons,
    car: Car,
    tracks: list[Track] | None,
    variety: Variety,
    reward: task.Reward,
    ending: task.Ending,
    seed: int,
    device: torch.device,
) -> Memory | None:
    """Let the line driver drive, and keep what it goes through.

    Args:
        lessons: how.
        car: what is driven.
        tracks: where; None = random tracks.
        variety: of the episodes; tracks are driven one way and at their own width, because
            lines are solved for them as they are.
        reward: what is paid.
        ending: of the episodes.
        seed: of the episodes.
        device: of the memory.

    Returns:
        The memory; None if no lessons are wanted, or no line could be solved.
    """
    if lessons.share == 0.0:
        return None
    places = tracks or random_tracks(TRACKS_SEED, lessons.tracks)
    lines = lines_to_follow(places, car, lessons.grip, lessons.margin)
    pairs = [(t, line) for t, line in zip(places, lines, strict=True) if line is not None]
    if not pairs:
        return None
    driver = LineDriver([line for _, line in pairs])
    firm = max(variety.grip[0], 0.95), max(variety.grip[1], 0.95)  # the lines know no less grip
    batch = RacingBatch(
        CARS,
        tracks=[t for t, _ in pairs],
        car=car,
        variety=dataclasses.replace(variety, reverse=0.0, width=(1.0, 1.0), grip=firm),
        reward=reward,
        ending=ending,
        seed=seed,
    )
    obs = batch.reset(seed)
    rng = np.random.default_rng([seed, 2])
    memory = Memory(lessons.steps, CARS, obs.shape[1], 2, device)
    for _ in range(memory.rows):
        wanted = driver(batch.race) + rng.normal(0.0, lessons.noise, (CARS, 2))
        actions = np.clip(wanted, -1.0, 1.0).astype(np.float32)
        after, paid, terminated, truncated = batch.step(actions)
        seen = after
        rows = np.flatnonzero(terminated | truncated)
        if len(rows):
            seen = after.copy()
            seen[rows] = batch.final_obs
        memory.add(obs, actions, paid.astype(np.float32), seen, terminated, truncated)
        obs = after
    return memory
