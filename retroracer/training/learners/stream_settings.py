"""The settings of a run whose rows come from actors in other processes.

Owns the record and its bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from retroracer.config import Range
from retroracer.training.learners.racing_settings import RacingSettings

RACING, LIDAR, NOBODY = "racing", "lidar", "nobody"
"""What the run's own actors may drive, beside anyone's ``package.module:make``."""


@dataclass(frozen=True)
class Stream:
    """How rows come and what they are worth.

    Attributes:
        actors: processes that drive, started by the run; others may join (``scale actor``).
        env: what they drive: racing, lidar, package.module:make or the id of a Gymnasium
            environment; nobody = only actors that join send rows.
        obs_dim: numbers in an observation, where ``env`` is nobody.
        act_dim: numbers in an action, likewise.
        envs: environments an actor drives side by side, where they are not cars of ours.
        updates_per_row: target of gradient updates per new row; null = as many as the page
            makes for cars in one process.
        least_updates: of a round.
        most_updates: of a round.
        most_debt: updates owed beyond which actors wait.
        train_every_seconds: least time between the beginnings of two rounds.
        zip_every: least seconds between the zips saved after rounds.
        rollout: vector steps an actor sends at once.
        accel_scales: factors on the throttle, by actor in turn.
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
    """What a run with actors has beside what every racing run has.

    Attributes:
        stream: how rows come and what they are worth.
    """

    stream: Stream = field(default_factory=Stream)
