"""Spaces of the race environments, and what their ``info`` tells of a car."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from retroracer.envs.race_batch import REWARDS, RaceBatch
from retroracer.envs.race_rules import Stewards
from retroracer.envs.race_task import N_RACE_OBS
from retroracer.envs.task import LIMIT
from retroracer.track.geometry import Array

RACE_OBSERVATION = spaces.Box(-LIMIT, LIMIT, (N_RACE_OBS,), np.float32)
RACE_ACTION = spaces.Box(-1.0, 1.0, (2,), np.float32)


def named(terms: Array) -> dict[str, float]:
    """The reward's terms (10,) by name."""
    return dict(zip(REWARDS, terms.tolist(), strict=True))


def info_of(batch: RaceBatch, stewards: Stewards, row: int) -> dict[str, Any]:
    """What is told of one car after a step: plain numbers, SI units.

    ``reward`` holds the named terms, ``blame`` the contacts of the step, ``flag`` the flag shown;
    ``result`` is there once the car has finished or is out.
    """
    shown = batch.snapshot(slice(row, row + 1))
    info: dict[str, Any] = {key: values[0].item() for key, values in shown.items()}
    info["reward"] = named(batch.terms[row])
    info["blame"] = batch.blame(row)
    info["flag"] = stewards.flag(row)
    if not batch.alive[row]:
        name = stewards.names[row - (stewards.rows.start or 0)]
        info["result"] = next(r for r in stewards.results() if r["driver"] == name)
    return info
