"""A fingerprint of the physics: a lap driven before is worth comparing only if it is the same.

Owns one short reference drive over asphalt, kerb, grass, gravel and into a wall. Any change of what
cars do changes its bits; comments and names do not.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

from retroracer.physics.car import Car
from retroracer.physics.race import Race
from retroracer.track.surface import GRAVEL, SURFACES
from retroracer.track.track import even_track

STEPS = 700

_CAR = Car(
    name="reference", title="Reference", length=4.6, width=2.0, mass=1300.0, yaw_inertia=1750.0,
    l_front=1.35, l_rear=1.25, cg_height=0.42, mu=1.45, stiffness_front=27.0,
    stiffness_rear=31.0, longitudinal_use=0.95, power=375000.0, drive_force=11000.0,
    drive_front=0.0, brake_force=19500.0, brake_front=0.64, reverse_force=3500.0,
    reverse_speed=6.0, drag_area=1.15, lift_area=1.9, aero_front=0.45, rolling=0.015,
    steer_lock=0.5, steer_lock_fast=0.13, steer_speed=12.0, steer_rate=1.6,
)  # fmt: skip


@cache
def physics_print() -> str:
    """The fingerprint: twelve hexadecimal digits."""
    n = 240
    angle = 2.0 * np.pi * np.arange(n) / n
    radius = 90.0
    track = even_track(
        "reference",
        radius * np.stack([np.cos(angle), np.sin(angle)], axis=1),
        np.full(n, 6.0),
        np.full(n, 6.0),
        heading=angle + np.pi / 2.0,
        kerb_left=np.full(n, 1.0),
        kerb_right=np.full(n, 1.0),
        runoff_left=np.full(n, SURFACES.index(GRAVEL)),
        wall_right=np.full(n, 16.0),
    )
    race = Race([track], [_CAR, _CAR, _CAR])
    h = hashlib.sha256()
    for step in range(STEPS):
        # One car turns in and slides, one runs wide over the grass to the wall, one cuts through
        # the gravel inside.
        wave = (step % 50) / 50.0
        slides = [0.25 + 0.5 * (wave > 0.5), 1.0 - 1.5 * (wave > 0.8)]
        race.advance(np.array([slides, [0.05, 0.8], [0.4, 1.0]]), 1)
        if step % 50 == 49:
            h.update(race.floats.tobytes())
    return h.hexdigest()[:12]
