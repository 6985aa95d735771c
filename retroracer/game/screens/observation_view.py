"""Lines on the road: what an agent sees, where it drove, the fastest line with its braking.

Owns their look. What an agent sees is drawn from its observation alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.envs.observation import (
    AHEAD,
    AHEAD_BASE,
    AHEAD_TIME,
    CURVATURES,
    EDGE_LEFT,
    EDGE_RIGHT,
    HEADING_ERROR,
    LATERAL_OFFSET,
    N_NEAR,
    SCALES,
    SPEED,
)
from retroracer.render.camera import Camera
from retroracer.render.palette import Palette, mix
from retroracer.track.geometry import Array

if TYPE_CHECKING:
    from retroracer.laptime.limit import Limit

BRAKING, COASTING = -3.0, -0.3
"""Accelerations along the fastest line [m/s^2] below which it is drawn as braking, lifting."""


def seen_road(obs: npt.NDArray[np.float32], x: float, y: float, heading: float) -> Array:
    """Points of the road ahead, rebuilt from an observation .

    Args:
        obs: (22,) as given to the policy.
        x: of the car [m].
        y: of the car [m].
        heading: of the car [rad].

    Returns:
        (10, 2) world points [m]: beside the car, then the ends of the stretches. The last three
        bend all the way as much as they do anywhere: right where they turn one way only.
    """
    speed, offset, error = (
        SCALES[k] * float(obs[k]) for k in (SPEED, LATERAL_OFFSET, HEADING_ERROR)
    )
    reach = AHEAD_BASE + AHEAD_TIME * max(speed, 0.0)
    way = heading - error
    at = np.array([x + offset * np.sin(way), y - offset * np.cos(way)])
    points = [at]
    for k in range(len(AHEAD) - 1):
        length = float(AHEAD[k + 1] - AHEAD[k]) * reach
        seen = float(obs[CURVATURES + k])
        curvature = np.sign(seen) * seen * seen * SCALES[CURVATURES]
        # A chord of the arc: half of its turn before, half after.
        way += 0.5 * curvature * length
        at = at + length * np.array([np.cos(way), np.sin(way)])
        way += 0.5 * curvature * length
        points.append(at)
    return np.array(points)


def draw_sight(
    surface: pygame.Surface,
    camera: Camera,
    palette: Palette,
    obs: npt.NDArray[np.float32],
    pose: tuple[float, float, float],
) -> None:
    """Draw the way ahead as the agent has it, and the distances to the edges."""
    x, y, heading = pose
    points = seen_road(obs, x, y, heading)
    px = camera.to_screen(points)
    thick = max(2, round(camera.size[1] / 240))
    for k in range(len(px) - 1):
        strength = min(abs(float(obs[CURVATURES + k])), 1.0)
        colour = mix(palette.good, palette.bad, strength)
        a, b = px[k].tolist(), px[k + 1].tolist()
        if k < N_NEAR:
            pygame.draw.line(surface, colour, a, b, thick)
        else:  # of these only how much they bend is seen, and which way in all: dashes
            across = px[k] + np.linspace(0.0, 1.0, 17)[:, None] * (px[k + 1] - px[k])
            ends = across.tolist()
            for p, q in zip(ends[:-1:2], ends[1::2], strict=True):
                pygame.draw.line(surface, colour, p, q, thick)
        pygame.draw.circle(surface, palette.panel, b, 2.4 * thick)
        pygame.draw.circle(surface, colour, b, 1.7 * thick)
    way = heading - float(obs[HEADING_ERROR])
    left = np.array([-np.sin(way), np.cos(way)])
    car = np.array([x, y])
    for side, k in ((1.0, EDGE_LEFT), (-1.0, EDGE_RIGHT)):
        end = camera.to_screen(car + left * side * SCALES[k] * float(obs[k])).tolist()
        start = camera.to_screen(car).tolist()
        pygame.draw.line(surface, palette.accent, start, end, max(1, thick // 2))
        pygame.draw.circle(surface, palette.accent, end, 1.3 * thick)


def draw_trail(surface: pygame.Surface, camera: Camera, palette: Palette, trail: Array) -> None:
    """Draw where the agent drove: (N, 2) world points [m]."""
    if len(trail) > 1:
        px = camera.to_screen(trail)
        wide = max(2, round(0.35 * camera.pixels_per_metre))
        for part in _visible_runs(px, camera):
            pygame.draw.lines(surface, palette.agent, False, part.tolist(), wide)


def draw_limit_line(
    surface: pygame.Surface, camera: Camera, palette: Palette, limit: Limit, braking: bool = True
) -> None:
    """Draw the fastest line; with ``braking``, red where it brakes, amber where it lifts."""
    px = camera.to_screen(limit.xy)
    wide = max(2, round(0.3 * camera.pixels_per_metre))
    kind = np.where(limit.tangential < BRAKING, 2, np.where(limit.tangential < COASTING, 1, 0))
    colours = (palette.good, palette.accent, palette.bad)
    w, h = camera.size
    inside = (px[:, 0] > -80) & (px[:, 0] < w + 80) & (px[:, 1] > -80) & (px[:, 1] < h + 80)
    near = np.flatnonzero(inside)
    # A dash a node: the road shows between them. Braking dashes are whole and thicker.
    share = np.where(braking & (kind[near] == 2), 1.0, 0.6)[:, None]
    ends = px[near] + share * (px[(near + 1) % len(px)] - px[near])
    dashes = zip(px[near].tolist(), ends.tolist(), kind[near].tolist(), strict=True)
    for begin, end, k in dashes:
        colour = colours[k] if braking else palette.line
        thick = wide + (wide // 2 if braking and k == 2 else 0)
        pygame.draw.line(surface, colour, begin, end, thick)


def _visible_runs(px: Array, camera: Camera) -> list[Array]:
    """The parts of a polyline near the screen, each of at least two points."""
    w, h = camera.size
    inside = (px[:, 0] > -200) & (px[:, 0] < w + 200) & (px[:, 1] > -200) & (px[:, 1] < h + 200)
    cuts = np.flatnonzero(np.diff(inside.astype(np.int8))) + 1
    runs = np.split(np.arange(len(px)), cuts)
    return [px[r] for r in runs if len(r) > 1 and inside[r[0]]]
