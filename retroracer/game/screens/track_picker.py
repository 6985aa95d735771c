"""The page of tracks: thumbnails with lengths, your best time and its medal."""

from __future__ import annotations

from pathlib import Path

import pygame

from retroracer.errors import UserError
from retroracer.game.race.daily import DAILY, daily_track, today
from retroracer.game.race.track_times import TrackTimes
from retroracer.game.screens.backdrop import page
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.results import MEDAL_COLOURS, medal_for
from retroracer.game.screens.screen import AppServices, Screen
from retroracer.game.screens.track_card import track_map
from retroracer.laptime.limit import known_time
from retroracer.physics.car import Car
from retroracer.render.palette import shade
from retroracer.render.text import lap_text
from retroracer.track.files import load_track
from retroracer.track.track import Track

HIGH = 66.0
"""Height of a thumbnail with its words [UI pixels]."""


def track_named(name: str) -> Track | str:
    """A track by its name or path, or why it cannot be raced on."""
    try:
        return daily_track(today()) if name == DAILY else load_track(name)
    except UserError as error:
        return str(error)


class TrackPicker(Screen):
    """Tracks to choose from, by their names, with the times of a car."""

    def __init__(self, app: AppServices, names: list[str], car: Car) -> None:
        super().__init__(app)
        self.names, self.car = names, car
        chosen = app.settings.now.track
        self.at = names.index(chosen) if chosen in names else 0
        self.times = TrackTimes(app.records, solve=False)
        self.tracks: dict[str, Track | str] = {}
        self._boxes: list[tuple[int, pygame.Rect]] = []
        self._columns = 1

    def close(self) -> None:
        """Stop what looks up times."""
        self.times.close()

    def event(self, event: pygame.event.Event, action: str) -> None:
        """Arrows and the pointer choose, Enter or a click takes."""
        steps = {"left": -1, "right": 1, "up": -self._columns, "down": self._columns}
        if action == "back":
            self.app.back()
        elif action == "accept":
            self._take()
        elif action in steps:
            moved = self.at + steps[action]
            self.at = moved % len(self.names) if abs(steps[action]) == 1 else (
                moved if 0 <= moved < len(self.names) else self.at
            )  # fmt: skip
        elif event.type in (pygame.MOUSEMOTION, pygame.MOUSEBUTTONDOWN):
            for k, box in self._boxes:
                if box.collidepoint(event.pos):
                    self.at = k
                    if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
                        self._take()
                    break

    def _take(self) -> None:
        self.app.settings.change(track=self.names[self.at])
        self.app.back()

    def advance(self, elapsed: float) -> None:
        """Read one more track, so that no picture waits for all of them."""
        missing = [n for n in self.names if n not in self.tracks]
        if missing:
            self.tracks[missing[0]] = track_named(missing[0])

    def draw(self, surface: pygame.Surface, elapsed: float) -> None:
        """Draw the page."""
        c = page(surface)
        p = c.palette
        c.panel(6, 6, c.w - 12, c.h - 28, alpha=236)
        c.text("TRACKS", 14, 12, p.accent, 2)
        c.stripes(8, 30, c.w - 16, 2)
        self._columns = max(1, min(int((c.w - 20) // 118), len(self.names)))
        each = (c.w - 20) / self._columns
        room = max(1, int((c.h - 62) // HIGH))
        first = max(0, min(self.at // self._columns - room // 2,
                           -(-len(self.names) // self._columns) - room))  # fmt: skip
        self._boxes = []
        for k, name in enumerate(self.names):
            row, column = k // self._columns - first, k % self._columns
            if 0 <= row < room:
                box = (10 + each * column, 37 + HIGH * row, each - 4, HIGH - 4)
                self._boxes.append((k, pygame.Rect(*(round(v * c.k) for v in box))))
                self._thumbnail(c, name, box, k == self.at)
        c.hints([("↑↓", "choose"), ("ENTER", "take"), ("ESC", "back")], 10, c.h - 15)

    def _thumbnail(
        self, c: Canvas, name: str, box: tuple[float, float, float, float], chosen: bool
    ) -> None:
        p, (x, y, w, h) = c.palette, box
        c.panel(x, y, w, h, edge=p.accent if chosen else None)
        track = self.tracks.get(name)
        stem = Path(name).stem.replace("_", " ").title()  # until it is read
        title = track.title if isinstance(track, Track) else stem
        c.text(title, x + 4, y + h - 19, p.text_dim if track is None else p.text, width=w - 44)
        if not isinstance(track, Track):
            told = "" if track is None else "cannot be raced on"
            c.text(told, x + 4, y + h - 9, p.bad, width=w - 8)
            return
        c.blit(track_map(track, (round((w - 4) * c.k), round((h - 24) * c.k))), x + 2, y + 2)
        c.text(f"{track.length / 1000:.2f} km", x + w - 4, y + h - 19, p.text_dim, anchor=1.0)
        best = self.times.best(track, self.car, self.app.settings.now.assists.named())
        c.text(lap_text(best), x + 4, y + h - 9, p.text if best else p.text_dim)
        limit = known_time(track, self.car)
        medal = medal_for(best, limit, self.times.author(track, self.car))
        if medal:
            tone = MEDAL_COLOURS[medal]
            spot = (round((x + w - 9) * c.k), round((y + h - 6.5) * c.k))
            pygame.draw.circle(c.surface, shade(tone, 0.6), spot, 4 * c.k)
            pygame.draw.circle(c.surface, tone, spot, 3 * c.k)
            c.text(medal, x + w - 16, y + h - 9, tone, anchor=1.0)
