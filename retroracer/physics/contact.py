"""Contact between the cars of a race: impulses on rigid boxes, friction, and fault.

All contacts of a physics step are solved from the same velocities, so that the order of the cars
does not matter. A car in n contacts counts as n cars of 1/n of its mass, each in one contact,
whose velocities are then averaged. Neither a single contact nor the averaging can add energy, so a
pile-up never gains any; momentum is conserved. This is repeated PASSES times, because one pass
solves a chain of contacts only in part.

Sources: impulse with restitution and Coulomb friction, B. Mirtich, Impulse-based Dynamic
Simulation, 1996; mass splitting, R. Tonge and others, Mass Splitting for Jitter-Free Parallel
Rigid Body Simulation, SIGGRAPH 2012.
"""

from __future__ import annotations

import math
from typing import Any

from retroracer.compiled import compiled
from retroracer.physics.boxes import BODY_WIDE, BODY_X, BODY_Y, overlap_axis, overlap_centre
from retroracer.physics.company import MOST_CARS
from retroracer.track.geometry import Array

# Columns of a body, after those of ``boxes``: velocity in the world, yaw rate, inverse mass and
# inertia, distance of its corners from its centre, direction of the track there, station.
(
    BODY_VX,
    BODY_VY,
    BODY_SPIN,
    PER_MASS,
    PER_INERTIA,
    BODY_REACH,
    TRACK_X,
    TRACK_Y,
    STATION,
    CLOCK,  # time since its start
    MEETS,  # number of contacts in this step
    SHIFT_X,  # displacement that moves it out of other bodies
    SHIFT_Y,
    KICK_X,  # change of its velocities in a pass
    KICK_Y,
    KICK_SPIN,
    N_BODY,
) = range(BODY_WIDE + 1, BODY_WIDE + 18)

# Columns of a contact: the two bodies, the unit vector from the first to the second, depth,
# position, closing speed.
FIRST, SECOND, NORMAL_X, NORMAL_Y, DEPTH, AT_X, AT_Y, CLOSING, N_CONTACT = range(9)

MOST_CONTACTS = MOST_CARS * (MOST_CARS - 1) // 2

RESTITUTION = 0.2
"""Coefficient of restitution; cars in crash tests have 0.1 to 0.3."""

SOFT = 1.0
"""Closing speed [m/s] up to which restitution is 0, so that cars leaning on each other rest."""

FRICTION = 0.3
"""Friction coefficient between two cars, as along a wall."""

PASSES = 8
"""Passes over all contacts of a physics step."""

SLOP = 0.005
"""Overlap of two cars [m] that is not corrected."""

CORRECTION = 0.5
"""Fraction of the overlap beyond SLOP that is corrected in a physics step."""

FASTEST_SPIN = 15.0
"""Largest yaw rate [rad/s] that a contact can leave a car with."""

SAME_ROAD = 100.0
"""Cars further apart along the track than this [m] do not meet, because the track may cross itself
at a bridge."""


@compiled(inline=True)
def along_apart(a: float, b: float, length: float) -> float:
    """Distance of two stations along a closed track, the shorter way round [m]."""
    d = abs(a - b)
    return min(d, length - d)


