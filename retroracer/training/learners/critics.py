"""Fits SAC's critics to a driver without changing the driver.

It follows a stage that trained the actor by another algorithm: the zip is then a complete SAC
model, and SAC training can continue from it with critics that know the driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from retroracer.config import Range
from retroracer.training.learners.racing import Racing
from retroracer.training.learners.sac import SAC, SACSettings


@dataclass(frozen=True)
class CriticsSettings:
    """How the critics are fitted.

    Attributes:
        learning_rate: learning rate of the critics; it falls to a twentieth along half a cosine.
        gamma: discount per control step.
        batch_size: transitions in an update.
        gradient_steps: updates per vector step of all cars.
        n_steps: length of the n-step returns.
        buffer_size: transitions kept for replay.
        learning_starts: steps the driver drives before the first update.
    """

    learning_rate: Annotated[float, Range(low=1e-8, high=1)] = 3e-4
    gamma: Annotated[float, Range(low=0.01, high=1)] = 0.99
    batch_size: Annotated[int, Range(low=1, high=1_000_000)] = 512
    gradient_steps: Annotated[int, Range(low=1, high=1_000_000)] = 16
    n_steps: Annotated[int, Range(low=1, high=1000)] = 6
    buffer_size: Annotated[int, Range(low=1000, high=50_000_000)] = 500_000
    learning_starts: Annotated[int, Range(low=0, high=10**9)] = 50_000

    def arguments(self) -> dict[str, Any]:
        """The arguments for Stable-Baselines3's SAC, by name."""
        names = ("learning_rate", "gamma", "batch_size", "gradient_steps", "n_steps")
        return {name: getattr(self, name) for name in names} | {"ent_coef": "auto_0.001"}


class Critics(SAC):
    """SAC's updates without the actor's."""

    Settings = CriticsSettings
    algorithm = "SAC critics only"
    moves_driver = False

    def __init__(self, racing: Racing, settings: CriticsSettings, first: bool) -> None:
        super().__init__(racing, SACSettings(**vars(settings), final_entropy=None), first)
