"""What lies beside the road: surfaces under a car and walls it meets."""

from __future__ import annotations

from retroracer.compiled import compiled
from retroracer.physics.dynamics import cos_sin
from retroracer.track import bank as b
from retroracer.track.geometry import Array

RESTITUTION = 0.15
"""Share of the speed into a wall that comes back."""

WALL_FRICTION = 0.3
"""Friction coefficient of a car scraping along a wall."""

SPIN_KEPT = 0.7
"""Share of the yaw rate a car keeps when it hits a wall."""


@compiled(inline=True)
def surface_at(
    side: Array, row: int, offset: float, left: float, right: float
) -> tuple[float, float]:
    """Grip factor and extra deceleration [m/s^2] at a lateral offset [m] beside sample ``row``."""
    if offset > left:
        if offset <= left + side[row, b.KERB_L]:
            return float(side[row, b.KERB_GRIP]), float(side[row, b.KERB_DRAG])
        return float(side[row, b.RUNOFF_L_GRIP]), float(side[row, b.RUNOFF_L_DRAG])
    if -offset > right:
        if -offset <= right + side[row, b.KERB_R]:
            return float(side[row, b.KERB_GRIP]), float(side[row, b.KERB_DRAG])
        return float(side[row, b.RUNOFF_R_GRIP]), float(side[row, b.RUNOFF_R_DRAG])
    return float(side[row, b.ROAD_GRIP]), float(side[row, b.ROAD_DRAG])


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
    """Keep the rectangle of a car inside the walls beside it.

    Returns:
        The shift of its lateral offset [m] (0 = no contact), its new vx and vy [m/s], and the
        speed it had into the wall [m/s].
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