@compiled()
def find_contacts(
    bodies: Array, n: int, length: float, contacts: Array, corners: Array, dt: float
) -> int:
    """List the contacts of ``n`` bodies, and count those of each body.

    Args:
        bodies: (>= n, N_BODY); a body with PER_MASS 0 is ignored.
        n: number of bodies.
        length: of the track [m].
        contacts: (MOST_CONTACTS, N_CONTACT), overwritten.
        corners: scratch memory of ``overlap_centre``.
        dt: physics step [s].

    Returns:
        The number of contacts.
    """
    found = 0
    for i in range(n):
        bodies[i, MEETS] = bodies[i, SHIFT_X] = bodies[i, SHIFT_Y] = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            dx = bodies[j, BODY_X] - bodies[i, BODY_X]
            dy = bodies[j, BODY_Y] - bodies[i, BODY_Y]
            reach = bodies[i, BODY_REACH] + bodies[j, BODY_REACH]
            if dx * dx + dy * dy >= reach * reach:
                continue
            a, b = bodies[i], bodies[j]
            if a[PER_MASS] == 0.0 or b[PER_MASS] == 0.0:
                continue
            if along_apart(a[STATION], b[STATION], length) > SAME_ROAD:
                continue
            vx, vy = a[BODY_VX] - b[BODY_VX], a[BODY_VY] - b[BODY_VY]
            meet, nx, ny, depth = overlap_axis(a, b, vx, vy, dt)
            if not meet:
                continue
            x, y = overlap_centre(a, b, corners)
            k = contacts[found]
            k[FIRST], k[SECOND] = i, j
            k[NORMAL_X], k[NORMAL_Y], k[DEPTH], k[AT_X], k[AT_Y] = nx, ny, depth, x, y
            k[CLOSING] = closing_speed(a, b, k)
            a[MEETS] += 1.0
            b[MEETS] += 1.0
            found += 1
    return found


@compiled(inline=True)
def closing_speed(a: Array, b: Array, k: Array) -> float:
    """Speed at which two bodies approach each other at their contact ``k`` [m/s]."""
    ax, ay = k[AT_X] - a[BODY_X], k[AT_Y] - a[BODY_Y]
    bx, by = k[AT_X] - b[BODY_X], k[AT_Y] - b[BODY_Y]
    vx = a[BODY_VX] - a[BODY_SPIN] * ay - b[BODY_VX] + b[BODY_SPIN] * by
    vy = a[BODY_VY] + a[BODY_SPIN] * ax - b[BODY_VY] - b[BODY_SPIN] * bx
    return float(vx * k[NORMAL_X] + vy * k[NORMAL_Y])


@compiled(inline=True)
def strike(a: Array, b: Array, k: Array, restitution: float) -> None:
    """Add the effect of contact ``k`` to the kicks of two bodies: normal impulse, then friction.

    Friction is computed from the velocities after the normal impulse and never reverses them, so
    that neither of the two steps can add energy.
    """
    nx, ny = k[NORMAL_X], k[NORMAL_Y]
    ax, ay = k[AT_X] - a[BODY_X], k[AT_Y] - a[BODY_Y]
    bx, by = k[AT_X] - b[BODY_X], k[AT_Y] - b[BODY_Y]
    closing = closing_speed(a, b, k)
    if closing <= 0.0:
        return
    # Each body is split into as many parts as it has contacts.
    light = a[MEETS] * a[PER_MASS] + b[MEETS] * b[PER_MASS]
    turn_a, turn_b = a[MEETS] * a[PER_INERTIA], b[MEETS] * b[PER_INERTIA]
    arm_a, arm_b = ax * ny - ay * nx, bx * ny - by * nx
    lever_a, lever_b = ax * nx + ay * ny, bx * nx + by * ny
    push = (1.0 + restitution) * closing
    push /= light + turn_a * arm_a * arm_a + turn_b * arm_b * arm_b
    # The tangent is the normal turned left: its arms are the levers.
    vx = a[BODY_VX] - a[BODY_SPIN] * ay - b[BODY_VX] + b[BODY_SPIN] * by
    vy = a[BODY_VY] + a[BODY_SPIN] * ax - b[BODY_VY] - b[BODY_SPIN] * bx
    slide = vy * nx - vx * ny - push * (turn_a * arm_a * lever_a + turn_b * arm_b * lever_b)
    rub = slide / (light + turn_a * lever_a * lever_a + turn_b * lever_b * lever_b)
    rub = min(max(rub, -FRICTION * push), FRICTION * push)
    jx, jy = push * nx - rub * ny, push * ny + rub * nx
    a[KICK_X] -= jx * a[PER_MASS]
    a[KICK_Y] -= jy * a[PER_MASS]
    a[KICK_SPIN] -= (ax * jy - ay * jx) * a[PER_INERTIA]
    b[KICK_X] += jx * b[PER_MASS]
    b[KICK_Y] += jy * b[PER_MASS]
    b[KICK_SPIN] += (bx * jy - by * jx) * b[PER_INERTIA]


