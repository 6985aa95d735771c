"""The equations of motion of a car; everything that drives uses these.

A dynamic single-track (bicycle) model in body coordinates: x forward, y left, yaw
counter-clockwise. Compiled without fast-math, so that a car's motion is the same to the last
bit alone or among thousands. The functions are for one car and have no branches; inlined into
the kernel's loop over a block of cars they become vector instructions.

Sources: single-track equations, R. Rajamani, Vehicle Dynamics and Control, 2nd ed., ch. 2;
brush tyre with a parabolic pressure distribution (Fiala), H. Pacejka, Tyre and Vehicle
Dynamics, 3rd ed., ch. 3; grip shared between drive, brakes and cornering by the friction
circle, lateral limit sqrt((mu Fz)^2 - Fx^2).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from retroracer.compiled import compiled
from retroracer.physics import car

STANDSTILL = 0.5
"""Speed [m/s] below which the brake force fades out and reverse gear fades in."""


_HALF_PI_HIGH = 1.5707963267341256
_HALF_PI_LOW = 6.077100506506192e-11


@compiled(inline=True)
def cos_sin(angle: float) -> tuple[float, float]:
    """Cosine and sine of an angle [rad] by Taylor's series about the nearest quarter turn.

    It takes a third of the time of the C library's functions, and uses only operations that round
    alike on every machine, so that a recorded lap runs the same everywhere.

    Accuracy: 3e-16 for angles below 1e4 rad.
    """
    quarter = math.floor(angle * (2.0 / math.pi) + 0.5)
    r = (angle - quarter * _HALF_PI_HIGH) - quarter * _HALF_PI_LOW
    q = r * r
    s = -1.0 / 1307674368000.0
    s = s * q + 1.0 / 6227020800.0
    s = s * q - 1.0 / 39916800.0
    s = s * q + 1.0 / 362880.0
    s = s * q - 1.0 / 5040.0
    s = s * q + 1.0 / 120.0
    s = s * q - 1.0 / 6.0
    s = s * q * r + r
    c = 1.0 / 20922789888000.0
    c = c * q - 1.0 / 87178291200.0
    c = c * q + 1.0 / 479001600.0
    c = c * q - 1.0 / 3628800.0
    c = c * q + 1.0 / 40320.0
    c = c * q - 1.0 / 720.0
    c = c * q + 1.0 / 24.0
    c = c * q - 0.5
    c = c * q + 1.0
    turn = quarter - 4.0 * math.floor(0.25 * quarter)
    odd = turn == 1.0 or turn == 3.0
    cos = s if odd else c
    sin = c if odd else s
    return (-cos if turn == 1.0 or turn == 2.0 else cos), (-sin if turn >= 2.0 else sin)


@compiled(inline=True)
def lateral_force(across: float, along: float, stiffness: float, limit: float) -> float:
    """Sideways force [N] of an axle's tyres (brush model), opposing the slip.

    Args:
        across: sideways speed of the axle over the ground [m/s], left positive.
        along: reference speed of the slip [m/s] > 0; the slip is across / along.
        stiffness: cornering stiffness [N/rad].
        limit: grip left for cornering [N] > 0.
    """
    z = stiffness * across / (along * limit)
    z = min(max(z, -3.0), 3.0)
    a = abs(z)
    return -limit * z * (1.0 - a * (1.0 / 3.0) + a * a * (1.0 / 27.0))


@compiled(inline=True)
def longitudinal_demand(vx: float, throttle: float, p: tuple[float, ...]) -> tuple[float, float]:
    """Forces [N] that the pedals ask for at the axles: (front, rear), forward positive.

    Throttle above 0 drives; below 0 it brakes while the car rolls forward, and drives in reverse
    gear once it stands.
    """
    drive = max(throttle, 0.0) * min(p[car.DRIVE_FORCE], p[car.POWER] / max(vx, 1.0))
    pedal = min(throttle, 0.0)
    rolling = min(max(vx * (1.0 / STANDSTILL), 0.0), 1.0)
    brake = pedal * p[car.BRAKE_FORCE] * rolling
    back = pedal * p[car.REVERSE_FORCE] * (1.0 - rolling) * max(0.0, 1.0 + vx * p[car.PER_REVERSE])
    front = drive * p[car.DRIVE_FRONT] + brake * p[car.BRAKE_FRONT]
    rear = drive * (1.0 - p[car.DRIVE_FRONT]) + brake * (1.0 - p[car.BRAKE_FRONT]) + back
    return front, rear


@compiled(inline=True)
def acceleration(
    vx: float,
    vy: float,
    yaw_rate: float,
    cos_steer: float,
    sin_steer: float,
    throttle: float,
    p: tuple[float, ...],
    grip: float,
    drag: float,
) -> tuple[float, float, float]:
    """Time derivatives of (vx, vy, yaw_rate) [m/s^2, m/s^2, rad/s^2].

    Args:
        vx: forward speed [m/s].
        vy: sideways speed [m/s], left positive.
        yaw_rate: [rad/s].
        cos_steer: cosine of the angle of the front wheels.
        sin_steer: sine of it, left positive.
        throttle: pedals, in [-1, 1].
        p: a car's parameter row, an array or a tuple.
        grip: factor of the surface on the friction coefficient.
        drag: extra deceleration by the surface at this speed [m/s^2].
    """
    mass = p[car.MASS]
    mu = p[car.MU] * grip
    v2 = vx * vx + vy * vy
    weight = mass * car.GRAVITY
    load_front = weight * p[car.LOAD_FRONT] + p[car.LIFT_FRONT] * v2
    load_rear = weight * (1.0 - p[car.LOAD_FRONT]) + p[car.LIFT_REAR] * v2
    fx_front, fx_rear = longitudinal_demand(vx, throttle, p)

    # Load is transferred by the acceleration the pedals ask for, at most by what grip allows.
    most = mu * (load_front + load_rear)
    shift = min(max(fx_front + fx_rear, -most), most) * p[car.TRANSFER]
    load_front = max(load_front - shift, 0.02 * weight)
    load_rear = max(load_rear + shift, 0.02 * weight)

    grip_front = mu * load_front
    grip_rear = mu * load_rear
    cap = p[car.LONG_USE] * grip_front
    fx_front = min(max(fx_front, -cap), cap)
    cap = p[car.LONG_USE] * grip_rear
    fx_rear = min(max(fx_rear, -cap), cap)
    limit_front = math.sqrt(grip_front * grip_front - fx_front * fx_front)
    limit_rear = math.sqrt(grip_rear * grip_rear - fx_rear * fx_rear)

    side = vy + p[car.L_FRONT] * yaw_rate
    along = vx * cos_steer + side * sin_steer
    across = side * cos_steer - vx * sin_steer
    behind = vy - p[car.L_REAR] * yaw_rate
    slow = p[car.SLOW]
    fy_front = lateral_force(
        across, max(abs(along), slow), p[car.STIFF_FRONT] * load_front, limit_front
    )
    fy_rear = lateral_force(behind, max(abs(vx), slow), p[car.STIFF_REAR] * load_rear, limit_rear)

    front_x = fx_front * cos_steer - fy_front * sin_steer
    front_y = fx_front * sin_steer + fy_front * cos_steer
    speed = math.sqrt(v2)
    share = p[car.PER_MASS]
    resist = p[car.DRAG] * speed * share + (p[car.ROLLING] + drag) / max(speed, STANDSTILL)
    ax = (front_x + fx_rear) * share - resist * vx + vy * yaw_rate
    ay = (front_y + fy_rear) * share - resist * vy - vx * yaw_rate
    ar = (p[car.L_FRONT] * front_y - p[car.L_REAR] * fy_rear) * p[car.PER_INERTIA]
    return ax, ay, ar


def steer_lock(vx: Any, p: Any) -> Any:
    """Largest angle of the front wheels [rad] at this speed; it shrinks with speed.

    Args:
        vx: forward speed [m/s], of one car or (N,).
        p: the car's parameter row; for N cars the columns, ``params.T``.
    """
    q = vx * p[car.PER_STEER_SPEED]
    return p[car.STEER_FAST] + (p[car.STEER_LOCK] - p[car.STEER_FAST]) / (1.0 + q * q)


def cornering_grip(square: Any, grip: Any, p: Any) -> Any:
    """Largest acceleration [m/s^2] that the tyres can give the car, downforce included.

    Args:
        square: square of the speed [m^2/s^2], of one car or (N,).
        grip: factor of the surface on the friction coefficient.
        p: as in ``steer_lock``.
    """
    lift = (p[car.LIFT_FRONT] + p[car.LIFT_REAR]) * p[car.PER_MASS] * square
    return p[car.MU] * grip * (car.GRAVITY + lift)


_steer_lock = compiled(inline=True)(steer_lock)


class Motion(NamedTuple):
    """How a car moves: position, velocities, and the rates of change of the velocities.

    Attributes:
        x: position [m].
        y: position [m].
        heading: [rad].
        vx: forward speed [m/s].
        vy: sideways speed [m/s], left positive.
        yaw_rate: [rad/s].
        steer_angle: of the front wheels [rad].
        ax: derivative of ``vx`` in the last step [m/s^2].
        ay: of ``vy`` [m/s^2].
        ar: of ``yaw_rate`` [rad/s^2].
    """

    x: float
    y: float
    heading: float
    vx: float
    vy: float
    yaw_rate: float
    steer_angle: float
    ax: float
    ay: float
    ar: float


@compiled(inline=True)
def integrate(
    m: Motion,
    steer: float,
    throttle: float,
    p: tuple[float, ...],
    grip: float,
    drag: float,
    dt: float,
) -> Motion:
    """Advance one car by one physics step.

    The velocities advance by a two-step rule: tyres and pedals are evaluated once, at the middle
    of the step, which is predicted from the last step's accelerations (for linear motion this is
    Adams-Bashforth 2). It is of second order like the midpoint rule, at half its cost, and stable
    for damping up to 1 / dt.

    ``m`` is the motion before the step, ``steer`` the action in [-1, 1], left positive, ``dt`` the
    step [s]; the other arguments are those of ``acceleration``.
    """
    most = p[car.STEER_RATE] * dt
    # The lock at the predicted speed at the end of the step, or the wheels would lag behind.
    lock = _steer_lock(m.vx + dt * m.ax, p)
    turn = min(max(steer * lock - m.steer_angle, -most), most)
    c, s = cos_sin(m.steer_angle + 0.5 * turn)
    h = 0.5 * dt
    mx = m.vx + h * m.ax
    my = m.vy + h * m.ay
    mr = m.yaw_rate + h * m.ar
    ax, ay, ar = acceleration(mx, my, mr, c, s, throttle, p, grip, drag)
    c, s = cos_sin(m.heading + h * m.yaw_rate)
    return Motion(
        m.x + dt * (mx * c - my * s),
        m.y + dt * (mx * s + my * c),
        m.heading + dt * mr,
        m.vx + dt * ax,
        m.vy + dt * ay,
        m.yaw_rate + dt * ar,
        m.steer_angle + turn,
        ax,
        ay,
        ar,
    )
