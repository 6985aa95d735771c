"""Cars seen from above, and the markers that tell drivers apart.

Owns: ``CarView`` (what drawing needs to know of a car) and its look. Human = blue with a
triangle, agent = orange with a diamond, so that shape and lightness tell them apart too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pygame

from retroracer.render.camera import Camera
from retroracer.render.palette import Colour, Palette, shade

Role = Literal["human", "agent", "ghost"]

_FINE = 3
"""Cars are drawn this much larger and scaled down, which smooths their edges."""


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
    big = pygame.Surface((2 * half * _FINE, 2 * half * _FINE), pygame.SRCALPHA, 32)
    big.fill((*shade(role_colour(car.role, palette), 0.6), 0))
    # The part of a pixel that the blit cannot move is moved in the drawing instead.
    left, top = int(np.floor(x)) - half, int(np.floor(y)) - half
    _paint_body(
        big,
        ((x - left) * _FINE, (y - top) * _FINE),
        camera.angle_on_screen(car.heading),
        scale * _FINE,
        car,
        palette,
    )
    small = pygame.transform.smoothscale(big, (2 * half, 2 * half))
    if car.opacity < 1.0:
        small.set_alpha(round(255 * max(0.0, car.opacity)))
    surface.blit(small, (left, top))
    if car.marker:
        sign = marker(car.role, palette, max(9, round(h / 60)))
        surface.blit(
            sign, (round(x - sign.get_width() / 2), round(y - half * 0.8 - sign.get_height()))
        )


def _paint_body(
    surface: pygame.Surface,
    at: tuple[float, float],
    angle: float,
    scale: float,
    car: CarView,
    palette: Palette,
) -> None:
    """Paint a car at ``at`` [px]; ``angle`` clockwise on screen, ``scale`` [px/m]."""
    paint = role_colour(car.role, palette)
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, s], [-s, c]]) * scale
    size = np.array([car.length / 2.0, car.width / 2.0])

    def polygon(colour: Colour, points: list[tuple[float, float]], shift: float = 0.0) -> None:
        # Points are fractions of half length (forward) and half width (right on screen).
        px = (np.array(points) * size) @ turn + np.array(at) + shift * scale
        pygame.draw.polygon(surface, colour, px.tolist())

    body = [
        (0.98, -0.36), (1.0, 0.0), (0.98, 0.36), (0.9, 0.72), (0.62, 0.86), (0.2, 0.84),
        (-0.3, 0.9), (-0.78, 0.94), (-0.97, 0.8), (-0.97, -0.8), (-0.78, -0.94),
        (-0.3, -0.9), (0.2, -0.84), (0.62, -0.86), (0.9, -0.72),
    ]  # fmt: skip
    shadow = (*palette.tyre, 90)
    pygame.draw.polygon(
        surface,
        shadow,
        ((np.array(body) * size * 1.06) @ turn + np.array(at) + 0.28 * scale).tolist(),
    )
    for forward, side, steered in ((0.6, -1, True), (0.6, 1, True), (-0.6, -1, 0), (-0.6, 1, 0)):
        # Screen angles run clockwise, so a left steer turns the wheel by minus the angle.
        a = -car.steer_angle if steered else 0.0
        tyre = np.array([[0.34, 0.16], [0.34, -0.16], [-0.34, -0.16], [-0.34, 0.16]])
        tyre = (
            tyre * (car.length / 4.6) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        )
        hub = np.array([forward, side * 0.9]) * size
        pygame.draw.polygon(surface, palette.tyre, ((tyre + hub) @ turn + np.array(at)).tolist())
    polygon(shade(paint, 0.72), body)
    inner = [(0.94 * f, 0.84 * r) for f, r in body]
    polygon(paint, inner)
    polygon(shade(paint, 1.22), [(0.9, -0.2), (0.9, 0.2), (0.42, 0.3), (0.42, -0.3)])
    polygon(palette.glass, [(0.36, -0.56), (0.36, 0.56), (0.1, 0.66), (0.1, -0.66)])
    polygon(shade(paint, 1.1), [(0.1, -0.6), (0.1, 0.6), (-0.4, 0.58), (-0.4, -0.58)])
    polygon(palette.glass, [(-0.4, -0.56), (-0.4, 0.56), (-0.58, 0.46), (-0.58, -0.46)])
    polygon(palette.line, [(0.92, -0.09), (0.92, 0.09), (-0.86, 0.09), (-0.86, -0.09)])
    polygon(palette.glass, [(-0.86, -1.0), (-0.86, 1.0), (-1.03, 1.0), (-1.03, -1.0)])
    lamp = palette.bad if car.braking else shade(palette.bad, 0.55)
    for side in (-1, 1):
        polygon(
            lamp, [(-0.8, 0.5 * side), (-0.8, 0.82 * side), (-0.9, 0.82 * side), (-0.9, 0.5 * side)]
        )
        polygon(
            (255, 250, 220),
            [(0.93, 0.4 * side), (0.86, 0.68 * side), (0.8, 0.66 * side), (0.86, 0.4 * side)],
        )


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
