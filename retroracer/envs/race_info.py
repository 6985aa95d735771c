"""What the race environments share: spaces, ``info`` of a car, and a step of held actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding

from retroracer.envs.arguments import finite, of_type, tracks_of, whole_number
from retroracer.envs.race_batch import REWARDS, Floats, RaceBatch
from retroracer.envs.race_rules import RacePage, Stewards
from retroracer.envs.race_task import N_RACE_OBS, RaceReward
from retroracer.envs.task import LIMIT, Ending, Reward
from retroracer.envs.variety import Variety
from retroracer.physics.car import Car
from retroracer.physics.company import STEP_BUMP
from retroracer.track.geometry import Array

RACE_OBSERVATION = spaces.Box(-LIMIT, LIMIT, (N_RACE_OBS,), np.float32)
RACE_ACTION = spaces.Box(-1.0, 1.0, (2,), np.float32)

_OPTIONS: dict[str, type] = {
    "page": RacePage, "variety": Variety, "reward": Reward, "racing": RaceReward, "ending": Ending,
}  # fmt: skip
"""Types of the arguments that may be None."""


def info_of(batch: RaceBatch, stewards: Stewards, row: int) -> dict[str, Any]:
    """What is told of one car after a step: plain numbers, SI units.

    ``reward`` holds the named terms, ``blame`` the contacts of the step, ``flag`` the flag shown;
    ``result`` is there once the car has finished or is out.
    """
    shown = batch.snapshot(slice(row, row + 1))
    info: dict[str, Any] = {key: values[0].item() for key, values in shown.items()}
    info["reward"] = _named(batch.terms[row])
    info["blame"] = batch.blame(row)
    info["flag"] = stewards.flag(row)
    if not batch.alive[row]:
        name = stewards.names[row - (stewards.rows.start or 0)]
        info["result"] = next(r for r in stewards.results() if r["driver"] == name)
    return info


def make_races(n_cars: Any, track: Any, car: Any, **more: Any) -> tuple[RaceBatch, int]:
    """Build the batch for the arguments of a race environment; returns it and its seed."""
    n_cars = whole_number("n_cars", n_cars, 1)
    for one in car if isinstance(car, list | tuple) else [car]:
        of_type("car", one, str, Car)
    for name, value in more.items():
        of_type(name, value, NoneType, _OPTIONS[name])
    finite(more["reward"] or Reward())
    finite(more["racing"] or RaceReward())
    _, seed = seeding.np_random()
    return RaceBatch(1, n_cars, tracks=tracks_of(track), car=car, seed=seed, **more), seed


class Told(NamedTuple):
    """What the driver of one car is told after a step."""

    obs: Floats
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]


def step_held(
    batch: RaceBatch,
    stewards: Stewards,
    rows: Sequence[int],
    choose: Callable[[], Array],
    repeat: int,
) -> dict[int, Told]:
    """Drive a batch of one race for ``repeat`` control steps, or until ``rows`` are done.

    Args:
        batch: the race.
        stewards: of the race; they watch every control step.
        rows: cars that are in the race, whose drivers are told.
        choose: returns the actions (N, 2) of all cars for the next control step.
        repeat: control steps of 50 ms.

    Returns:
        By row, what its driver is told: of the car's last control step, with the rewards and their
        terms added up over the steps, all ``blame`` and the largest ``bump``.
    """
    paid, terms, bump = np.zeros(batch.n), np.zeros((batch.n, len(REWARDS))), np.zeros(batch.n)
    blame: dict[int, list[dict[str, float]]] = {row: [] for row in rows}
    told: dict[int, Told] = {}
    left = list(rows)
    for k in range(repeat):
        obs, reward, terminated, truncated = batch.step(choose(), autoreset=False)
        stewards.watch()
        for row in np.flatnonzero(terminated).tolist():
            stewards.retire(row)
        paid += reward
        terms += batch.terms
        np.maximum(bump, batch.company.marks[:, STEP_BUMP], out=bump)
        done = terminated | truncated
        for row in left:
            blame[row] += batch.blame(row)
            if done[row] or k + 1 == repeat:
                info = info_of(batch, stewards, row)
                info |= {
                    "reward": _named(terms[row]),
                    "blame": blame[row],
                    "bump": bump[row].item(),
                }
                lost, over = bool(terminated[row]), bool(truncated[row])
                told[row] = Told(obs[row], paid[row].item(), lost, over, info)
        left = [row for row in left if not done[row]]
        if not left:
            break
    return told


def _named(terms: Array) -> dict[str, float]:
    """The reward's terms (10,) by name."""
    return dict(zip(REWARDS, terms.tolist(), strict=True))
