"""A driver that knows the track, for tests that need laps, kerbs, grass and skids."""

from __future__ import annotations

import math

import numpy as np


def chase(env, k, rng):
    """Steer for a point ahead, unsteadily, now fast, now braking: actions of three numbers."""
    car = env.unwrapped.car
    x, y = car.hull.position
    nodes = np.array(env.unwrapped.track)[:, 2:4]
    near = ((nodes - [x, y]) ** 2).sum(1).argmin()
    tx, ty = nodes[(near + 5) % len(nodes)]
    error = (math.atan2(-(tx - x), ty - y) - car.hull.angle + math.pi) % (2.0 * math.pi) - math.pi
    steer = -1.5 * error + 0.5 * math.sin(k / 37.0) + 0.2 * rng.normal()
    slow = math.hypot(*car.hull.linearVelocity) < (55.0 if (k // 200) % 2 else 40.0)
    return np.array([np.clip(steer, -1.0, 1.0), 0.8 * slow, 0.6 * (k % 250 > 230)], np.float32)


def state(env):
    """Everything that moves, as numbers that must agree to the last bit."""
    e = env.unwrapped
    out = [e.t, e.reward, e.prev_reward, e.tile_visited_count, e.car.fuel_spent]
    for body in (e.car.hull, *e.car.wheels):
        out += [*body.position, body.angle, *body.linearVelocity, body.angularVelocity]
    for w in e.car.wheels:
        out += [w.omega, w.phase, w.gas, w.brake, w.steer, w.joint.angle, len(w.tiles)]
    out += [len(p.poly) for p in e.car.particles]
    return np.array(out, np.float64)
