"""F1: what the agent sees: the road ahead and its numbers, from the observation alone."""

from __future__ import annotations

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
    LIMIT,
    N_NEAR,
    N_OBS,
    NEAR_LEFT,
    NEAR_POINT,
    NEAR_RIGHT,
    OBS_NAMES,
    SCALES,
    SPEED,
)
from retroracer.envs.race_task import ASIDE, CONTACT, GAP, N_RIVAL, PRESENCE, RIVAL_TABLE
from retroracer.game.overlays.overlay import WIDE, Overlay, View
from retroracer.game.screens.canvas import Canvas
from retroracer.laptime.limit import Limit
from retroracer.render.palette import mix, shade
from retroracer.track.geometry import Array

SHORT = {
    "lateral_velocity": "side speed", "steer_angle": "wheel", "middle_far": "far middle",
    "heading_error": "heading", "previous_steer": "last steer", "previous_throttle": "last pedal",
    "edge_left_near": "near left", "edge_right_near": "near right",
}  # fmt: skip
"""What is too long for a panel, in fewer letters."""


def short(name: str) -> str:
    """The name of a number the agent sees, as it is written."""
    return SHORT.get(name, name.replace("bend", "far bend").replace("curvature", "bend")
                    .replace("_", " "))  # fmt: skip


class Sight(Overlay):
    """The observation, as the policy was given it."""

    name, key, does = "sight", "f1", "what the agent sees"
    movable = True

    def draw_road(self, view: View, row: int, limit: Limit | None) -> None:
        """Draw the road ahead as it is seen, from where it was seen."""
        surface, camera, palette = view
        x, y, heading = self.session.seen_from[row].tolist()
        draw_sight(view, self.session.observation[row], x, y, heading)
        policy = self.session.policies[row - self.session.human]
        if policy.n_observations > N_OBS:
            ring = max(4, round(2.6 * camera.pixels_per_metre))
            for place, touched in seen_cars(self.session.seen[row], x, y, heading):
                colour = palette.bad if touched else palette.accent
                at = camera.to_screen(place).tolist()
                pygame.draw.circle(surface, colour, at, ring, max(2, ring // 8))

    def height(self, row: int, little: bool) -> float:
        """Where there is little room the bars stand closer, without names."""
        return 19.0 + (6 if little else 9) * len(OBS_NAMES)

    def draw_panel(self, c: Canvas, x: float, y: float, row: int, little: bool) -> None:
        """The numbers as bars from the middle; the scale is the observation's own, +-1."""
        p = c.palette
        step = 6 if little else 9
        c.panel(x, y, WIDE, self.height(row, little))
        c.text("SEES", x + 6, y + 5, p.text_dim)
        c.text("-1 .. 1", x + WIDE - 6, y + 5, p.text_dim, anchor=1.0)
        reach = WIDE / 2 - 7 if little else 26.0
        middle = x + WIDE - 7 - reach
        for k, value in enumerate(self.session.observation[row].tolist()):
            top = y + 16 + step * k + (0 if little else 2)
            if not little:
                c.text(short(OBS_NAMES[k]), x + 6, top - 2, p.text_dim, width=58)
            c.rect(middle - reach, top, 2 * reach, 4, shade(p.panel_edge, 0.5))
            share = max(-1.0, min(1.0, value))
            colour = p.bad if abs(value) >= LIMIT else (p.agent if k < CURVATURES else p.good)
            wide = abs(share) * reach
            c.rect(middle - (wide if share < 0 else 0), top, max(wide, 0.5), 4, colour)
            c.rect(middle, top, 0.5, 4, p.text_dim)


def _offset(obs: npt.NDArray[np.float32]) -> float:
    """How far left of the middle a car is, by the distances to the edges that it sees [m]."""
    left, right = (SCALES[k] * float(obs[k]) for k in (EDGE_LEFT, EDGE_RIGHT))
    return 0.5 * (right - left)


def seen_road(obs: npt.NDArray[np.float32], x: float, y: float, heading: float) -> Array:
    """Points of the road ahead of a car at (x, y) [m], rebuilt from its observation (22,).

    Returns:
        (10, 2) world points [m] of its middle: beside the car, then the ends of the stretches.
        The last three bend all the way as much as they do anywhere: right where they turn one
        way only.
    """
    speed, error = (SCALES[k] * float(obs[k]) for k in (SPEED, HEADING_ERROR))
    offset = _offset(obs)
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


def seen_cars(
    seen: npt.NDArray[np.float32], x: float, y: float, heading: float
) -> list[tuple[Array, bool]]:
    """Where the other cars are, rebuilt from the observation (N_RACE_OBS,) of a driver among them.

    Returns:
        World point (2,) [m] of each car it sees, and whether it has just touched it.
    """
    middle = seen_road(seen[:N_OBS], x, y, heading)
    steps = np.diff(middle, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    at = np.concatenate([[0.0], np.cumsum(lengths)])
    own = _offset(seen)
    found = []
    for car in seen[N_OBS:].reshape(-1, N_RIVAL):
        if car[PRESENCE] > 0.0:
            gap, aside = (float(car[k]) * RIVAL_TABLE[k].scale for k in (GAP, ASIDE))
            k = int(np.clip(np.searchsorted(at, gap) - 1, 0, len(steps) - 1))
            along = steps[k] / max(float(lengths[k]), 1e-9)
            left = np.array([-along[1], along[0]])
            place = middle[k] + (gap - at[k]) * along + (own + aside) * left
            found.append((place, bool(car[CONTACT] > 0.0)))
    return found


def draw_sight(
    view: View, obs: npt.NDArray[np.float32], x: float, y: float, heading: float
) -> None:
    """Draw the way ahead as the agent has it, and the distances to the edges."""
    surface, camera, palette = view
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
    _draw_near_edges(view, obs, points)
    way = heading - float(obs[HEADING_ERROR])
    left = np.array([-np.sin(way), np.cos(way)])
    car = np.array([x, y])
    for side, k in ((1.0, EDGE_LEFT), (-1.0, EDGE_RIGHT)):
        end = camera.to_screen(car + left * side * SCALES[k] * float(obs[k])).tolist()
        start = camera.to_screen(car).tolist()
        pygame.draw.line(surface, palette.accent, start, end, max(1, thick // 2))
        pygame.draw.circle(surface, palette.accent, end, 1.3 * thick)


def _draw_near_edges(view: View, obs: npt.NDArray[np.float32], points: Array) -> None:
    """Dot the edges where they are seen ahead, from where the car would be there."""
    here = points[NEAR_POINT]
    along = points[NEAR_POINT + 1] - points[NEAR_POINT - 1]
    left = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    offset = _offset(obs)
    for side, k in ((1.0, NEAR_LEFT), (-1.0, NEAR_RIGHT)):
        edge = here + left * (offset + side * SCALES[k] * float(obs[k]))
        at = view.camera.to_screen(edge).tolist()
        pygame.draw.circle(view.surface, view.palette.accent, at, 3)
