"""Surfaces under a car, and walls.

A surface decelerates a car by ``drag + ploughing * speed^2`` [m/s^2], independent of its mass. The
surface under the centre of gravity counts for the whole car, as for track limits. The deceleration
is computed at the end of a physics step and held during the next one; at 70 m/s on gravel this
delay of 10 ms makes a difference of 1 %, and none for a terminal speed. Numbers and sources:
``track/surfaces.yaml``.
"""

from __future__ import annotations

from retroracer.compiled import compiled
from retroracer.physics.dynamics import cos_sin
from retroracer.track import bank as b
from retroracer.track.geometry import Array

RESTITUTION = 0.15
"""Coefficient of restitution of a wall."""

WALL_FRICTION = 0.3
"""Friction coefficient of a car scraping along a wall."""

SPIN_KEPT = 0.7
"""Fraction of its yaw rate that a car keeps when it hits a wall."""


@compiled(inline=True)
def surface_at(
    side: Array, row: int, offset: float, left: float, right: float, speed2: float
) -> tuple[float, float]:
    """Grip factor and extra deceleration [m/s^2] of the surface under a car.

    Args:
        side: the bank's surfaces and walls.
        row: the track sample at the car's station.
        offset: lateral offset of its centre [m], left positive.
        left: half-width of the road to the left [m].
        right: half-width to the right [m].
        speed2: square of its speed [m^2/s^2].
    """
    at = b.ROAD
    if offset > left:
        at = b.KERB if offset <= left + side[row, b.KERB_L] else b.RUNOFF_L
    elif -offset > right:
        at = b.KERB if -offset <= right + side[row, b.KERB_R] else b.RUNOFF_R
    ploughing = float(side[row, at + b.PLOUGHING])
    return float(side[row, at + b.GRIP]), float(side[row, at + b.DRAG]) + ploughing * speed2


@compiled()
def meet_wall(
    offset: float,
    wall_left: float,
    wall_right: float,
    heading: float,
    vx: float,
    vy: float,
    tx: float,
    ty: float,
    half_width: float,
    half_length: float,
) -> tuple[float, float, float, float]:
    """Keep the rectangle of a car between the walls beside it.

    Returns:
        The shift of its lateral offset [m] (0 = no contact), its new vx and vy [m/s], and its
        former speed into the wall [m/s].
    """
    c, k = cos_sin(heading)
    body = half_width * abs(c * tx + k * ty) + half_length * abs(k * tx - c * ty)
    top = wall_left - body
    bottom = body - wall_right
    if top <= bottom:
        top = bottom = 0.5 * (top + bottom)
    if offset > top:
        shift = top - offset
        outward = 1.0
    elif offset < bottom:
        shift = bottom - offset
        outward = -1.0
    else:
        return 0.0, vx, vy, 0.0
    wx = vx * c - vy * k
    wy = vx * k + vy * c
    into = outward * (wy * tx - wx * ty)
    if into <= 0.0:
        return shift, vx, vy, 0.0
    along = wx * tx + wy * ty
    scrape = WALL_FRICTION * (1.0 + RESTITUTION) * into
    along = max(0.0, along - scrape) if along > 0.0 else min(0.0, along + scrape)
    away = -RESTITUTION * into * outward
    wx = along * tx - away * ty
    wy = along * ty + away * tx
    return shift, wx * c + wy * k, wy * c - wx * k, into
