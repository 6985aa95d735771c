"""SAC's hyperparameters as plain, checked settings, read from YAML and from a model's facts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from retroracer import config
from retroracer.config import Range

if TYPE_CHECKING:
    from stable_baselines3 import SAC


@dataclass(frozen=True)
class SacSettings:
    """Arguments of Stable-Baselines3's ``SAC`` that a checkpoint records.

    Attributes:
        learning_rate: learning rate of actor, critic and entropy coefficient.
        gamma: discount per control step.
        tau: soft-update coefficient of the target critic.
        batch_size: transitions in an update.
        ent_coef: entropy coefficient: "auto", "auto_0.1" (learned, starting from 0.1), or a fixed
            number.
        target_entropy: "auto" (minus the number of actions) or a number.
        train_freq: vector steps between rounds of updates.
        gradient_steps: updates in a round; -1 = one per transition.
        target_update_interval: updates of the critic between those of its target.
        n_steps: length of the n-step returns.
    """

    learning_rate: Annotated[float, Range(low=1e-9, high=1)] = 3e-4
    gamma: Annotated[float, Range(low=0.1, high=1)] = 0.99
    tau: Annotated[float, Range(low=1e-6, high=1)] = 0.005
    batch_size: Annotated[int, Range(low=1, high=1_000_000)] = 256
    ent_coef: float | str = "auto"
    target_entropy: float | str = "auto"
    train_freq: Annotated[int, Range(low=1, high=1_000_000)] = 1
    gradient_steps: Annotated[int, Range(low=-1, high=1_000_000)] = 1
    target_update_interval: Annotated[int, Range(low=1, high=1_000_000)] = 1
    n_steps: Annotated[int, Range(low=1, high=1000)] = 1

    def __post_init__(self) -> None:
        """Check what types cannot express."""
        if isinstance(self.ent_coef, str):
            if not re.fullmatch(r"auto(_\d*\.?\d+(e-?\d+)?)?", self.ent_coef, re.ASCII):
                raise ValueError("ent_coef must be a number, auto, or auto_0.1")
        elif self.ent_coef < 0:
            raise ValueError("ent_coef must not be negative")
        if isinstance(self.target_entropy, str) and self.target_entropy != "auto":
            raise ValueError("target_entropy must be a number or auto")


def settings_of(model: SAC) -> dict[str, Any]:
    """Plain settings of a model; a learning-rate schedule is recorded as its current rate."""
    values = {f.name: getattr(model, f.name) for f in dataclasses.fields(SacSettings)}
    values["train_freq"] = getattr(model.train_freq, "frequency", model.train_freq)
    values["learning_rate"] = float(model.lr_schedule(model._current_progress_remaining))
    return config.to_dict(config.from_dict(SacSettings, values, "SAC"))


def settings_read(settings: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Arguments for ``SAC`` from recorded settings, checked; unknown ones are left out.

    Raises:
        UserError: if a setting is invalid.
    """
    known = {
        f.name: settings[f.name] for f in dataclasses.fields(SacSettings) if f.name in settings
    }
    return config.to_dict(config.from_dict(SacSettings, known, source))
