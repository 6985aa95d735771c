"""Streaks on the ground that run past a fast car: the grain of the road, drawn out by speed.

Owns them. They are fixed to the world (a hash of its lattice), so that they move as the world does,
and as long as the way the car drives in the time a film is exposed.
"""

from __future__ import annotations

import math

import numpy as np
import pygame

from retroracer.render.camera import Camera
from retroracer.render.ground import hash01
from retroracer.render.palette import Palette, mix

CELL = 6.5
"""Distance of the lattice the grain lies on [m]."""

EXPOSED = 0.1
"""Time a streak is drawn out [s]."""

FROM, FULL = 14.0, 60.0
"""Speeds at which streaks are first seen and at their strongest [m/s]."""

MOST = 260


def draw_streaks(
    surface: pygame.Surface, camera: Camera, palette: Palette, speed: float, heading: float
) -> int:
    """Draw the streaks of a view that moves with a speed [m/s] and heading [rad]; how many."""
    strength = min(max((speed - FROM) / (FULL - FROM), 0.0), 1.0)
    if strength <= 0.0 or camera.pixels_per_metre < 2.0:
        return 0
    corners = camera.corners()
    low = np.floor(corners.min(axis=0) / CELL).astype(np.int64)
    high = np.floor(corners.max(axis=0) / CELL).astype(np.int64) + 1
    i, j = (a.ravel() for a in np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1])))
    chance = hash01(i, j, np.full_like(i, 41))
    share = min(1.0, MOST / max(len(i), 1))
    keep = chance < 0.62 * share
    i, j = i[keep], j[keep]
    at = np.stack(
        [i + hash01(i, j, np.full_like(i, 43)), j + hash01(i, j, np.full_like(i, 47))], axis=1
    )
    px = camera.to_screen(at * CELL)
    angle = camera.angle_on_screen(heading)
    length = speed * EXPOSED * camera.pixels_per_metre
    back = np.array([math.cos(angle), math.sin(angle)]) * length
    w, h = camera.size
    inside = (px > -length).all(axis=1) & (px[:, 0] < w + length) & (px[:, 1] < h + length)
    wide = max(1, round(h / 540))
    light = mix(palette.grass, palette.line, 0.5 * strength)
    line = pygame.draw.line
    for x, y in px[inside].tolist():
        line(surface, light, (x, y), (x - back[0], y - back[1]), wide)
    return int(inside.sum())
