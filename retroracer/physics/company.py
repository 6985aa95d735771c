"""The arrays for cars that race each other: the groups, and their contacts and wakes.

A race is a group of 1 to ``MOST_CARS`` consecutive rows on one track. Cars of a race collide and
feel each other's wakes (``contact``, ``wake``); cars of different races never meet. The equations
are in those modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from retroracer.physics.car import Car
from retroracer.track.geometry import Array, Bools, Ints

MOST_CARS = 20
"""Most cars in a race."""

NEVER = -1e8
"""Time [s] of a contact that there has not been."""

# Columns of ``marks`` (N, N_MARKS), SI units.
(
    STEP_CONTACT,  # time in contact with another car in the last advance
    STEP_BUMP,  # largest closing speed of a contact in the last advance
    CONTACTS,  # contacts since the start; two cars that stay together have one
    AT_FAULT,  # of those, the ones that this car caused
    TOW,  # fraction of the drag that the wake of a car ahead removes now
    LOSS,  # fraction of the downforce that it removes now
    N_MARKS,
) = range(7)

# Columns of ``air`` (N, N_AIR): effect of a wake on a car, from the car's page.
AIR_TOW, AIR_LOSS, N_AIR = range(3)


class Company(NamedTuple):
    """Races of cars, changed in place beside ``state.Cars``.

    Attributes:
        begins: (R + 1,) first row of each race, and N.
        solid: (N,) False for a car that has no contacts and no wake and is not seen: a ghost, or
            one that has left the race.
        air: (N, N_AIR) ``tow`` and ``dirty_air`` of each car.
        marks: (N, N_MARKS) columns named above.
        blame: (N, MOST) by car and by place of the other in its race: the car's share of the
            fault times the closing speed squared [m^2/s^2], summed over the last advance.
        bump: (N, MOST) likewise the largest closing speed [m/s] in the last advance.
        touched: (N, MOST) time [s] at which they last touched, or ``NEVER``.
    """

    begins: Ints
    solid: Bools
    air: Array
    marks: Array
    blame: Array
    bump: Array
    touched: Array


def make_company(sizes: int | Sequence[int], cars: Sequence[Car]) -> Company:
    """Make the arrays for races of the given sizes, in the order of their rows.

    Args:
        sizes: number of cars of each race; a single number k = races of k cars each.
        cars: the cars of all rows.

    Raises:
        ValueError: if a race has no car or more than MOST_CARS, or the sizes do not add up to the
            number of cars.
    """
    n = len(cars)
    if isinstance(sizes, int):
        sizes = [sizes] * max(n // max(sizes, 1), 1)
    least, most = min(sizes, default=0), max(sizes, default=0)
    if least < 1 or most > MOST_CARS:
        raise ValueError(f"a race has 1 to {MOST_CARS} cars, not {least if least < 1 else most}")
    if sum(sizes) != n:
        raise ValueError(f"races of {sum(sizes)} cars in all, but {n} cars")
    return Company(
        begins=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        solid=np.ones(n, np.bool_),
        air=np.array([(car.tow, car.dirty_air) for car in cars]),
        marks=np.zeros((n, N_MARKS)),
        blame=np.zeros((n, most)),
        bump=np.zeros((n, most)),
        touched=np.full((n, most), NEVER),
    )
