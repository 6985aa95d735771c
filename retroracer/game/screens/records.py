"""The page of laps remembered on a track: to be watched, or raced as a ghost."""

from __future__ import annotations

import time

import pygame

from retroracer.errors import UserError
from retroracer.game.replay.ghost_file import ENDING, write_ghost
from retroracer.game.replay.progress import best_by_day, best_sectors, theoretical_best, yours
from retroracer.game.replay.records import Lap
from retroracer.game.replay.tape_checks import TapeError
from retroracer.game.screens.backdrop import page, plate
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.hud import sector_text
from retroracer.game.screens.replay import open_replay
from retroracer.game.screens.screen import AppServices, Screen, driven_again, saving
from retroracer.render.palette import mix, shade
from retroracer.render.text import lap_text
from retroracer.track.track import Track

STEP = 12.0
STRIP = 62.0
"""Height of the strip with sectors, theoretical best and progress [UI pixels]."""


class RecordsScreen(Screen):
    """Laps on a track; those that cannot be raced any more say why."""

    def __init__(self, app: AppServices, track: Track) -> None:
        super().__init__(app)
        self.track = track
        self.laps: list[Lap] = app.records.laps(track)
        self.at = 0
        self._rows = (0.0, 0.0, 0, 0)  # top and height of a row [px], the first one, how many

    def event(self, event: pygame.event.Event, action: str) -> None:
        """Choose a lap, watch it."""
        if action == "back":
            self.app.back()
        elif action in ("up", "down") and self.laps:
            self.at = (self.at + (1 if action == "down" else -1)) % len(self.laps)
        elif action in ("accept", "replay") and self.laps:
            self._watch(self.laps[self.at])
        elif action == "export" and self.laps:
            self._export(self.laps[self.at])
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._click(event.pos[1])

    def _click(self, y: float) -> None:
        """Choose the lap under the pointer; a second click watches it."""
        top, high, first, shown = self._rows
        row = int((y - top) // high) if high and y >= top else -1
        if 0 <= row < shown:
            if first + row == self.at:
                self._watch(self.laps[self.at])
            self.at = first + row

    def _export(self, lap: Lap) -> None:
        """Save a lap as a ghost to be sent."""
        name = f"{self.track.name}-{lap_text(lap.time).replace(':', '-')}{ENDING}"
        with saving(self.app, "ghosts", name, "no ghost saved") as path:
            tape = None if lap.stale else self.app.records.tape(lap.id)
            if tape is None:
                raise UserError(lap.stale or "its inputs are not kept")
            write_ghost(path, self.track, tape, lap.assists)

    @staticmethod
    def _watchable(lap: Lap) -> bool:
        return lap.taped and not lap.stale

    def _watch(self, lap: Lap) -> None:
        with driven_again(self.app):
            if lap.stale:
                raise TapeError(lap.stale)
            tape = self.app.records.tape(lap.id)
            if tape is None:
                self.app.tell("its inputs are not kept: only the five fastest laps' are")
            else:
                open_replay(self.app, self.track, [tape])

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        c = page(surface)
        p = c.palette
        wide, high = min(c.w - 20, 460.0), c.h - 34
        x, y = (c.w - wide) / 2, 8.0
        plate(c, "RECORDS", x, y, wide, high)
        c.text(self.track.title.upper(), x + wide - 10, y + 14, p.text, anchor=1.0, width=200)
        columns = (("TIME", 24.0), ("DRIVER", 92.0), ("CAR", 160.0), ("HELP", 232.0), ("", 330.0))
        for name, at in columns:
            c.text(name, x + at, y + 33, p.text_dim)
        if not self.laps:
            c.text("no laps yet: race, and they are remembered here", c.w / 2, y + 60,
                   p.text_dim, anchor=0.5)  # fmt: skip
        room = int((high - 52 - STRIP) // STEP)
        self._strip(c, x + 8, y + high - STRIP, wide - 16)
        first = max(0, min(self.at - room // 2, len(self.laps) - room))
        shown = len(self.laps[first : first + room])
        self._rows = ((y + 43) * c.k, STEP * c.k, first, shown)
        for k, lap in enumerate(self.laps[first : first + room]):
            top = y + 46 + STEP * k
            if first + k == self.at:
                c.rect(x + 3, top - 3, wide - 6, STEP - 1, mix(p.panel_edge, p.bad, 0.25))
            live = lap.valid and not lap.stale
            tone = p.text if live else p.text_dim
            c.text("▶" if self._watchable(lap) else "", x + 10, top, p.accent)
            c.text(lap_text(lap.time), x + 24, top, tone if lap.valid else p.bad)
            c.text(lap.driver, x + 92, top, p.human if lap.driver == "you" else p.agent, width=64)
            c.text(lap.car_name, x + 160, top, tone, width=68)
            c.text(lap.assists, x + 232, top, tone, width=94)
            said = lap.stale or ("" if lap.valid else "left the road")
            c.text(said or _date(lap.made), x + 330, top, p.text_dim, width=wide - 338)
        hints = [("ESC", "back")]
        if self.laps and self._watchable(self.laps[self.at]):
            hints = [("ENTER", "watch"), ("X", "save as a ghost"), *hints]
        c.hints(hints, x + 4, c.h - 15)

    def _strip(self, c: Canvas, x: float, y: float, wide: float) -> None:
        """Sectors of the chosen lap against the best of each, their sum, the curve over days."""
        p = c.palette
        mine = yours(self.laps)
        best, whole = best_sectors(mine), theoretical_best(mine)
        if not mine:
            return
        c.stripes(x - 6, y, wide + 12, 2)
        chosen = self.laps[self.at]
        c.text("SECTORS", x, y + 9, p.text_dim)
        c.text("this lap", x, y + 21, p.text_dim)
        c.text("best of each", x, y + 33, p.text_dim)
        for k, fastest in enumerate(best):
            right = x + 112 + 46 * k
            c.text(f"S{k + 1}", right, y + 9, p.text_dim, anchor=1.0)
            if k < len(chosen.sectors):
                own = chosen.sectors[k]
                tone = p.good if own <= fastest + 5e-4 else p.text
                c.text(sector_text(own), right, y + 21, tone, anchor=1.0)
            c.text(sector_text(fastest), right, y + 33, p.accent, anchor=1.0)
        if whole is not None:
            gain = min(m.time for m in mine) - whole
            told = f"theoretical best: {lap_text(whole)}, {gain:.2f} s to find"
            c.text(told, x, y + 46, p.text)
        days = best_by_day(mine)
        left, high = x + wide - 104, 44.0
        c.rect(left, y + 8, 104, high, shade(p.panel, 0.7))
        c.text("BEST BY DAY", left + 3, y + 11, p.text_dim)
        low, top = min(t for _, t in days), max(t for _, t in days)
        span, last = max(top - low, 0.1), max(days[-1][0], 1.0)
        points = [
            (left + 4 + 96 * d / last, y + 24 + (high - 21) * (t - low) / span) for d, t in days
        ]
        if len(points) > 1:
            line = [(px * c.k, py * c.k) for px, py in points]
            pygame.draw.lines(c.surface, p.good, False, line, max(1, c.k))
        for px, py in points:
            c.rect(px - 1, py - 1, 3, 3, p.accent)


def _date(made: float) -> str:
    """A date as text; "" if the time cannot be shown as a date."""
    try:
        return time.strftime("%Y-%m-%d", time.localtime(made))
    except (OverflowError, OSError, ValueError):
        return ""