@compiled()
def solve(bodies: Array, n: int, contacts: Array, found: int) -> None:
    """Change the velocities of bodies in contact, and compute the shifts that move them apart.

    Arguments as in ``find_contacts``, which ``found`` so many contacts.
    """
    for turn in range(PASSES):
        for i in range(n):
            bodies[i, KICK_X] = bodies[i, KICK_Y] = bodies[i, KICK_SPIN] = 0.0
        for m in range(found):
            k = contacts[m]
            a, b = bodies[int(k[FIRST])], bodies[int(k[SECOND])]
            bounces = turn == 0 and k[CLOSING] > SOFT
            strike(a, b, k, RESTITUTION if bounces else 0.0)
        for i in range(n):
            body = bodies[i]
            body[BODY_VX] += body[KICK_X]
            body[BODY_VY] += body[KICK_Y]
            body[BODY_SPIN] += body[KICK_SPIN]
    for i in range(n):
        if bodies[i, MEETS] > 0.0:
            spin = bodies[i, BODY_SPIN]
            bodies[i, BODY_SPIN] = min(max(spin, -FASTEST_SPIN), FASTEST_SPIN)
    for m in range(found):
        k = contacts[m]
        a, b = bodies[int(k[FIRST])], bodies[int(k[SECOND])]
        move = CORRECTION * max(k[DEPTH] - SLOP, 0.0) / (a[PER_MASS] + b[PER_MASS])
        away = move * a[PER_MASS] / a[MEETS]
        a[SHIFT_X] -= away * k[NORMAL_X]
        a[SHIFT_Y] -= away * k[NORMAL_Y]
        away = move * b[PER_MASS] / b[MEETS]
        b[SHIFT_X] += away * k[NORMAL_X]
        b[SHIFT_Y] += away * k[NORMAL_Y]


@compiled(inline=True)
def toward(body: Array, nx: float, ny: float) -> Any:
    """Speed of a body towards the direction (nx, ny) [m/s], 0 or more.

    If that direction is ahead or behind, the speed along the track counts; if it is beside, the
    speed across the track. So two cars side by side in a bend do not count as driving into each
    other; only one that leaves its lane does.
    """
    tx, ty = body[TRACK_X], body[TRACK_Y]
    ahead, left = nx * tx + ny * ty, ny * tx - nx * ty
    if abs(ahead) >= abs(left):
        speed = body[BODY_VX] * tx + body[BODY_VY] * ty
        return max(speed if ahead > 0.0 else -speed, 0.0)
    speed = body[BODY_VY] * tx - body[BODY_VX] * ty
    return max(speed if left > 0.0 else -speed, 0.0)


@compiled(inline=True)
def fault(a: Array, b: Array, k: Array) -> Any:
    """The first body's share of the fault for contact ``k``; the second has the rest.

    It is proportional to the speed with which each moved into the other. A car that runs into the
    back of a car that still moves forward has all of it, even if the car in front brakes; two that
    swerve into each other have half each.
    """
    mine = toward(a, k[NORMAL_X], k[NORMAL_Y])
    yours = toward(b, -k[NORMAL_X], -k[NORMAL_Y])
    both = mine + yours
    return mine / both if both > 1e-6 else 0.5


@compiled(inline=True)
def reach_of(half_length: float, half_width: float) -> float:
    """Distance of a box's corners from its middle [m]."""
    return math.sqrt(half_length * half_length + half_width * half_width)
