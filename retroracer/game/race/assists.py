"""Driving assists: stability control and ABS, which change a person's inputs on request.

Owns: stability and ABS as functions of the car's state. They change inputs only, never the
car: an assisted lap could be driven by hand, and says on its result that it was not.
"""

from __future__ import annotations

import math

from retroracer.game.settings import Assists
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.dynamics import cornering_grip, steer_lock

SENSED = (state.VX, state.VY, state.YAW_RATE, state.GRIP)
"""What assists read of a car, in the order ``assisted`` takes it."""

SLIDE = 0.045
"""Slip of the body beyond what the corner needs that calls for help [rad] (2.6 degrees)."""

SLOW = 8.0
"""No help below this speed [m/s]: there slides are turns on the spot."""


def assisted(
    steer: float,
    throttle: float,
    assists: Assists,
    car: Car,
    vx: float,
    vy: float,
    yaw_rate: float,
    grip: float,
) -> tuple[float, float]:
    """Inputs after the assists.

    Steer and throttle are asked for, in [-1, 1], left and drive positive. The car moves forward at
    ``vx`` and sideways at ``vy`` [m/s], left positive, and turns at ``yaw_rate`` [rad/s],
    counter-clockwise positive; ``grip`` is the factor of the surface under it.
    """
    if vx < SLOW:
        return steer, throttle
    row = car.row()
    most = cornering_grip(vx * vx, grip, row)
    # The cornering now or what the wheel asks for, the larger: brakes act before the car turns.
    asked = abs(steer) * steer_lock(vx, row) * vx * vx / (car.l_front + car.l_rear)
    used = min(max(abs(vx * yaw_rate), asked) / most, 1.0)
    # How far the rear axle slides beyond the slip at which it has most of its grip.
    rear = math.atan2(vy - car.l_rear * yaw_rate, vx)
    slide = abs(rear) - 1.6 * car.mu / car.stiffness_rear
    sliding = min(max(slide / SLIDE, 0.0), 1.0)
    if throttle < 0.0 and (assists.abs or assists.stability):
        throttle *= 1.0 - 0.9 * sliding
    if assists.abs and throttle < 0.0:
        # The friction circle: grip used for cornering is not there for braking.
        left = math.sqrt(max(1.0 - used * used, 0.06))
        brakes = car.brake_force / (car.mass * most)
        throttle = max(throttle, -left / max(brakes, 1.0))
    if assists.stability:
        # The rear slides: steer towards where the car is moving.
        steer += sliding * (math.copysign(1.0, rear) - steer) * 0.8
        if throttle > 0.0:
            turning = min(abs(vx * yaw_rate) / most, 1.0)
            room = math.sqrt(max(1.0 - turning * turning, 0.04))
            drive = min(car.drive_force, car.power / vx) / (car.mass * most)
            throttle = min(throttle * (1.0 - 0.9 * sliding), max(room / drive, 0.15))
    return min(max(steer, -1.0), 1.0), min(max(throttle, -1.0), 1.0)
