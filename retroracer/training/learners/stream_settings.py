"""The settings of a run whose rows come from actors in other processes, with their bounds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from retroracer.config import Range
from retroracer.training.learners.racing_settings import RacingSettings

RACING, LIDAR, NOBODY = "racing", "lidar", "nobody"
"""What the run's own actors may drive, besides a user's ``package.module:make``."""


@dataclass(frozen=True)
class Stream:
    """Where rows come from, and how many updates are made for them.

    Attributes:
        actors: processes that drive, started by the run; others may join (``scale actor``).
        env: what they drive: racing, lidar, package.module:make or the id of a Gymnasium
            environment; nobody = the run starts no actors, others join.
        obs_dim: numbers in an observation, if ``env`` is nobody.
        act_dim: numbers in an action, likewise.
        envs: environments that an actor drives side by side, if ``env`` is not racing.
        updates_per_row: gradient updates per new row; null = as many as the page makes for cars in
            one process.
        least_updates: smallest number of updates in a round.
        most_updates: largest number of updates in a round.
        most_debt: updates due above which actors wait.
        train_every_seconds: least time between the beginnings of two rounds [s].
        zip_every: least time between zips saved after rounds [s].
        rollout: vector steps an actor sends at once.
        accel_scales: factors on the throttle; actors take them in turn.
        steer_scale: factor on the steering of every actor.
    """

    actors: Annotated[int, Range(low=0, high=4096)] = 2
    env: str = RACING
    obs_dim: Annotated[int, Range(low=1, high=100_000)] | None = None
    act_dim: Annotated[int, Range(low=1, high=1000)] | None = None
    envs: Annotated[int, Range(low=1, high=4096)] = 1
    updates_per_row: Annotated[float, Range(above=0, high=1000)] | None = None
    least_updates: Annotated[int, Range(low=1, high=1_000_000)] = 16
    most_updates: Annotated[int, Range(low=1, high=1_000_000)] = 4096
    most_debt: Annotated[float, Range(low=1, high=1e9)] = 4096.0
    train_every_seconds: Annotated[float, Range(low=0, high=3600)] = 1.0
    zip_every: Annotated[float, Range(low=0, high=1e6)] = 10.0
    rollout: Annotated[int, Range(low=1, high=10_000)] = 16
    accel_scales: tuple[Annotated[float, Range(above=0, high=1)], ...] = (1.0,)
    steer_scale: Annotated[float, Range(above=0, high=1)] = 1.0

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        if not self.accel_scales:
            raise ValueError("accel_scales must name at least one factor")
        if self.least_updates > self.most_updates:
            raise ValueError("least_updates must not be above most_updates")
        alone = self.env == NOBODY
        if alone != (self.obs_dim is not None) or alone != (self.act_dim is not None):
            raise ValueError("obs_dim and act_dim go with env: nobody, and it with both")
        if alone and self.actors:
            raise ValueError("env: nobody needs actors: 0; actors join by scale actor")


@dataclass(frozen=True)
class StreamSettings(RacingSettings):
    """The settings of a run with actors, in addition to those of every racing run.

    Attributes:
        stream: where rows come from, and how many updates are made for them.
    """

    stream: Stream = field(default_factory=Stream)
