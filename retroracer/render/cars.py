"""Cars seen from above, and the markers that tell drivers apart.

Owns: ``CarView`` (what drawing needs to know of a car) and its look. Human = blue with a
triangle, agent = orange with a diamond, so that shape and lightness tell them apart too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import pygame

from retroracer.physics.car import Car
from retroracer.render.camera import Camera
from retroracer.render.palette import Colour, Palette, mix, shade
from retroracer.render.pixel_font import label, write_pixels
from retroracer.track.geometry import Array

Role = Literal["human", "agent", "ghost"]

TRANSLUCENT = 0.62
"""Opacity of a car that cannot be touched."""

_FINE, _LESS_FINE, _LARGE = 3, 2, 26
"""Cars are drawn this much larger and scaled down, which smooths their edges; less so where
half of the car's square is more than ``_LARGE`` px, since it is seen less and costs more."""


@dataclass(frozen=True)
class CarView:
    """A car as the renderer sees it.

    Attributes:
        x: centre of gravity, east [m].
        y: north [m].
        heading: [rad], 0 east, counter-clockwise.
        steer_angle: of the road wheels [rad], positive left.
        s: station [m], to know whether it is on a bridge.
        role: who drives it.
        length: of the body [m].
        width: of the body [m].
        opacity: 1 solid to 0 invisible; an opponent without contact is translucent.
        braking: True lights its brake lamps.
        marker: True draws the driver's sign above it.
        colour: of its paint; None = its driver's.
        tag: written to its right on the screen, "" = nothing.
    """

    x: float
    y: float
    heading: float
    steer_angle: float = 0.0
    s: float = 0.0
    role: Role = "human"
    length: float = 4.6
    width: float = 2.0
    opacity: float = 1.0
    braking: bool = False
    marker: bool = True
    colour: Colour | None = None
    tag: str = ""

    @classmethod
    def of(
        cls,
        car: Car,
        pose: Array,
        steer_angle: float,
        s: float,
        role: Role,
        opacity: float,
        braking: bool = False,
    ) -> CarView:
        """A car of the simulator at a pose (3,): x [m], y [m], heading [rad]."""
        x, y, heading = np.asarray(pose, float).tolist()
        return cls(x, y, heading, steer_angle, s, role, car.length, car.width, opacity, braking)


def role_colour(role: Role, palette: Palette) -> Colour:
    """The colour of a driver."""
    return {"human": palette.human, "agent": palette.agent, "ghost": palette.ghost}[role]


def draw_car(surface: pygame.Surface, camera: Camera, car: CarView, palette: Palette) -> None:
    """Draw one car; at least 10 px long, so that it never vanishes in a wide view."""
    x, y = camera.to_screen(np.array([car.x, car.y])).tolist()
    scale = max(camera.pixels_per_metre, 10.0 / car.length)
    half = int(0.75 * car.length * scale) + 3
    w, h = camera.size
    if not (-half < x < w + half and -half < y < h + half):
        return
    fine = _FINE if half <= _LARGE else _LESS_FINE
    big = pygame.Surface((2 * half * fine, 2 * half * fine), pygame.SRCALPHA, 32)
    big.fill((*shade(role_colour(car.role, palette), 0.6), 0))
    # The part of a pixel that the blit cannot move is moved in the drawing instead.
    left, top = int(np.floor(x)) - half, int(np.floor(y)) - half
    _paint_body(
        big,
        ((x - left) * fine, (y - top) * fine),
        camera.angle_on_screen(car.heading),
        scale * fine,
        car,
        palette,
    )
    small = pygame.transform.smoothscale(big, (2 * half, 2 * half))
    if car.opacity < 1.0:
        small.set_alpha(round(255 * max(0.0, car.opacity)))
    surface.blit(small, (left, top))
    if car.marker:
        ink = (
            palette if car.colour is None else replace(palette, agent=car.colour, human=car.colour)
        )
        sign = marker(car.role, ink, max(9, round(h / 60)))
        surface.blit(
            sign, (round(x - sign.get_width() / 2), round(y - half * 0.8 - sign.get_height()))
        )


def draw_tags(
    surface: pygame.Surface, camera: Camera, cars: Sequence[CarView], palette: Palette
) -> list[pygame.Rect]:
    """Write the names of cars to their right, each below those it would cover.

    Returns:
        Where they stand on the screen.
    """
    w, h = camera.size
    k = max(1, round(h / 300))
    places: list[pygame.Rect] = []
    for car in sorted(cars, key=lambda c: float(camera.to_screen(np.array([c.x, c.y]))[1])):
        x, y = camera.to_screen(np.array([car.x, car.y])).tolist()
        half = 0.75 * car.length * max(camera.pixels_per_metre, 10.0 / car.length) + 3
        if not car.tag or not (-half < x < w + half and -half < y < h + half):
            continue
        tone = mix(car.colour or role_colour(car.role, palette), palette.text, 0.4)
        size = label(car.tag, k, tone, palette.panel).get_size()
        box = pygame.Rect(round(x + 0.55 * half), round(y - size[1] / 2), *size)
        while (taken := box.collidelist(places)) >= 0:
            box.top = places[taken].bottom
        write_pixels(surface, car.tag, box.topleft, k, tone, (0.0, 0.0), palette.panel)
        places.append(box)
    return places


