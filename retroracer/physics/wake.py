"""Slipstream: a car close behind another has less drag and less downforce.

The loss falls linearly with the gap, from the fraction on the follower's page right behind the
leader to 0 at REACH. To the side it falls linearly over the width of both cars plus the spread of
the wake. Wakes do not add up: the strongest counts.

Source: Formula 1's published figures for its cars of 2021, 46 % of the downforce lost 10 m behind
another car and 35 % at 20 m, lie within 2 % of such a straight line with 55 % at no gap.
"""

from __future__ import annotations

from retroracer.compiled import compiled

REACH = 60.0
"""Length of a wake, bumper to bumper [m]."""

SPREAD = 0.03
"""Widening of a wake to each side, per metre behind the car."""


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
    """Strength of the leader's wake at the follower, 0 to 1.

    Args:
        ahead: distance of the centres along the leader's heading [m], positive if it is ahead.
        aside: distance of the centres across it [m] >= 0.
        lengths: sum of the half-lengths of both cars [m].
        widths: sum of the half-widths of both cars [m].
        leader_speed: forward speed of the leader [m/s]; a standing car has no wake.
        speed: forward speed of the follower [m/s].
        size: drag area of the leader over that of the follower; small cars have weak wakes.
    """
    gap = max(ahead - lengths, 0.0)
    if ahead <= 0.0 or gap >= REACH or speed <= 1.0 or leader_speed <= 1.0:
        return 0.0
    width = widths + SPREAD * gap
    if aside >= width:
        return 0.0
    moving = min(leader_speed / speed, 1.0)
    return (1.0 - gap / REACH) * (1.0 - aside / width) * moving * min(size, 1.0)
