"""The stock car's step and pedals with the same arithmetic in fewer instructions.

Owns: nothing of its own: every operation is the stock one in the stock order on the same double
precision numbers, so that the car's state is the same to the last bit. What differs: the square
root and the signs come from Python's own ``math`` rather than from NumPy's scalars, and a wheel
asks Box2D for its rotation once rather than for two rotated vectors (whose components are the
rotation's cosine and sine themselves).

Source: gymnasium.envs.box2d.car_dynamics, Gymnasium 1.4.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from retroracer.carracing.stock import car_dynamics as stock

ENGINE_POWER = stock.ENGINE_POWER
FRICTION_LIMIT = stock.FRICTION_LIMIT
SIZE = stock.SIZE
WHEEL_MOMENT_OF_INERTIA = stock.WHEEL_MOMENT_OF_INERTIA

_BRAKE_FORCE = 15  # radians per second
_GRASS_LIMIT = FRICTION_LIMIT * 0.6
_SKID_POINTS = 30


class QuickCar(stock.Car):
    """The stock car, its ``step`` and ``gas`` taking a third of the time."""

    @classmethod
    def of(cls, car: stock.Car) -> QuickCar:
        """Turn a stock car into a quick one, in place."""
        car.__class__ = cls
        assert isinstance(car, QuickCar)
        return car

    def gas(self, gas: float) -> None:
        """Open the throttle of the rear wheels, 0 to 1, by at most a tenth at a time."""
        gas = min(max(gas, 0.0), 1.0)
        for w in self.wheels[2:4]:
            diff = gas - w.gas
            if diff > 0.1:
                diff = 0.1
            w.gas += diff

    def step(self, dt: float) -> None:
        """Turn, spin and push every wheel for ``dt`` seconds."""
        for w in self.wheels:
            joint = w.joint
            turn = w.steer - joint.angle
            size = min(50.0 * abs(turn), 3.0)
            joint.motorSpeed = size if turn > 0.0 else -size

            grass = True
            friction_limit = _GRASS_LIMIT
            for tile in w.tiles:
                friction_limit = max(friction_limit, FRICTION_LIMIT * tile.road_friction)
                grass = False

            rotation = w.transform.q
            c, s = rotation.c, rotation.s  # forward is (-s, c), to the side (c, s)
            velocity = w.linearVelocity
            vx, vy = velocity[0], velocity[1]
            vf = -s * vx + c * vy
            vs = c * vx + s * vy

            omega = w.omega
            omega += dt * ENGINE_POWER * w.gas / WHEEL_MOMENT_OF_INERTIA / (abs(omega) + 5.0)
            self.fuel_spent += dt * ENGINE_POWER * w.gas
            if w.brake >= 0.9:
                omega = 0
            elif w.brake > 0:
                val = _BRAKE_FORCE * w.brake
                if abs(val) > abs(omega):
                    val = abs(omega)
                omega += -val if omega > 0.0 else val
            w.phase += omega * dt

            f_force = -vf + omega * w.wheel_rad
            p_force = -vs
            f_force *= 205000 * SIZE * SIZE
            p_force *= 205000 * SIZE * SIZE
            force = sqrt(f_force * f_force + p_force * p_force)
            if force > 2.0 * friction_limit:
                self._skid(w, grass)
            else:
                w.skid_start = None
                w.skid_particle = None
            if force > friction_limit:
                f_force /= force
                p_force /= force
                f_force *= friction_limit
                p_force *= friction_limit
            w.omega = omega - dt * f_force * w.wheel_rad / WHEEL_MOMENT_OF_INERTIA
            w.ApplyForceToCenter((p_force * c + f_force * -s, p_force * s + f_force * c), True)

    def _skid(self, w: Any, grass: bool) -> None:
        """Lengthen, begin or start the wheel's trace."""
        trace = w.skid_particle
        if trace and trace.grass == grass and len(trace.poly) < _SKID_POINTS:
            trace.poly.append((w.position[0], w.position[1]))
        elif w.skid_start is None:
            w.skid_start = w.position
        else:
            begun: Any = self._create_particle(w.skid_start, w.position, grass)  # type: ignore[no-untyped-call]
            w.skid_particle = begun
            w.skid_start = None
