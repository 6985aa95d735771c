"""What is written over the road: times, speed, pedals, gap, map. Reads a session, no more."""

from __future__ import annotations

import numpy as np
import pygame

from retroracer.game.session import Session
from retroracer.render.camera import Camera
from retroracer.render.cars import marker, role_colour
from retroracer.render.palette import Palette
from retroracer.render.text import gap_text, lap_text, write


def panel(surface: pygame.Surface, rect: pygame.Rect, palette: Palette) -> None:
    """A translucent plate with an edge."""
    plate = pygame.Surface(rect.size, pygame.SRCALPHA, 32)
    plate.fill((*palette.panel, 214))
    surface.blit(plate, rect)
    pygame.draw.rect(surface, palette.panel_edge, rect, 2)


class Hud:
    """The overlay of a session.

    Args:
        session: read only.
        palette: the track's.
    """

    def __init__(self, session: Session, palette: Palette) -> None:
        self._session = session
        self._palette = palette
        self._map: tuple[tuple[int, int], pygame.Surface, Camera] | None = None

    def draw(self, surface: pygame.Surface, paused: bool, note: str) -> None:
        """Draw everything for the size of the surface."""
        w, h = surface.get_size()
        unit = min(w / 1280.0, h / 720.0)
        if w < 320 or h < 200:
            return
        self._times(surface, unit)
        self._speed(surface, unit)
        self._drivers(surface, unit)
        self._mini_map(surface, unit)
        session = self._session
        palette = self._palette
        focus = 0
        if session.race.off_track[focus] and session.human:
            self._banner(surface, "OFF TRACK - lap invalid", palette.bad, unit)
        elif session.over:
            self._banner(surface, self._verdict(), palette.accent, unit)
        if paused:
            self._banner(surface, "PAUSED - P goes on", palette.text, unit)
        if note:
            at = (16 * unit, h - 14 * unit)
            write(surface, note, at, round(22 * unit), palette.text, (0.0, 1.0))

    def _times(self, surface: pygame.Surface, unit: float) -> None:
        session, p = self._session, self._palette
        race = session.race
        rect = pygame.Rect(16 * unit, 16 * unit, 268 * unit, 148 * unit)
        panel(surface, rect, p)
        lap = int(race.lap[0]) + 1
        of = f" / {session.laps}" if session.laps else ""
        x, right, y = rect.left + 16 * unit, rect.right - 16 * unit, rect.top + 14 * unit
        write(
            surface,
            f"LAP {min(lap, session.laps or lap)}{of}",
            (x, y),
            round(26 * unit),
            p.text_dim,
        )
        write(surface, session.track.title, (right, y), round(26 * unit), p.text_dim, (1, 0))
        bad = race.floats[0, 21] > 0.0
        now = float(race.lap_time[0]) if session.finish[0] is None else session.finish[0]
        colour = p.bad if bad and session.human else p.text
        write(surface, lap_text(now), (x, y + 28 * unit), round(58 * unit), colour)
        small = round(27 * unit)
        for k, (name, value) in enumerate(
            (("last", float(race.last_lap_time[0])), ("best", session.best[0]))
        ):
            at = y + (78 + 24 * k) * unit
            write(surface, name, (x, at), small, p.text_dim)
            tone = p.accent if name == "best" and value is not None else p.text
            write(surface, lap_text(value), (right, at), small, tone, (1, 0))

    def _speed(self, surface: pygame.Surface, unit: float) -> None:
        session, p = self._session, self._palette
        w, h = surface.get_size()
        rect = pygame.Rect(w - 216 * unit, h - 128 * unit, 200 * unit, 112 * unit)
        panel(surface, rect, p)
        kmh = f"{3.6 * float(session.race.speed[0]):.0f}"
        right = rect.right - 62 * unit
        write(surface, kmh, (right, rect.top + 14 * unit), round(72 * unit), p.text, (1, 0))
        write(
            surface, "km/h", (right + 6 * unit, rect.top + 38 * unit), round(24 * unit), p.text_dim
        )
        steer, throttle = session.actions[0]
        bar = pygame.Rect(
            rect.left + 16 * unit, rect.bottom - 32 * unit, rect.width - 32 * unit, 7 * unit
        )
        for k, (value, good) in enumerate(((throttle, True), (-steer, False))):
            line = bar.move(0, round(14 * k * unit))
            pygame.draw.rect(surface, p.panel_edge, line)
            middle = line.centerx
            length = round(abs(value) * line.width / 2)
            colour = (p.good if value > 0 else p.bad) if good else p.accent
            left = middle if value > 0 else middle - length
            pygame.draw.rect(surface, colour, (left, line.top, length, line.height))
            pygame.draw.line(surface, p.text, (middle, line.top - 2), (middle, line.bottom + 1))

    def _drivers(self, surface: pygame.Surface, unit: float) -> None:
        session, p = self._session, self._palette
        w, _ = surface.get_size()
        rows = session.race.n
        rect = pygame.Rect(w - 316 * unit, 16 * unit, 300 * unit, (18 + 30 * rows) * unit)
        panel(surface, rect, p)
        order = sorted(range(rows), key=lambda i: -float(session.race.progress[i]))
        for k, i in enumerate(order):
            y = rect.top + (24 + 30 * k) * unit
            role = "human" if session.human and i == 0 else "agent"
            sign = marker(role, p, round(18 * unit))  # type: ignore[arg-type]
            surface.blit(sign, (rect.left + 14 * unit, y - sign.get_height() / 2))
            name = "you" if role == "human" else session.policies[i - session.human].name
            tone = role_colour(role, p)  # type: ignore[arg-type]
            write(surface, name, (rect.left + 42 * unit, y), round(27 * unit), tone, (0, 0.5))
            if i == 0:
                text = lap_text(session.best[0]) if session.best[0] is not None else ""
            else:
                gap = session.gap(i, 0)
                text = gap_text(gap)
            write(surface, text, (rect.right - 16 * unit, y), round(27 * unit), p.text, (1, 0.5))

    def _mini_map(self, surface: pygame.Surface, unit: float) -> None:
        session, p = self._session, self._palette
        w, h = surface.get_size()
        box = pygame.Rect(16 * unit, h - 236 * unit, 220 * unit, 190 * unit)
        if self._map is None or self._map[0] != (w, h):
            plate = pygame.Surface(box.size, pygame.SRCALPHA, 32)
            plate.fill((*p.panel, 190))
            pygame.draw.rect(plate, p.panel_edge, plate.get_rect(), 2)
            pad = 16 * unit
            camera = Camera.fit(
                session.track.xy,
                box.size,
                (pad, pad, box.width - 2 * pad, box.height - 2 * pad),
            )
            line = camera.to_screen(session.track.xy).tolist()
            pygame.draw.lines(plate, p.text_dim, True, line, max(2, round(4 * unit)))
            start = camera.to_screen(session.track.pose_at(np.zeros(2), np.array([30.0, -30.0]))[0])
            pygame.draw.line(plate, p.accent, start[0], start[1], max(2, round(3 * unit)))
            self._map = ((w, h), plate, camera)
        _, plate, camera = self._map
        surface.blit(plate, box)
        for i in reversed(range(session.race.n)):
            role = "human" if session.human and i == 0 else "agent"
            at = camera.to_screen(np.array([session.race.x[i], session.race.y[i]]))
            sign = marker(role, p, max(9, round(15 * unit)))  # type: ignore[arg-type]
            surface.blit(sign, np.array(box.topleft) + at - np.array(sign.get_size()) / 2)

    def _verdict(self) -> str:
        session = self._session
        if not session.human:
            return f"FINISHED in {lap_text(session.finish[0])} - R races again"
        mine = session.finish[0]
        others = [f for f in session.finish[1:] if f is not None and mine is not None and f < mine]
        place = len(others) + 1
        how = "YOU WIN" if place == 1 and len(session.finish) > 1 else f"PLACE {place}"
        if len(session.finish) == 1:
            how = "FINISHED"
        return f"{how} - {lap_text(mine)} - R races again"

    def _banner(
        self, surface: pygame.Surface, text: str, colour: tuple[int, int, int], unit: float
    ) -> None:
        w, h = surface.get_size()
        rect = pygame.Rect(0, 0, 620 * unit, 54 * unit)
        rect.center = (w // 2, round(h * 0.2))
        panel(surface, rect, self._palette)
        write(surface, text, rect.center, round(36 * unit), colour, (0.5, 0.5))
