"""What a road passes that tells speed and place: braking boards and marshals' posts.

Owns where they stand and how they look. Where a driver brakes is estimated from the
road alone, for a car of the default kind; it is a decoration, the limit knows better.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pygame

from retroracer.render.camera import Camera
from retroracer.render.ground import distance_to
from retroracer.render.palette import Colour, Palette, shade
from retroracer.render.pieces import SMOOTH, PieceList, Pieces
from retroracer.render.pixel_font import label
from retroracer.track.geometry import Array
from retroracer.track.track import Track

BOARDS = (150, 100, 50)
"""Distances before a braking point at which boards stand [m]."""

ASIDE = 3.5
"""From the road's edge to a board [m]."""

POSTS_EVERY = 230.0
"""Distance between marshals' posts along the road [m]."""

_GRIP, _BRAKES, _DRIVE, _TOP = 14.0, 13.0, 5.0, 78.0
_FROM, _SLOWER = 40.0, 14.0


def braking_points(track: Track) -> Array:
    """Stations [m] where a car of the default kind begins to brake hard for a corner."""
    n, step = track.n, track.spacing
    v = np.minimum(np.sqrt(_GRIP / np.maximum(np.abs(track.curvature), 1e-5)), _TOP)
    for _ in range(2):  # twice round, so that the line is nothing special
        for i in range(n):
            v[i] = min(v[i], np.sqrt(v[i - 1] ** 2 + 2.0 * _DRIVE * step))
        for i in range(n - 1, -1, -1):
            v[i] = min(v[i], np.sqrt(v[(i + 1) % n] ** 2 + 2.0 * _BRAKES * step))
    slower = np.roll(v, -1) < v - 0.4 * _BRAKES * step / np.maximum(v, 1.0)
    begins = np.flatnonzero(slower & ~np.roll(slower, 1))
    found = []
    for i in begins.tolist():
        j = i
        while slower[j % n] and j < i + n:
            j += 1
        if v[i] > _FROM and v[i] - v[j % n] > _SLOWER:
            found.append(i * step)
    return np.array(found)


class Roadside:
    """Boards before braking points, and marshals' posts.

    Args:
        track: they stand along.
        palette: of its theme.
    """

    def __init__(self, track: Track, palette: Palette) -> None:
        self._palette = palette
        points = braking_points(track)
        s = np.array([p - d for p in points for d in BOARDS])
        self.stations = s % track.length
        self._told = [str(d) for _ in points for d in BOARDS]
        rows = (self.stations / track.spacing).astype(np.int64) % track.n
        # On the outside of the corner to come, where a driver looks.
        ahead = np.repeat((points / track.spacing).astype(np.int64), len(BOARDS))
        bend = np.array([track.curvature[(i + np.arange(60)) % track.n].sum() for i in ahead])
        side = np.where(bend > 0.0, -1.0, 1.0)
        half = np.where(side > 0, track.half_width_left[rows], track.half_width_right[rows])
        aside = side * (half + ASIDE)
        xy: Array = track.pose_at(self.stations, aside)[0] if len(s) else np.empty((0, 2))
        free = distance_to(track.xy, xy) > half + 0.6 * ASIDE  # no other road comes by there
        self.xy, self.stations = xy[free], self.stations[free]
        self._told = [told for told, there in zip(self._told, free, strict=True) if there]
        self._posts = _posts(track, palette)

    def draw(self, surface: pygame.Surface, camera: Camera) -> None:
        """Draw those in view."""
        self._posts.paint(surface, camera)
        if not len(self.xy) or camera.pixels_per_metre < 1.5:
            return
        p = self._palette
        k = max(1, round(camera.size[1] / 360))
        w, h = camera.size
        for (x, y), told in zip(camera.to_screen(self.xy).tolist(), self._told, strict=True):
            if -40 < x < w + 40 and -40 < y < h + 40:
                surface.blit(_board(told, k, p.line, p.bad, p.panel), (x - 10 * k, y - 6 * k))


@lru_cache(maxsize=32)
def _board(told: str, k: int, plate: Colour, edge: Colour, ink: Colour) -> pygame.Surface:
    """A board that stands up to the driver: its distance, and a bar for each fifty metres."""
    board = pygame.Surface((20 * k, 13 * k), pygame.SRCALPHA, 32)
    board.fill(plate)
    pygame.draw.rect(board, shade(edge, 0.9), board.get_rect(), k)
    text = label(told, k, ink, None)
    board.blit(text, ((20 * k - text.get_width()) // 2, 2 * k))
    for bar in range(int(told) // 50):
        board.fill(edge, (k * (3 + 5 * bar), 10 * k, 4 * k, 2 * k))
    return board


def _posts(track: Track, palette: Palette) -> Pieces:
    """Huts of marshals: orange roofs, to the left and right in turn."""
    out = PieceList()
    orange = (240, 132, 42)
    for i in range(int(track.length / POSTS_EVERY)):
        s, side = (i + 0.5) * POSTS_EVERY, 1.0 if i % 2 else -1.0
        row = int(s / track.spacing) % track.n
        wall = (track.wall_left if side > 0 else track.wall_right)[row]
        half = (track.half_width_left if side > 0 else track.half_width_right)[row]
        near = float(half) + 9.0
        if near + 4.0 > wall or abs(track.curvature[row]) > 1.0 / 60.0:
            continue
        corners = track.pose_at(
            np.array([s, s + 2.6, s + 2.6, s]),
            side * (near + np.array([0.0, 0.0, 2.2, 2.2])),
        )[0]
        middle = corners.mean(axis=0)
        if np.hypot(*(track.xy - middle).T).min() < near - 1.0:
            continue  # another piece of road comes by here
        out.add(corners + (0.9, -0.9), palette.shadow)
        out.add(corners, palette.wall, SMOOTH)
        out.add(middle + 0.72 * (corners - middle), orange, SMOOTH)
    return out.pack()