_BODY = (
    (0.98, -0.36), (1.0, 0.0), (0.98, 0.36), (0.9, 0.72), (0.62, 0.86), (0.2, 0.84),
    (-0.3, 0.9), (-0.78, 0.94), (-0.97, 0.8), (-0.97, -0.8), (-0.78, -0.94),
    (-0.3, -0.9), (0.2, -0.84), (0.62, -0.86), (0.9, -0.72),
)  # fmt: skip

# Parts from below upwards: what paints them, and their corners as fractions of half the length
# (forward) and half the width (right on screen).
_PARTS: tuple[tuple[str, tuple[tuple[float, float], ...]], ...] = (
    ("edge", _BODY),
    ("paint", tuple((0.94 * f, 0.84 * r) for f, r in _BODY)),
    ("bonnet", ((0.9, -0.2), (0.9, 0.2), (0.42, 0.3), (0.42, -0.3))),
    ("glass", ((0.36, -0.56), (0.36, 0.56), (0.1, 0.66), (0.1, -0.66))),
    ("roof", ((0.1, -0.6), (0.1, 0.6), (-0.4, 0.58), (-0.4, -0.58))),
    ("glass", ((-0.4, -0.56), (-0.4, 0.56), (-0.58, 0.46), (-0.58, -0.46))),
    ("line", ((0.92, -0.09), (0.92, 0.09), (-0.86, 0.09), (-0.86, -0.09))),
    ("glass", ((-0.86, -1.0), (-0.86, 1.0), (-1.03, 1.0), (-1.03, -1.0))),
    ("tail", ((-0.8, -0.5), (-0.8, -0.82), (-0.9, -0.82), (-0.9, -0.5))),
    ("tail", ((-0.8, 0.5), (-0.8, 0.82), (-0.9, 0.82), (-0.9, 0.5))),
    ("head", ((0.93, -0.4), (0.86, -0.68), (0.8, -0.66), (0.86, -0.4))),
    ("head", ((0.93, 0.4), (0.86, 0.68), (0.8, 0.66), (0.86, 0.4))),
)
_CORNERS = np.array([corner for _, corners in _PARTS for corner in corners])
_TYRE = np.array([[0.34, 0.16], [0.34, -0.16], [-0.34, -0.16], [-0.34, 0.16]])
_HUBS = ((0.6, -0.9, True), (0.6, 0.9, True), (-0.6, -0.9, False), (-0.6, 0.9, False))


@lru_cache(maxsize=64)
def _paints(paint: Colour, palette: Palette, braking: bool) -> dict[str, Colour]:
    return {
        "edge": shade(paint, 0.72), "paint": paint, "bonnet": shade(paint, 1.22),
        "roof": shade(paint, 1.1), "glass": palette.glass, "line": palette.line,
        "tail": palette.bad if braking else shade(palette.bad, 0.55), "head": (255, 250, 220),
    }  # fmt: skip


def _paint_body(
    surface: pygame.Surface,
    at: tuple[float, float],
    angle: float,
    scale: float,
    car: CarView,
    palette: Palette,
) -> None:
    """Paint a car at ``at`` [px]; ``angle`` clockwise on screen, ``scale`` [px/m]."""
    colours = _paints(car.colour or role_colour(car.role, palette), palette, car.braking)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]]) * scale
    size = np.array([car.length / 2.0, car.width / 2.0])
    place = np.array(at)
    corners = (_CORNERS * size) @ turn
    points = (corners + place).tolist()
    polygon = pygame.draw.polygon
    # The body's shadow, a little larger than it.
    shadow = (corners[: len(_BODY)] * 1.06 + place + 0.28 * scale).tolist()
    polygon(surface, (*palette.tyre, 90), shadow)
    # Screen angles run clockwise, so a left steer turns the wheel by minus the angle.
    a = -car.steer_angle
    turned = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    tyre = _TYRE * (car.length / 4.6)
    for forward, side, steered in _HUBS:
        wheel = (tyre @ turned if steered else tyre) + (forward, side) * size
        polygon(surface, palette.tyre, (wheel @ turn + place).tolist())
    first = 0
    for name, outline in _PARTS:
        end = first + len(outline)
        polygon(surface, colours[name], points[first:end])
        first = end


@lru_cache(maxsize=64)
def marker(role: Role, palette: Palette, size: int) -> pygame.Surface:
    """The sign of a driver ``size`` px high: triangle human, diamond agent, ring ghost."""
    fine = 4
    big = pygame.Surface((size * fine, size * fine), pygame.SRCALPHA, 32)
    colour = role_colour(role, palette)
    big.fill((*palette.panel, 0))
    n = size * fine
    shapes = {
        "human": [(0.04, 0.1), (0.96, 0.1), (0.5, 0.94)],
        "agent": [(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)],
    }
    if role in shapes:
        points = np.array(shapes[role])
        middle = points.mean(axis=0)
        pygame.draw.polygon(big, palette.panel, (points * n).tolist())
        pygame.draw.polygon(big, colour, ((middle + (points - middle) * 0.72) * n).tolist())
    else:
        pygame.draw.circle(big, palette.panel, (n / 2, n / 2), n / 2)
        pygame.draw.circle(big, colour, (n / 2, n / 2), n * 0.4)
        pygame.draw.circle(big, palette.panel, (n / 2, n / 2), n * 0.2)
    return pygame.transform.smoothscale(big, (size, size))
