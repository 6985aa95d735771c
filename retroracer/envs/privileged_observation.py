"""The privileged observation: the road further ahead than drivers see, and the car's variation.

Only value networks get it, and only in training; drivers get ``observation`` alone. Half of what
the next five seconds bring lies beyond what a driver sees and does not depend on its actions. A
value network that sees it gives advantages of lower variance.

Source: Pinto et al. 2017, Asymmetric Actor Critic for Image-Based Robot Learning.
"""

from __future__ import annotations

import numpy as np

from retroracer.compiled import compiled
from retroracer.envs.observation import Floats, scaled_bend
from retroracer.physics import car as c
from retroracer.physics import state as st
from retroracer.physics.state import Cars
from retroracer.track import bank as b
from retroracer.track.bank import TrackBank
from retroracer.track.geometry import Array, Ints

AHEAD = np.array([0.0, 40.0, 80.0, 120.0, 170.0, 230.0, 300.0, 380.0, 480.0, 600.0, 750.0])
"""Distances that divide the way ahead [m]: nine seconds at 300 km/h."""

N_PRIVILEGED = len(AHEAD) - 1 + 3


@compiled()
def observe_privileged(
    cars: Cars, car: Array, latency: Ints, bank: TrackBank, rows: Ints, out: Floats
) -> None:
    """Write the privileged observations of some of N cars.

    Args:
        cars: all N.
        car: (N_PARAMS,) parameters of the car without variety.
        latency: (N,) of their actions [control steps].
        bank: the packed tracks.
        rows: (M,) the cars to observe.
        out: (M, 13) float32, overwritten: for ten stretches the root mean square curvature, scaled
            as in ``observation``, with the sign of the stretch's turn; then the relative deviations
            of mass and power from ``car``, times ten; then the latency.
    """
    floats, params = cars.floats, cars.params
    stretches = len(AHEAD) - 1
    for k in range(len(rows)):
        i = rows[k]
        track = cars.ints[i, st.TRACK]
        facts = bank.facts[track]
        first, size = bank.start[track], bank.size[track]
        heading = bend = 0.0
        for point in range(stretches + 1):
            cell = int((floats[i, st.S] + AHEAD[point]) / facts[b.SPACING])
            laps = cell // size
            way = bank.way[first + cell - laps * size]
            to_heading = way[b.HEADING] + laps * facts[b.CLOSING_TURN]
            to_bend = way[b.BEND] + laps * facts[b.TOTAL_BEND]
            if point > 0:
                square = max(to_bend - bend, 0.0) / (AHEAD[point] - AHEAD[point - 1])
                out[k, point - 1] = scaled_bend(to_heading - heading, square)
            heading, bend = to_heading, to_bend
        out[k, stretches] = 10.0 * (params[i, c.MASS] / car[c.MASS] - 1.0)
        out[k, stretches + 1] = 10.0 * (params[i, c.POWER] / car[c.POWER] - 1.0)
        out[k, stretches + 2] = latency[i]
