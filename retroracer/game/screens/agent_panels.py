"""Panels about the agent: the numbers it sees, its pedals beside yours, what it is paid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pygame

from retroracer.envs.task import LIMIT, OBS_NAMES, REWARD_NAMES
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.overlays import SHOWN, Overlays
from retroracer.physics.race import N_SUBSTEPS
from retroracer.render.palette import Colour, Palette, shade
from retroracer.track.geometry import Array

WIDE = 122.0
PEDALS = 50.0
"""Height of one driver's pedals [UI pixels]; where there is little room, ``LOW_PEDALS``."""

LOW_PEDALS = 40.0
PAY = 48.0 + 10 * len(REWARD_NAMES)
CURVE = 26.0
"""Of it, the curve of the pay, which is left out where there is little room."""

LITTLE = 340.0
"""Height of a screen [UI pixels] below which panels are drawn small."""

SAID = {
    "lateral_velocity": "side speed", "steer_angle": "wheel", "lateral_offset": "offset",
    "heading_error": "heading", "previous_steer": "last steer", "previous_throttle": "last pedal",
    "smoothness": "smooth",
}  # fmt: skip
"""What is too long for a panel, in fewer letters."""


def said(name: str) -> str:
    """The name of a number the agent sees, or of a term of its pay, as it is written."""
    return SAID.get(name, name.replace("bend", "far bend").replace("curvature", "bend")
                    .replace("_", " "))  # fmt: skip


class AgentPanels:
    """The panels of a session's agent, painted anew after every second decision of it.

    Args:
        overlays: what is on, and what they remember.
        palette: colours.
    """

    def __init__(self, overlays: Overlays, palette: Palette) -> None:
        self._overlays = overlays
        self._palette = palette
        self._painted: tuple[object, ...] = ()
        self._plate = pygame.Surface((1, 1))
        self._inked = pygame.Rect(0, 0, 1, 1)

    def bottom(self, row: int, top: float) -> float:
        """Where the first column of panels ends [UI pixels]; arguments as ``draw_panels``."""
        on, session = self._overlays.on, self._overlays.session
        high = 0.0
        if "pedals" in on:
            high += PEDALS * (1 + (session.human and row != 0)) + 9
        if "reward" in on:
            high += PAY + 3
        return top + high

    def over_map(self, height: float) -> bool:
        """Whether what the agent sees takes the mini-map's place on a screen so high."""
        return "sight" in self._overlays.on and height < LITTLE

    def draw(self, c: Canvas, row: int, top: float) -> None:
        """Draw the panels that are on; arguments as ``draw_panels``."""
        overlays = self._overlays
        little = c.h < LITTLE
        wide, high = round((2 * WIDE + 12) * c.k), c.surface.get_height()
        step = overlays.session.ticks // (2 * N_SUBSTEPS)
        key = (step, row, c.k, wide, high, top, tuple(sorted(overlays.on)))
        if key != self._painted:
            if self._plate.get_size() != (wide, high):
                self._plate = pygame.Surface((wide, high), pygame.SRCALPHA, 32)
            self._plate.fill((0, 0, 0, 0))
            plate = Canvas(self._plate, self._palette, c.k)
            low = draw_panels(plate, overlays, row, top, little)
            self._painted = key
            first = int(top * c.k)
            self._inked = pygame.Rect(0, first, wide, min(high, round((low + 2) * c.k)) - first)
        left = c.surface.get_width() - wide + self._inked.left
        c.surface.blit(self._plate, (left, self._inked.top), self._inked)
        if little and "sight" in overlays.on:
            seen = overlays.session.observation[row]
            _numbers(c, seen, 6, c.h - 6 - (19 + 6 * len(OBS_NAMES)), 6)


def draw_panels(c: Canvas, overlays: Overlays, row: int, top: float, little: bool) -> float:
    """Draw those that are on, down the right side from ``top`` [UI pixels].

    Args:
        c: drawn on.
        overlays: what is on, and what they remember.
        row: of the agent.
        top: where there is room.
        little: True where there is little of it; then what it sees is drawn elsewhere.

    Returns:
        Where the lowest of them ends [UI pixels].
    """
    y = top
    session = overlays.session
    x = c.w - 6 - WIDE
    if "pedals" in overlays.on:
        y += _pedals(c, overlays, session.human and row != 0, x, y, little) + 3
    if "reward" in overlays.on:
        y += _pay(c, overlays, x, y, little) + 3
    low = y
    if "sight" in overlays.on and not little:
        high = 20.0 + 9 * len(OBS_NAMES)
        # Beside the others where there is no room below them, above the speed.
        if y + high > c.h - 66:
            x, y = x - WIDE - 4, top
        _numbers(c, session.observation[row], x, y, 9)
        low = max(low, y + high)
    return low


