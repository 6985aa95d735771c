"""F4: where the agent drove, and the fastest line; L: the fastest line as a help for driving."""

from __future__ import annotations

import numpy as np
import pygame

from retroracer.game.overlays.overlay import Overlay, View
from retroracer.laptime.limit import Limit
from retroracer.render.camera import Camera
from retroracer.render.ring import Ring
from retroracer.track.geometry import Array

TRAIL = 2400
"""Points of the agent's line that are kept: two minutes."""

BRAKING, COASTING = -3.0, -0.3
"""Accelerations along the fastest line [m/s^2] below which it is drawn as braking, lifting."""


class Lines(Overlay):
    """The agent's line and the limit's."""

    name, key, does = "path", "f4", "its line and the limit's"
    helps = True

    def restart(self) -> None:
        """Forget what was."""
        self.trail = Ring(TRAIL, 2)

    def switched_on(self, row: int) -> str:
        """Tell which line is whose."""
        return "its line (orange) and the limit's"

    def note_step(self, row: int) -> None:
        """Keep where it is."""
        race = self.session.race
        self.trail.append((float(race.x[row]), float(race.y[row])))

    def draw_road(self, view: View, row: int, limit: Limit | None) -> None:
        """Draw both lines."""
        if limit is not None:
            draw_limit_line(view, limit, braking=False)
        draw_trail(view, self.trail.rows)


def draw_trail(view: View, trail: Array) -> None:
    """Draw where the agent drove: (N, 2) world points [m]."""
    surface, camera, palette = view
    if len(trail) > 1:
        px = camera.to_screen(trail)
        wide = max(2, round(0.35 * camera.pixels_per_metre))
        for part in _visible_runs(px, camera):
            pygame.draw.lines(surface, palette.agent, False, part.tolist(), wide)


def draw_limit_line(view: View, limit: Limit, braking: bool = True) -> None:
    """Draw the fastest line; with ``braking``, red where it brakes, amber where it lifts."""
    surface, camera, palette = view
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
