"""People at the wheel: from keys and pads to what their cars are given.

Owns one pair of hands a player. What keys mean is ``controls``', how a wheel is turned
``race.drivers``'.
"""

from __future__ import annotations

from collections.abc import Sequence

from retroracer.game.controls import Controls
from retroracer.game.race.assists import SENSED, assisted
from retroracer.game.race.drivers import Human
from retroracer.game.race.session import Session
from retroracer.game.settings import Assists
from retroracer.physics.car import Car
from retroracer.physics.race import PHYSICS_DT

ROLLING_OUT = 4.0
"""Beyond the finish a car brakes down to this speed [m/s]."""


class People:
    """The players of a race.

    Args:
        cars: theirs.
        assists: the help they take.
    """

    def __init__(self, cars: Sequence[Car], assists: Assists) -> None:
        self.hands = [Human(car) for car in cars]
        self._assists = assists

    def reset(self, row: int | None = None) -> None:
        """Centre the wheel and release the pedals, of one player or of all."""
        for hands in self.hands if row is None else self.hands[row : row + 1]:
            hands.reset()

    def inputs(self, session: Session, controls: Controls) -> list[tuple[float, float]]:
        """Steer and throttle of each player for the next physics step."""
        return [self._of(row, session, controls) for row in range(len(self.hands))]

    def _of(self, row: int, session: Session, controls: Controls) -> tuple[float, float]:
        race = session.race
        if session.finish[row] is not None:
            return roll_out(session, row)
        alone = len(self.hands) == 1
        keys = controls.keys if alone else controls.seats[row]
        pad = (controls.steer, controls.throttle) if row == 0 else (None, None)
        hands, speed = self.hands[row], float(race.vx[row])
        steer, throttle = hands.act(keys, speed, PHYSICS_DT, *pad)
        return assisted(
            steer, throttle, self._assists, session.cars[row],
            *(float(race.floats[row, k]) for k in SENSED),
        )  # fmt: skip


def roll_out(session: Session, row: int) -> tuple[float, float]:
    """What a car is given whose driver is done: a little brake until it rolls."""
    return 0.0, -0.25 if session.race.vx[row] > ROLLING_OUT else 0.0
