"""The country round a track: mown grass, tufts and trees, fixed to the world.

Owns: what makes speed visible off the road. Its scatter is a hash of lattice
coordinates, so it is the same in every process and uses no random state.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.render.camera import Camera
from retroracer.render.palette import Colour, Palette
from retroracer.render.plants import plant
from retroracer.track.geometry import Array
from retroracer.track.track import Track

MOWN = 34.0
"""Side of a square of mown grass [m]."""

CLEAR_OF_ROAD = 30.0
"""Trees keep this far from the middle of any road [m]: near enough to be passed."""

CLEAR_OF_STANDS, STANDS_REACH = 8.0, 60.0
"""Trees keep the first from what stands within the second of the middle of a road [m]."""

_TUFT_TILE = 60.0
_TUFTS_PER_TILE = 48
_MOST_TUFTS = 320


def hash01(*lattice: npt.NDArray[np.int64]) -> Array:
    """Evenly spread numbers in [0, 1), fixed for each point of an integer lattice."""
    h = np.zeros(np.broadcast_shapes(*(a.shape for a in lattice)), np.uint64)
    for a in lattice:
        h = (h ^ np.asarray(a).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(29)
        h = h * np.uint64(0xBF58476D1CE4E5B9)
        h ^= h >> np.uint64(32)
    return np.asarray((h >> np.uint64(11)).astype(np.float64) / 2.0**53)


def draw_grass(surface: pygame.Surface, camera: Camera, palette: Palette) -> None:
    """Fill the surface with mown squares and, close up, tufts."""
    surface.fill(palette.grass)
    corners = camera.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    side = MOWN
    while side * camera.pixels_per_metre < 34.0:
        side *= 4.0
    _draw_squares(surface, camera, palette.grass_alt, low, high, side)
    if camera.pixels_per_metre > 1.8:
        _draw_tufts(surface, camera, palette, low, high)


def _lattice(low: Array, high: Array, side: float) -> tuple[npt.NDArray[Any], ...]:
    """Column and row of each square of a lattice between two corners [m]."""
    ix, iy = (
        np.arange(np.floor(a / side), np.floor(b / side) + 1)
        for a, b in zip(low, high, strict=True)
    )
    return tuple(np.meshgrid(ix, iy))


def _draw_squares(
    surface: pygame.Surface, camera: Camera, colour: Colour, low: Array, high: Array, side: float
) -> None:
    gx, gy = _lattice(low, high, side)
    odd = (gx + gy) % 2 == 0
    at = np.stack([gx[odd], gy[odd]], axis=-1) * side
    # One corner of each on the screen, and the way from it to the others: they are all alike.
    corner = camera.to_screen(at)
    square = camera.to_screen(np.array([[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]]))
    square -= square[0]
    w, h = camera.size
    inside = (corner + square.max(axis=0) > 0.0) & (corner + square.min(axis=0) < (w, h))
    seen = corner[inside.all(axis=1)]
    polygon = pygame.draw.polygon
    for points in (seen[:, None, :] + square).tolist():
        polygon(surface, colour, points)


@lru_cache(maxsize=1)
def _tuft_lattice() -> Array:
    i = np.arange(_TUFTS_PER_TILE)
    return np.stack([hash01(i, np.full_like(i, 7)), hash01(i, np.full_like(i, 11))], axis=1)


@lru_cache(maxsize=32)
def _tuft_sprite(colour: Colour, size: int) -> pygame.Surface:
    sprite = pygame.Surface((2 * size + 1, 2 * size + 1), pygame.SRCALPHA, 32)
    pygame.draw.line(sprite, colour, (size, 2 * size), (size, size // 2))
    pygame.draw.line(sprite, colour, (size, 2 * size), (0, size))
    pygame.draw.line(sprite, colour, (size, 2 * size), (2 * size, size))
    return sprite


def _draw_tufts(
    surface: pygame.Surface, camera: Camera, palette: Palette, low: Array, high: Array
) -> None:
    origin = np.stack(_lattice(low, high, _TUFT_TILE), axis=-1).reshape(-1, 1, 2)
    # Fewer a tile when many tiles are in view: the number drawn stays bounded.
    each = int(np.clip(_MOST_TUFTS * 2 // len(origin), 4, _TUFTS_PER_TILE))
    px = camera.to_screen(((origin + _tuft_lattice()[:each]) * _TUFT_TILE).reshape(-1, 2))
    w, h = camera.size
    size = int(np.clip(round(camera.pixels_per_metre * 0.5), 1, 5))
    inside = (px[:, 0] > -size) & (px[:, 0] < w) & (px[:, 1] > -size) & (px[:, 1] < h)
    sprite = _tuft_sprite(palette.tuft, size)
    surface.fblits([(sprite, p) for p in px[inside].astype(np.int64).tolist()])


class Trees:
    """Trees round a track, in clumps, well clear of the road and its run-off; trunks at ``xy`` [m].

    Args:
        track: the track to keep clear of.
        palette: colours of the leaves and of their shadow.
        kind: of plant (``plants.plant``).
        reach: how far beyond the track's bounding box they grow [m].
        standing: (M, 2) corners [m] of what stands beside the road, kept clear of too; or None.
    """

    def __init__(
        self,
        track: Track,
        palette: Palette,
        kind: str = "round",
        reach: float = 260.0,
        standing: Array | None = None,
    ) -> None:
        self._palette, self._kind = palette, kind
        cell = 19.0
        low, high = track.xy.min(axis=0) - reach, track.xy.max(axis=0) + reach
        columns, rows = np.meshgrid(
            np.arange(low[0] // cell, high[0] // cell).astype(np.int64),
            np.arange(low[1] // cell, high[1] // cell).astype(np.int64),
        )
        i, j = columns.ravel(), rows.ravel()
        # Woods are where a coarse lattice says so; a few trees stand alone.
        wood = hash01(i // 6, j // 6) * 0.7 + hash01(i // 3, j // 3, np.full_like(i, 3)) * 0.3
        keep = hash01(i, j, np.full_like(i, 5)) < np.where(wood > 0.6, 0.85, 0.05)
        i, j = i[keep], j[keep]
        xy = np.stack(
            [
                (i + 0.15 + 0.7 * hash01(i, j, np.full_like(i, 17))) * cell,
                (j + 0.15 + 0.7 * hash01(i, j, np.full_like(i, 23))) * cell,
            ],
            axis=1,
        )
        away = distance_to(track.xy[::4], xy)
        clear = away > CLEAR_OF_ROAD
        if standing is not None:
            beside = np.flatnonzero(clear & (away < STANDS_REACH))
            clear[beside] = distance_to(standing, xy[beside]) > CLEAR_OF_STANDS
        self.xy = xy[clear]
        self._radius = 3.2 + 3.4 * hash01(i, j, np.full_like(i, 29))[clear]

    def draw(self, surface: pygame.Surface, camera: Camera) -> None:
        """Draw the trees in view."""
        px = camera.to_screen(self.xy)
        r = self._radius * camera.pixels_per_metre
        w, h = camera.size
        reach = 2.0 * r
        inside = (px[:, 0] > -reach) & (px[:, 0] < w + reach)
        inside &= (px[:, 1] > -reach) & (px[:, 1] < h + reach)
        sprites = []
        for (x, y), radius in zip(px[inside].tolist(), r[inside].tolist(), strict=True):
            sprite = plant(self._kind, self._palette.tree, self._palette.shadow, round(radius))
            half = sprite.get_width() // 2
            sprites.append((sprite, (round(x) - half, round(y) - half)))
        surface.fblits(sprites)


def distance_to(line: Array, points: Array) -> Array:
    """Distance (N,) [m] of points (N, 2) to the nearest of the line's points (M, 2).

    Every pair is compared: of a circuit that is done sooner than scipy's tree is loaded.
    """
    square = np.empty(len(points))
    for first in range(0, len(points), 256):
        part = points[first : first + 256]
        x, y = (part[:, None, axis] - line[:, axis] for axis in (0, 1))
        square[first : first + 256] = (x * x + y * y).min(axis=1)
    return np.sqrt(square)
