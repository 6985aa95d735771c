"""A track as a map: the road as a stroke wide enough to read at any scale.

Owns: the stroke, its kerbs, start, sectors, arrow and bridges. Does not own the page round
it (``picture``) or the true-to-scale view (``scene``). All widths in pixels of the surface.
"""

from __future__ import annotations

import numpy as np
import pygame

from retroracer.render.camera import Camera
from retroracer.render.palette import Colour, Palette, mix, shade
from retroracer.render.track_pieces import crossings
from retroracer.track.geometry import Array
from retroracer.track.track import Track

TIGHTEST_SHOWN = 160.0
"""Corners of a smaller radius than this get kerbs on the map [m]."""


def stroke(surface: pygame.Surface, colour: Colour, px: Array, radius: Array | float) -> None:
    """Paint a round brush of ``radius`` (a number or (N,)) along points (N, 2) [px]."""
    brush = np.broadcast_to(np.asarray(radius, float), len(px))
    circle = pygame.draw.circle
    for (x, y), r in zip(px.tolist(), brush.tolist(), strict=True):
        circle(surface, colour, (x, y), r)


def dense(px: Array, step: float = 1.5) -> tuple[Array, Array]:
    """A closed polyline (n, 2) walked in steps of ``step`` px: points, and their place in n."""
    closed = np.concatenate([px, px[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(8, round(along[-1] / step))
    where = np.arange(count) * along[-1] / count
    points = np.stack([np.interp(where, along, closed[:, k]) for k in (0, 1)], axis=1)
    return points, np.interp(where, along, np.arange(len(along)))


def road_radius(track: Track, camera: Camera, least: float) -> float:
    """Half the width of the drawn road [px]: true to scale, but at least ``least``."""
    half = float(np.median(track.half_width_left + track.half_width_right)) / 2.0
    return max(half * camera.pixels_per_metre, least)


def draw_road_map(
    surface: pygame.Surface, track: Track, camera: Camera, palette: Palette, least: float
) -> float:
    """Draw the road of a whole track, at least ``least`` px to either side.

    Returns:
        The half-width it was drawn with [px].
    """
    radius = road_radius(track, camera, least)
    px, index = dense(camera.to_screen(track.xy), step=max(1.0, radius / 6.0))
    shadow = (0.45 * radius, 0.55 * radius)
    stroke(surface, shade(palette.shadow, 0.9), px + np.array(shadow), radius * 1.3)
    _kerbs(surface, track, palette, px, index, radius)
    _lane(surface, palette, px, radius)
    for _, upper in crossings(track):
        middle = int(np.argmin(np.abs(index - upper / track.spacing)))
        ends = round(3.2 * radius / (max(1.0, radius / 6.0)))
        part = px[np.arange(middle - ends, middle + ends + 1) % len(px)]
        _bridge(surface, palette, part, radius)
    _start(surface, track, camera, palette, radius)
    return radius


def _lane(surface: pygame.Surface, palette: Palette, px: Array, radius: float) -> None:
    stroke(surface, palette.line, px, radius * 1.12)
    stroke(surface, palette.road, px, radius * 0.9)
    stroke(surface, palette.rubber, px, radius * 0.34)


def _bridge(surface: pygame.Surface, palette: Palette, px: Array, radius: float) -> None:
    """The upper road of a crossing with its parapets; ends are cut straight."""
    d = np.gradient(px, axis=0)
    side = np.stack([-d[:, 1], d[:, 0]], axis=1) / np.maximum(np.hypot(*d.T), 1e-9)[:, None]
    for half, colour in (
        (1.9, shade(palette.shadow, 0.75)),
        (1.55, palette.wall),
        (1.12, palette.line),
        (0.9, palette.road),
        (0.34, palette.rubber),
    ):
        outline = np.concatenate([px + side * half * radius, (px - side * half * radius)[::-1]])
        pygame.draw.polygon(surface, colour, outline.tolist())


def _kerbs(
    surface: pygame.Surface,
    track: Track,
    palette: Palette,
    px: Array,
    index: Array,
    radius: float,
) -> None:
    """Stripes along the inside and outside of real kerbs in tight corners."""
    at = np.minimum(index.astype(np.int64), track.n - 1)
    tight = np.abs(track.curvature[at]) > 1.0 / TIGHTEST_SHOWN
    step = max(1.0, radius / 6.0)
    stripe = (np.arange(len(px)) * step // (radius * 0.9)).astype(np.int64) % 2
    normal = track.normal[at] * np.array([1.0, -1.0])
    for sign, there in ((1.0, track.kerb_left[at] > 0.05), (-1.0, track.kerb_right[at] > 0.05)):
        for tone, colour in ((0, palette.kerb), (1, palette.kerb_alt)):
            on = tight & there & (stripe == tone)
            stroke(surface, colour, px[on] + sign * normal[on] * radius * 0.62, radius * 0.78)


def _start(
    surface: pygame.Surface, track: Track, camera: Camera, palette: Palette, radius: float
) -> None:
    """A chequered bar across the road, two squares deep."""
    middle = camera.to_screen(track.xy[0])
    along, across = _directions(track, 0)
    cell = radius * 2.6 / 6.0
    for i in range(6):
        for j in range(2):
            corner = middle + across * (i - 3) * cell + along * (j - 1) * cell
            colour = palette.line if (i + j) % 2 else palette.tyre
            steps = np.array([0 * along, across, across + along, along]) * cell
            pygame.draw.polygon(surface, colour, (corner + steps).tolist())


def _directions(track: Track, i: int) -> tuple[Array, Array]:
    """Unit vectors on a north-up screen: along travel, and to its left."""
    flip = np.array([1.0, -1.0])
    return track.tangent[i] * flip, track.normal[i] * flip


def draw_arrow(
    surface: pygame.Surface, track: Track, camera: Camera, palette: Palette, radius: float
) -> Array:
    """An arrow beside the start that shows the direction of travel.

    Returns:
        (4, 2) corners of the room it takes [px].
    """
    along, across = _directions(track, 0)
    side = -1.0 if track.closing_turn >= 0.0 else 1.0  # outside of the loop
    tail = camera.to_screen(track.xy[0]) + side * across * radius * 3.0
    long, half = radius * 5.2, radius * 0.42
    tip = tail + along * long
    neck = tip - along * radius * 1.8
    shape = [
        tail + across * half,
        neck + across * half,
        neck + across * radius * 1.15,
        tip,
        neck - across * radius * 1.15,
        neck - across * half,
        tail - across * half,
    ]
    rim = np.array(shape)
    stroke(surface, palette.panel, dense(rim, 1.0)[0], radius * 0.32)
    pygame.draw.polygon(surface, palette.accent, rim.tolist())
    return np.array([tail - across * radius, tail + across * radius, tip, neck])


def draw_sector_mark(
    surface: pygame.Surface,
    track: Track,
    camera: Camera,
    palette: Palette,
    s: float,
    radius: float,
) -> Array:
    """A bar across the road where a sector begins.

    Returns:
        (2,) where its label belongs, outside of the loop [px].
    """
    i = int(s / track.spacing) % track.n
    _, across = _directions(track, i)
    middle = camera.to_screen(track.xy[i])
    reach = across * radius * 1.9
    width = max(2, round(radius * 0.75))
    pygame.draw.line(
        surface, palette.panel, (middle - reach * 1.08).tolist(), (middle + reach * 1.08).tolist(),
        width + max(2, width // 2),
    )  # fmt: skip
    tone = mix(palette.accent, palette.line, 0.3)
    pygame.draw.line(surface, tone, (middle - reach).tolist(), (middle + reach).tolist(), width)
    side = -1.0 if track.closing_turn >= 0.0 else 1.0
    return np.asarray(middle + side * reach)
