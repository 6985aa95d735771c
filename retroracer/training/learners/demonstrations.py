"""Demonstrations: laps of a line driver, as lines to imitate or transitions to replay.

Owns solving the racing lines for the line driver and gathering its transitions. In a replay memory
they are transitions like any other: the rewards decide what is learned from them. They help because
a policy that learns alone has hardly ever been fast: in its replay, 60 m/s mostly ends in crashes,
so its critics value 40 m/s more. Demonstrations add fast driving that brakes in time.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from retroracer.agents.replay import Memory
from retroracer.config import Range
from retroracer.envs.batch import RacingBatch
from retroracer.laptime.line_driver import LineDriver
from retroracer.laptime.many import lines_to_follow
from retroracer.physics.car import Car
from retroracer.track.generate import random_tracks
from retroracer.track.track import Track
from retroracer.training.learners.racing import Racing
from retroracer.training.run.settings import DEMONSTRATION_SEED

CARS = 128
"""Cars the line driver drives side by side."""


@dataclass(frozen=True)
class Demonstrations:
    """How many demonstrations a replay learner uses.

    Attributes:
        share: share of every batch; 0 = none.
        ready: share of its training episodes that the driver must drive to their end before
            demonstrations are used.
        latest: share of the budget after which they are used in any case; 1 = never.
        transitions: number gathered.
        tracks: number of random tracks they are driven on (a specialist's: its own tracks).
        grip: fraction of the car's grip the lines are solved for.
        margin: distance the lines keep from the edges of the road [m].
        noise: standard deviation of the noise added to the line driver's actions.
    """

    share: Annotated[float, Range(low=0, high=0.9)] = 0.0
    ready: Annotated[float, Range(low=0, high=1)] = 0.95
    latest: Annotated[float, Range(low=0, high=1)] = 1.0
    transitions: Annotated[int, Range(low=1000, high=10_000_000)] = 200_000
    tracks: Annotated[int, Range(low=1, high=1000)] = 48
    grip: Annotated[float, Range(low=0.1, high=1)] = 0.85
    margin: Annotated[float, Range(low=0, high=20)] = 0.5
    noise: Annotated[float, Range(low=0, high=1)] = 0.05


def drivers_of(
    tracks: list[Track] | int, car: Car, grip: float, margin: float, moment: float = float("inf")
) -> tuple[list[Track], list[Any]]:
    """Tracks, or a number of random ones, and the lines a line driver follows on them.

    Tracks whose lines could not be solved until ``moment`` (``time.monotonic``) are left out. For
    ``grip`` and ``margin`` see ``Demonstrations``.
    """
    places = random_tracks(DEMONSTRATION_SEED, tracks) if isinstance(tracks, int) else tracks
    lines = lines_to_follow(places, car, grip, margin, moment)
    pairs = [(t, line) for t, line in zip(places, lines, strict=True) if line is not None]
    return [t for t, _ in pairs], [line for _, line in pairs]


def gather(racing: Racing, wanted: Demonstrations, tracks: list[Track] | None) -> Memory | None:
    """Let the line driver drive in the run's task and keep its transitions.

    Demonstrations have the task's car, reward, ending and variety. Tracks (None = random ones) are
    driven in their own direction and width, because the lines are solved for them as they are.

    Returns:
        The replay memory; None if no demonstrations are wanted, or no line could be solved.
    """
    if wanted.share == 0.0:
        return None
    settings, own = racing.settings, racing.batch
    places, lines = drivers_of(tracks or wanted.tracks, own.car, wanted.grip, wanted.margin)
    if not places:
        return None
    driver = LineDriver(lines)
    variety = settings.variety
    grip = max(variety.grip[0], 0.95), max(variety.grip[1], 0.95)  # lines assume full grip
    batch = RacingBatch(
        CARS,
        tracks=places,
        car=own.car,
        variety=dataclasses.replace(variety, reverse=0.0, width=(1.0, 1.0), grip=grip),
        reward=own.reward,
        ending=own.ending,
        seed=settings.seed,
    )
    obs = batch.reset(settings.seed)
    rng = np.random.default_rng([settings.seed, 2])
    memory = Memory(wanted.transitions, CARS, obs.shape[1], 2, racing.model.device)
    for _ in range(memory.rows):
        noisy = driver(batch.race) + rng.normal(0.0, wanted.noise, (CARS, 2))
        actions = np.clip(noisy, -1.0, 1.0).astype(np.float32)
        after, reward, terminated, truncated = batch.step(actions)
        seen, rows = after, np.flatnonzero(terminated | truncated)
        if len(rows):
            seen = after.copy()
            seen[rows] = batch.final_obs
        memory.add(obs, actions, reward.astype(np.float32), seen, terminated, truncated)
        obs = after
    return memory
