"""Opponent modelling: which known driver each other car drives like.

At every decision each known driver foretells what the other cars do; what they then did tells
which of them it resembles. Nothing is learned: a car drives like the one with the least error.
"""

from __future__ import annotations

import numpy as np

from retroracer.physics.race import CONTROL_DT
from retroracer.track.geometry import Array, Bools, Ints

FADE = 0.97
"""What is left of errors a decision later: half of them after 2.3 s."""

DOUBT = 0.01
"""What the known drivers but the first have against them before anything is seen: about one action
of the first that is off by 0.1."""

SAME = 1e-3
"""An action that is foretold so well is foretold exactly."""


class Opponents:
    """What is known of how the N cars of a race are driven.

    Args:
        n: cars.
        known: how many known drivers; the first is who a car is taken for at first.

    Attributes:
        errors: (N, known) faded sums of squared errors of foretold actions.
        foretold: (N, known, 2) what each known driver would do in the decision that began at
            ``since`` (N,) [s].
        differs: (N, 2) what each did last, less what the driver it is most like would have done; 0
            if that was not foretold.
    """

    def __init__(self, n: int, known: int) -> None:
        self.errors = np.full((n, known), DOUBT)
        self.foretold, self.differs = np.zeros((n, known, 2)), np.zeros((n, 2))
        self.since, self._time = np.full(n, -np.inf), np.full(n, -np.inf)
        self.forget(np.ones(n, np.bool_))

    def forget(self, cars: Bools) -> None:
        """Take some cars for the first known driver again: (N,) mask."""
        self.errors[cars], self.since[cars] = DOUBT, -np.inf
        self.errors[cars, 0] = 0.0

    def compare(self, time: Array, last: Array, lasts: float) -> None:
        """Compare what was foretold with what was done.

        Args:
            time: (N,) race time [s]; where it has gone back a race has begun anew.
            last: (N, 2) what the drivers chose last.
            lasts: how long a decision lasts [s].
        """
        self.forget(time < self._time)
        self._time = np.array(time)
        due = np.abs(time - self.since - lasts) < 0.5 * CONTROL_DT
        wrong = last[due, None] - self.foretold[due]
        self.errors[due] = FADE * self.errors[due] + (wrong**2).sum(axis=2)
        least = wrong[np.arange(len(wrong)), self.errors[due].argmin(axis=1)]
        self.differs[:] = 0.0
        self.differs[due] = np.where(np.abs(least) > SAME, least, 0.0)

    def like(self, rows: Ints) -> Ints:
        """Which known driver each of some cars drives like; of any shape."""
        found: Ints = self.errors[rows].argmin(axis=-1)
        return found

    def foretell(self, rows: Ints, time: Array, actions: Array) -> None:
        """Remember what known drivers would do now.

        Args:
            rows: (M,) the cars.
            time: (M,) race time [s].
            actions: (M, known, 2).
        """
        self.foretold[rows], self.since[rows] = actions, time