def _numbers(c: Canvas, obs: npt.NDArray[np.float32], x: float, y: float, step: float) -> None:
    """The observation as bars from the middle; the scale is the observation's own, +-1.

    Their names stand beside them where a ``step`` from one to the next is as high as a letter.
    """
    p = c.palette
    named = step >= 9
    c.panel(x, y, WIDE, 19 + step * len(OBS_NAMES))
    c.text("SEES", x + 6, y + 5, p.text_dim)
    c.text("-1 .. 1", x + WIDE - 6, y + 5, p.text_dim, anchor=1.0)
    reach = 26.0 if named else WIDE / 2 - 7
    middle = x + WIDE - 7 - reach
    for k, value in enumerate(obs.tolist()):
        top = y + 16 + step * k + (2 if named else 0)
        if named:
            c.text(said(OBS_NAMES[k]), x + 6, top - 2, p.text_dim, width=58)
        c.rect(middle - reach, top, 2 * reach, 4, shade(p.panel_edge, 0.5))
        share = max(-1.0, min(1.0, value))
        colour = p.bad if abs(value) >= LIMIT else (p.agent if k < 11 else p.good)
        wide = abs(share) * reach
        c.rect(middle - (wide if share < 0 else 0), top, max(wide, 0.5), 4, colour)
        c.rect(middle, top, 0.5, 4, p.text_dim)


def _pedals(c: Canvas, overlays: Overlays, human: bool, x: float, y: float, little: bool) -> float:
    p = c.palette
    each = LOW_PEDALS if little else PEDALS
    strip = each / 2 - 9
    history = np.array(overlays.pedals) if overlays.pedals else np.zeros((1, 4))
    blocks: list[tuple[str, Array, Colour]] = [("AGENT", history[:, 0:2], p.agent)]
    if human:
        blocks.append(("YOU", history[:, 2:4], p.human))
    high = 6.0 + each * len(blocks)
    c.panel(x, y, WIDE, high)
    for b, (name, inputs, colour) in enumerate(blocks):
        top = y + 5 + each * b
        c.text(name, x + 6, top, colour)
        steer, throttle = inputs[-1]
        way = "left" if steer > 0.02 else "right" if steer < -0.02 else ""
        pedal = "brake" if throttle < -0.02 else "drive" if throttle > 0.02 else "coast"
        c.text(f"{pedal} {way}", x + WIDE - 6, top, p.text_dim, anchor=1.0)
        for k, values in enumerate((inputs[:, 1], inputs[:, 0])):
            box = (x + 6, top + 11 + (strip + 2) * k, WIDE - 12, strip)
            c.rect(*box, shade(p.panel, 0.7))
            c.rect(box[0], box[1] + strip / 2, box[2], 0.5, p.panel_edge)
            _spark(c, box, values, p.text if k else colour, -1.0, 1.0)
    return high


def _pay(c: Canvas, overlays: Overlays, x: float, y: float, little: bool) -> float:
    p = c.palette
    high = PAY - CURVE if little else PAY
    c.panel(x, y, WIDE, high)
    c.text("PAY", x + 6, y + 5, p.text_dim)
    c.text("now", x + 84, y + 5, p.text_dim, anchor=1.0)
    c.text("sum", x + WIDE - 6, y + 5, p.text_dim, anchor=1.0)
    now = overlays.pay[-1] if overlays.pay else np.zeros(len(REWARD_NAMES))
    for k, name in enumerate(REWARD_NAMES):
        top = y + 17 + 10 * k
        colour = p.good if now[k] > 0 else p.bad if now[k] < 0 else p.text_dim
        c.text(said(name), x + 6, top, p.text, width=50)
        c.text(f"{now[k]:+.2f}", x + 84, top, colour, anchor=1.0)
        c.text(f"{overlays.paid[k]:+.0f}", x + WIDE - 6, top, p.text, anchor=1.0)
    if little:
        return high
    box = (x + 6, y + high - CURVE, WIDE - 12, 20.0)
    c.rect(*box, shade(p.panel, 0.7))
    total = np.array([t.sum() for t in overlays.pay]) if overlays.pay else np.zeros(1)
    top_ = max(1.0, float(np.abs(total).max()))
    _spark(c, box, total, p.accent, -top_, top_)
    return high


def _spark(
    c: Canvas,
    box: tuple[float, float, float, float],
    values: Array,
    colour: Colour,
    low: float,
    high: float,
) -> None:
    """The last ``SHOWN`` values as a line; the newest at the right."""
    x, y, w, h = box
    n = len(values)
    if n < 2:
        return
    at = x + w * (np.arange(n) + SHOWN - n) / (SHOWN - 1)
    level = y + h * (1.0 - (np.clip(values, low, high) - low) / (high - low))
    points = np.stack([at, level], axis=1) * c.k
    pygame.draw.lines(c.surface, colour, False, points.tolist(), max(1, c.k // 2))
