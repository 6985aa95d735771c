"""F5: what a driver with lidar sees: its beams, and the waypoints ahead."""

from __future__ import annotations

import numpy as np
import pygame

from retroracer.envs import lidar
from retroracer.game.overlays.overlay import Overlay, View
from retroracer.laptime.limit import Limit
from retroracer.physics.race import Race
from retroracer.track.geometry import Array


class Beams(Overlay):
    """The observation of ``retroracer/RetroRacer-Lidar-v0``, made for the agent's car."""

    name, key, does = "lidar", "f5", "what lidar would see"

    def draw_road(self, view: View, row: int, limit: Limit | None) -> None:
        """Draw beams up to what they meet, and the waypoints as points."""
        surface, camera, palette = view
        car, points, ends = seen_points(self.session.race, row)
        thick = max(1, round(camera.size[1] / 480))
        start = camera.to_screen(car).tolist()
        for end, free in zip(camera.to_screen(ends[0]).tolist(), ends[1], strict=True):
            pygame.draw.line(surface, palette.text_dim, start, end, thick)
            if not free:
                pygame.draw.circle(surface, palette.accent, end, 2 * thick)
        for point in camera.to_screen(points).tolist():
            pygame.draw.circle(surface, palette.good, point, 3 * thick)


def seen_points(race: Race, row: int) -> tuple[Array, Array, tuple[Array, list[bool]]]:
    """What lidar sees of a car's surroundings, in the world.

    Returns:
        Its position (2,), the waypoints (15, 2), and the ends of the beams (40, 2), with which of
        them met nothing [m].
    """
    seen = np.zeros((race.n, lidar.N_LIDAR), np.float32)
    recent = np.zeros((race.n, lidar.N_RECENT, 2))
    lidar.lidar_rows(race.cars, recent, race.bank, np.array([row]), race.n, seen)
    raw = seen[row] / np.array(lidar.SCALING)
    heading = float(race.heading[row])
    forward = np.array([np.cos(heading), np.sin(heading)])
    left = np.array([-forward[1], forward[0]])
    car = np.array([float(race.x[row]), float(race.y[row])])
    ways = raw[lidar.WAYPOINTS : lidar.BEAMS].reshape(-1, 2)
    points = car + ways[:, :1] * forward + ways[:, 1:] * left
    far = raw[lidar.BEAMS : lidar.RECENT]
    angles = lidar.FIRST_BEAM + lidar.BEAM_STEP * np.arange(lidar.N_BEAMS)
    ends = car + far[:, None] * (np.cos(angles)[:, None] * forward + np.sin(angles)[:, None] * left)
    return car, points, (ends, (far >= lidar.RANGE - 0.01).tolist())
