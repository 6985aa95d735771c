"""SAC's hyperparameters as plain, checked settings: from YAML, into facts and back.

Owns the record and its bounds. Does not own SAC.
"""

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
    """Arguments of Stable-Baselines3's ``SAC`` that a checkpoint carries on.

    Attributes:
        learning_rate: of actor, critic and entropy coefficient alike.
        gamma: discount a control step.
        tau: share of the critic that its target takes over an update.
        batch_size: transitions an update.
        ent_coef: "auto", "auto_0.1" (learned from 0.1), or a number (fixed).
        target_entropy: "auto" (minus the number of actions) or a number.
        train_freq: vector steps between rounds of updates.
        gradient_steps: updates a round; -1 for one a transition.
        target_update_interval: updates between target updates.
        n_steps: length of the returns the critic learns from.
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
    """Plain settings of a model. A rate schedule is recorded as its rate now."""
    values = {f.name: getattr(model, f.name) for f in dataclasses.fields(SacSettings)}
    values["train_freq"] = getattr(model.train_freq, "frequency", model.train_freq)
    values["learning_rate"] = float(model.lr_schedule(model._current_progress_remaining))
    return config.to_dict(config.from_dict(SacSettings, values, "SAC"))


def settings_read(settings: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Arguments for ``SAC`` from recorded settings, checked; unknown newer ones are left out.

    Raises:
        UserError: naming what is wrong with them.
    """
    known = {
        f.name: settings[f.name] for f in dataclasses.fields(SacSettings) if f.name in settings
    }
    return config.to_dict(config.from_dict(SacSettings, known, source))
