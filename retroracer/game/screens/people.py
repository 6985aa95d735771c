"""People at the wheel: from keys and pads to what their cars are given.

What keys mean is ``controls``', how a wheel is turned ``race.drivers``'.
"""

from __future__ import annotations

from collections.abc import Sequence

from retroracer.game.controls import Controls
from retroracer.game.race.assists import SENSED, assisted
from retroracer.game.race.drivers import Human
from retroracer.game.race.session import Session
from retroracer.game.settings import Assists
from retroracer.physics.race import PHYSICS_DT

ROLLING_OUT = 4.0
"""Beyond the finish a car brakes down to this speed [m/s]."""


def inputs(
    hands: Sequence[Human], assists: Assists, session: Session, controls: Controls
) -> list[tuple[float, float]]:
    """Steer and throttle of each player for the next physics step."""
    race = session.race
    given: list[tuple[float, float]] = []
    for row, human in enumerate(hands):
        if session.finish[row] is not None:
            given.append(roll_out(session, row))
            continue
        keys = controls.keys if len(hands) == 1 else controls.seats[row]
        pad = (controls.steer, controls.throttle) if row == 0 else (None, None)
        steer, throttle = human.act(keys, float(race.vx[row]), PHYSICS_DT, *pad)
        sensed = (float(race.floats[row, k]) for k in SENSED)
        given.append(assisted(steer, throttle, assists, session.cars[row], *sensed))
    return given


def roll_out(session: Session, row: int) -> tuple[float, float]:
    """What a car is given whose driver is done: a little brake until it rolls."""
    return 0.0, -0.25 if session.race.vx[row] > ROLLING_OUT else 0.0
