"""Awkward company to judge drivers of races by: one that never yields, one that brakes at random.

Both drive at the pace of the shipped ``base``. They are drivers as ``envs.crew`` takes them, under
the names of ``ROUGH``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.agents.policy import Policy, load_policy
from retroracer.envs.observation import N_OBS, Floats
from retroracer.envs.race_task import (
    ASIDE,
    GAP,
    N_RACE_OBS,
    N_RIVAL,
    N_RIVALS,
    PRESENCE,
    RIVAL_TABLE,
)  # fmt: skip
from retroracer.physics.race import Race
from retroracer.track.geometry import Array

PACE = "base"
"""Whose pace they drive at."""

CLOSE = 25.0
"""A car ahead within this distance [m] is followed."""

PULL, MOST_PULL = 0.03, 0.12
"""Steering towards the line of the car ahead: per metre, and at most."""

EVERY, CHANCE, HELD = 2.0, 0.15, 0.7
"""Every so many seconds, with this chance, the brakes are on for so long [s]."""


class Follower:
    """Follows the car ahead in its own line, and never lifts or steers aside for anybody."""

    n_observations = N_RACE_OBS

    def __init__(self) -> None:
        self.pace: Policy = load_policy(PACE)
        self.action_repeat = self.pace.action_repeat

    def act(self, obs: Floats) -> npt.NDArray[Any]:
        """Actions (N, 2) for the racing observation."""
        actions = self.pace.act(obs[:, : self.pace.n_observations])
        others = obs[:, N_OBS:].reshape(len(obs), N_RIVALS, N_RIVAL)
        gap = others[:, :, GAP] * RIVAL_TABLE[GAP].scale
        ahead = (others[:, :, PRESENCE] > 0.0) & (gap > 0.0) & (gap < CLOSE)
        nearest = np.where(ahead, gap, np.inf).argmin(1)
        each = np.arange(len(obs))
        aside = others[each, nearest, ASIDE] * RIVAL_TABLE[ASIDE].scale
        pull = np.clip(PULL * aside, -MOST_PULL, MOST_PULL)
        actions[:, 0] += np.where(ahead[each, nearest], pull, 0.0)
        return np.clip(actions, -1.0, 1.0)


class Braker:
    """Drives alone, and brakes hard for no reason, again and again."""

    n_observations = N_OBS

    def __init__(self) -> None:
        self.pace: Policy = load_policy(PACE)
        self.action_repeat = self.pace.action_repeat

    def drive(
        self, obs: Floats, race: Race, rows: npt.NDArray[np.int64], last: Array
    ) -> npt.NDArray[Any]:
        """Actions (M, 2) of some rows, which see ``obs`` (M, n_observations)."""
        actions = self.pace.act(obs)
        time: Array = race.time[rows]
        turn = np.floor(time / EVERY).astype(np.uint64)
        brakes = (chance(turn, rows) < CHANCE) & (time - EVERY * turn < HELD)
        actions[brakes, 1] = -1.0
        return actions


def chance(turn: npt.NDArray[np.uint64], rows: npt.NDArray[np.int64]) -> Array:
    """Numbers in [0, 1) that look random and depend on nothing but these.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    """
    with np.errstate(over="ignore"):
        x = turn * np.uint64(0x9E3779B97F4A7C15) + rows.astype(np.uint64) * np.uint64(
            0xD1B54A32D192ED03
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return np.asarray(x >> np.uint64(11), np.float64) / 2.0**53


ROUGH = {"follower": Follower, "braker": Braker}
"""Their names, where a driver of a race is named."""
