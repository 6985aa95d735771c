"""Given drivers at the wheels of a RaceBatch's cars, each deciding as often as it was trained to.

The race's env, training against a league and the judging of races all let others drive by this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from retroracer.envs.observation import N_OBS, Floats
from retroracer.envs.race_batch import RaceBatch
from retroracer.envs.race_task import N_RACE_OBS
from retroracer.physics.race import Race
from retroracer.track.geometry import Array, Ints

NOBODY = -1
"""The seat of a car that somebody else drives."""


class Driver(Protocol):
    """A driver that acts on observations, like ``agents.policy.Policy``.

    One with ``action_repeat`` decides every so many control steps of 50 ms; without, every one.
    One that needs to know more than it sees has ``drive(obs, race, rows, last)`` in
    place of ``act``; ``last`` (N, 2) is what the drivers of all cars chose last.
    """

    n_observations: int

    def act(self, obs: Floats) -> npt.NDArray[Any]:
        """Actions (N, 2) for observations (N, n_observations)."""
        ...


@dataclass(frozen=True)
class Ghost:
    """A driver whose car nobody touches or sees, for company without contact."""

    driver: Driver | Callable[[Race], Array]


class Crew:
    """The drivers of some cars of a batch.

    Args:
        batch: the cars.
        drivers: objects that act on the road's observation or on the racing one, by their
            ``n_observations``; or functions of a ``Race`` that give actions for all its rows.
            Entries may be replaced later.
        seats: (N,) of each car, its driver's place in ``drivers``, or NOBODY.

    Attributes:
        seats: as given; may be changed where races begin.
        held: (N, 2) what each driver chose last.
        clock: (R,) control steps since each race began.
    """

    def __init__(self, batch: RaceBatch, drivers: Sequence[Any], seats: Ints) -> None:
        self.batch, self.drivers = batch, drivers
        self.seats = np.array(seats, np.int64)
        self.held = np.zeros((batch.n, 2))
        self.clock = np.zeros(batch.n_races, np.int64)

    def begin(self, races: Ints | slice = slice(None)) -> None:
        """Races have begun: their drivers decide at once."""
        self.clock[races] = 0

    def act(self) -> Array:
        """Actions (N, 2) of all cars for a control step; zeros where the seat is NOBODY's."""
        batch = self.batch
        clock = np.repeat(self.clock, batch.n_cars)
        for seat in np.unique(self.seats[batch.alive]).tolist():
            if seat == NOBODY:
                continue
            driver = self.drivers[seat]
            due = batch.alive & (self.seats == seat)
            due &= clock % getattr(driver, "action_repeat", 1) == 0
            rows = np.flatnonzero(due)
            if not len(rows):
                continue
            if hasattr(driver, "drive"):
                seen = batch.obs[rows, : driver.n_observations]
                self.held[rows] = driver.drive(seen, batch.race, rows, batch.last)
            elif hasattr(driver, "act"):
                self.held[rows] = driver.act(batch.obs[rows, : driver.n_observations])
            else:
                self.held[rows] = driver(batch.race)[rows]
        self.clock += 1
        return self.held.copy()


def demand_driver(driver: Any) -> None:
    """Make sure that something can drive.

    Raises:
        ValueError: if it acts on other observations.
        TypeError: if it does not drive at all.
    """
    if hasattr(driver, "act") or hasattr(driver, "drive"):
        if getattr(driver, "n_observations", None) not in (N_OBS, N_RACE_OBS):
            raise ValueError(
                f"a driver acts on {N_OBS} numbers (the road) or {N_RACE_OBS} (racing), not on "
                f"{getattr(driver, 'n_observations', 'an unknown number')}"
            )
    elif not callable(driver):
        raise TypeError(f"a driver has act(obs) or takes a Race, not {type(driver).__name__}")
