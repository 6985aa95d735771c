"""Slipstream: a car close behind another has less drag, and less downforce.

Both fade evenly with the gap, from the share on the follower's page right behind the leader to
nothing at REACH, and to the side over the width of the two cars and what the wake spreads. Wakes
do not add: the strongest counts.

Source: Formula 1's published figures for its cars of 2021, 46 % of the downforce lost 10 m behind
another car and 35 % at 20 m, lie within 2 % of such a straight line with 55 % at no gap.
"""

from __future__ import annotations

from retroracer.compiled import compiled

REACH = 60.0
"""How far behind a car its wake is felt, bumper to bumper [m]."""

SPREAD = 0.03
"""By how much a wake widens to each side per metre behind the car."""


@compiled(inline=True)
def shade(
    ahead: float,
    aside: float,
    lengths: float,
    widths: float,
    leader_speed: float,
    speed: float,
    size: float,
) -> float:
    """How much of the wake a car is in, 0 to 1.

    Args:
        ahead: how far the leader's centre is ahead along the leader's heading [m].
        aside: distance of the centres across it [m] >= 0.
        lengths: half-lengths of both cars added [m].
        widths: half-widths of both cars added [m].
        leader_speed: forward speed of the leader [m/s]; a car that stands leaves no wake.
        speed: forward speed of the car behind [m/s].
        size: drag area of the leader as a share of the car's behind; a small car shades little.
    """
    gap = max(ahead - lengths, 0.0)
    if ahead <= 0.0 or gap >= REACH or speed <= 1.0 or leader_speed <= 1.0:
        return 0.0
    width = widths + SPREAD * gap
    if aside >= width:
        return 0.0
    moving = min(leader_speed / speed, 1.0)
    return (1.0 - gap / REACH) * (1.0 - aside / width) * moving * min(size, 1.0)
