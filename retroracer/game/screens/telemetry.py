"""The page of telemetry: laps against each other and the limit, along the road."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pygame

from retroracer.game.race.coach import place
from retroracer.game.replay.tape import Tape
from retroracer.game.replay.telemetry import (
    Telemetry,
    telemetry_of,
    telemetry_of_limit,
    write_telemetry,
)
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.hud import signed
from retroracer.game.screens.screen import AppServices, Screen, driven_again, saving
from retroracer.laptime.limit import known_limit
from retroracer.render.palette import DEFAULT as COLOURS
from retroracer.render.palette import Colour, shade
from retroracer.render.text import lap_text
from retroracer.track.geometry import Array
from retroracer.track.track import Track

if TYPE_CHECKING:
    from retroracer.laptime.limit import Limit

INKS: tuple[Colour, ...] = (COLOURS.human, COLOURS.agent)
LIMIT_INK: Colour = COLOURS.text_dim
MOST = 2
"""Laps shown at once, without the limit."""

Chart = tuple[str, Callable[[Telemetry], Array], float]
CHARTS: tuple[Chart, ...] = (
    ("SPEED km/h", lambda lap: 3.6 * lap.speed, 2.2),
    ("PEDALS", lambda lap: lap.throttle, 1.0),
    ("STEERING", lambda lap: lap.steer, 1.0),
    ("LINE m", lambda lap: lap.offset, 1.0),
)
"""Names, values and heights of the charts but the last, of the time lost."""


def open_telemetry(app: AppServices, track: Track, tapes: Sequence[Tape]) -> None:
    """Go to the page of some laps' car 0; what cannot be driven again is told."""
    if not tapes:
        app.tell("no lap to look into yet: finish one")
        return
    with driven_again(app):
        laps = [telemetry_of(tape, track) for tape in tapes[:MOST]]
        limit = known_limit(track, tapes[0].cars[0])
        app.show(TelemetryScreen(app, track, laps, limit), over=True)


class TelemetryScreen(Screen):
    """Charts along one or more laps of a track with a cursor; ``limit``: None while unknown."""

    def __init__(
        self, app: AppServices, track: Track, laps: Sequence[Telemetry], limit: Limit | None
    ) -> None:
        super().__init__(app)
        self.track, self.laps, self.limit = track, list(laps), limit
        self.ideal = telemetry_of_limit(limit) if limit is not None else None
        self.basis = self.ideal or self.laps[-1]
        self.at = 0
        self.step = 0
        self._plot = (0.0, 1.0)

    @property
    def last(self) -> int:
        """The last place of the cursor."""
        return len(self.laps[0].distance) - 1

    def event(self, event: pygame.event.Event, action: str) -> None:
        """Arrows and the pointer move the cursor."""
        if action in ("back", "telemetry"):
            self.app.back()
        elif action in ("left", "right"):
            self.step = 1 if action == "right" else -1
            self._move(self.step)
        elif action in ("accept", "export"):
            self._export()
        if event.type in (pygame.KEYUP, pygame.CONTROLLERBUTTONUP, pygame.WINDOWFOCUSLOST):
            self.step = 0
        if event.type in (pygame.MOUSEMOTION, pygame.MOUSEBUTTONDOWN):
            left, wide = self._plot
            self.at = 0
            self._move(round((event.pos[0] - left) / wide * self.last))

    def _move(self, by: int) -> None:
        self.at = min(max(self.at + by, 0), self.last)

    def _export(self) -> None:
        """Write the laps beside the records: a page if one can be written, else numbers."""
        from importlib.util import find_spec

        ending = "html" if find_spec("plotly") is not None else "csv"
        name = f"{self.track.name}-{time.strftime('%Y%m%d-%H%M%S')}.{ending}"
        with saving(self.app, "telemetry", name, "nothing saved") as path:
            write_telemetry(path, self.track, self.laps, self.limit)

    def advance(self, elapsed: float) -> None:
        """A held arrow runs along the lap."""
        if self.step:
            self._move(self.step * max(1, round(240.0 * elapsed)))

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        surface.fill(shade(COLOURS.panel, 0.7))
        c, p = Canvas(surface, COLOURS), COLOURS
        c.text("TELEMETRY", 10, 8, p.accent, 2)
        c.text(self.track.title.upper(), c.w - 10, 10, p.text, anchor=1.0, width=160)
        at = 128.0
        for lap, ink in self._shown():
            c.rect(at, 12, 8, 3, ink)
            at += 12 + c.text(f"{lap.name} {lap_text(lap.lap_time)}", at + 12, 10, p.text) + 10
        left, top, wide = 78.0, 30.0, c.w - 88
        self._plot = (left * c.k, max(wide * c.k, 1.0))
        unit = (c.h - 24 - top) / (sum(h for _, _, h in CHARTS) + 1.5)
        y = top
        for name, values, share in CHARTS:
            self._chart(c, name, [(values(lap), ink) for lap, ink in self._shown(name)],
                        (left, y, wide, unit * share - 5))  # fmt: skip
            y += unit * share
        lost = [(lap.lost(self.basis.curve()), ink) for lap, ink in self._shown()]
        self._chart(c, "TIME LOST s", lost, (left, y, wide, unit * 1.5 - 5), signed)
        x = left + wide * self.at / self.last
        c.rect(x, top, 1, y + unit * 1.5 - 5 - top, p.text)
        distance = float(self.laps[0].distance[self.at])
        where = f"{distance:.0f} m  {place(self.track, distance)}"
        c.text(where, c.w - 10, c.h - 14, p.text, anchor=1.0)
        c.hints([("← →", "along the lap"), ("ENTER", "save"), ("ESC", "back")], 10, c.h - 14)

    def _shown(self, chart: str = "") -> list[tuple[Telemetry, Colour]]:
        shown = list(zip(self.laps, INKS, strict=False))
        if self.ideal is not None and chart != "STEERING":  # it steers a point, not a wheel
            shown.insert(0, (self.ideal, LIMIT_INK))
        return shown

    def _chart(
        self,
        c: Canvas,
        name: str,
        lines: Sequence[tuple[Array, Colour]],
        box: tuple[float, float, float, float],
        told: Callable[[float], str] = lambda v: f"{v:z.1f}" if abs(v) < 20 else f"{v:.0f}",
    ) -> None:
        p = c.palette
        x, y, w, h = box
        c.rect(x, y, w, h, p.panel)
        for station in self.track.sectors:
            c.rect(x + w * station / self.track.length, y, 1, h, p.panel_edge)
        low = min(min(float(v.min()) for v, _ in lines), 0.0)
        high = max(max(float(v.max()) for v, _ in lines), low + 1e-3)
        high, low = high + 0.06 * (high - low), low - 0.06 * (high - low)
        for values, ink in lines:
            share = (values - low) / (high - low)
            along = np.linspace(0.0, 1.0, len(values))
            points = np.stack([x + w * along, y + h * (1.0 - share)], axis=1) * c.k
            pygame.draw.lines(c.surface, ink, False, points.tolist(), max(1, c.k))
        c.text(name, 6, y + 2, p.text_dim, width=x - 8)
        for k, (values, ink) in enumerate(lines[-3:]):
            value = told(float(values[min(self.at, len(values) - 1)]))
            if y + 13 + 9 * k < y + h:
                c.text(value, x - 4, y + 12 + 9 * k, ink, anchor=1.0)
