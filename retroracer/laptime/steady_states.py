"""Steady cornering states of the car in ``physics.dynamics``.

Owns their solution, for many pedals and cornering efforts at once. Tests put every state back into
the equations of motion. SI units, left turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retroracer.physics import car as c
from retroracer.physics.car import Car
from retroracer.track.geometry import Array

_ROUNDS = 40  # of the fixed-point iteration; its error shrinks at least fivefold in each


@dataclass(frozen=True)
class SteadyStates:
    """Steady states, arrays of one shape.

    Attributes:
        vx: forward speed [m/s].
        vy: sideways speed [m/s], left positive.
        yaw_rate: [rad/s].
        steer_angle: steer angle of the front wheels [rad].
        normal: acceleration towards the centre of the turn [m/s^2].
        tangential: acceleration along the path [m/s^2].
    """

    vx: Array
    vy: Array
    yaw_rate: Array
    steer_angle: Array
    normal: Array
    tangential: Array


def steady_states(
    car: Car, speed: Array, pedal: Array, effort: Array, grip: float = 1.0, drag: float = 0.0
) -> SteadyStates:
    """Left-hand turns with a constant yaw rate.

    Args:
        car: the car.
        speed: speed of its centre of gravity [m/s] > 0; broadcast with the next two.
        pedal: throttle in [-1, 1], negative brakes.
        effort: fraction in [0, 1] of the cornering force that the limiting axle can produce in
            addition to its drive or brake force.
        grip: factor of the surface on the friction coefficient.
        drag: extra deceleration by the surface [m/s^2].

    Accuracy: the accelerations agree with ``dynamics.acceleration`` to 1e-6 m/s^2.
    """
    p = car.row()
    speed, pedal, effort = np.broadcast_arrays(speed, pedal, effort)
    mu = p[c.MU] * grip
    weight = car.mass * c.GRAVITY
    base_front = weight * p[c.LOAD_FRONT] + p[c.LIFT_FRONT] * speed**2
    base_rear = weight * (1.0 - p[c.LOAD_FRONT]) + p[c.LIFT_REAR] * speed**2
    most = mu * (base_front + base_rear)
    brake = np.minimum(pedal, 0.0) * car.brake_force
    resist = p[c.DRAG] / car.mass * speed**2 + p[c.ROLLING] + drag
    vx, vy = speed.astype(float), np.zeros(speed.shape)
    steer = np.zeros(speed.shape)
    normal = np.zeros(speed.shape)
    force_x = np.zeros(speed.shape)
    force_y = np.zeros(speed.shape)
    for _ in range(_ROUNDS):
        drive = np.maximum(pedal, 0.0) * np.minimum(car.drive_force, car.power / vx)
        front_x = drive * car.drive_front + brake * car.brake_front
        rear_x = drive * (1.0 - car.drive_front) + brake * (1.0 - car.brake_front)
        shift = np.clip(front_x + rear_x, -most, most) * p[c.TRANSFER]
        load_front = np.maximum(base_front - shift, 0.02 * weight)
        load_rear = np.maximum(base_rear + shift, 0.02 * weight)
        cap = car.longitudinal_use * mu
        front_x = np.clip(front_x, -cap * load_front, cap * load_front)
        rear_x = np.clip(rear_x, -cap * load_rear, cap * load_rear)
        limit_front = np.sqrt((mu * load_front) ** 2 - front_x**2)
        limit_rear = np.sqrt((mu * load_rear) ** 2 - rear_x**2)

        # Lateral force of the rear axle, at most what the front can balance in yaw.
        cos, sin = np.cos(steer), np.sin(steer)
        balance = car.l_front / car.l_rear
        front_most = balance * (front_x * sin + limit_front * cos)
        rear_y = effort * np.clip(front_most, 0.0, limit_rear)
        front_y = np.clip((rear_y / balance - front_x * sin) / cos, -limit_front, limit_front)

        yaw_rate = normal / speed
        slip_rear = _slip(rear_y / limit_rear) * limit_rear / (car.stiffness_rear * load_rear)
        vy = car.l_rear * yaw_rate - slip_rear * np.maximum(vx, p[c.SLOW])
        vy = np.clip(vy, -0.9 * speed, 0.9 * speed)
        vx = np.sqrt(speed**2 - vy**2)
        slip_front = _slip(front_y / limit_front) * limit_front
        slip_front /= car.stiffness_front * load_front
        steer = _steer_for(slip_front, vx, vy + car.l_front * yaw_rate, p[c.SLOW])

        cos, sin = np.cos(steer), np.sin(steer)
        force_x = front_x * cos - front_y * sin + rear_x
        force_y = front_x * sin + front_y * cos + rear_y
        normal = (force_y * vx - force_x * vy) / (speed * car.mass)
    tangential = (force_x * vx + force_y * vy) / (speed * car.mass) - resist
    return SteadyStates(vx, vy, normal / speed, steer, normal, tangential)


def _slip(share: Array) -> Array:
    """Normalised slip of the brush tyre at a share of its limit: inverts 1 - (1 - z/3)^3."""
    left = 1.0 - np.minimum(np.abs(share), 1.0)
    return np.asarray(np.sign(share) * 3.0 * (1.0 - np.cbrt(left)))


def _steer_for(slip: Array, along: Array, across: Array, slow: float) -> Array:
    """Angle of the wheels [rad] that gives an axle moving (along, across) [m/s] its slip."""
    speed = np.hypot(along, across)
    fast = np.arctan(slip)
    # Below the speed ``slow`` slip is computed with it: across_wheel = -slip * slow.
    crawling = np.arcsin(np.clip(slip * slow / speed, -1.0, 1.0))
    angle = np.where(speed * np.cos(fast) >= slow, fast, crawling)
    return np.asarray(np.arctan2(across, along) + np.clip(angle, -1.2, 1.2))
