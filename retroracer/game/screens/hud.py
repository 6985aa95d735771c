"""What is written over the road while racing: times, deltas, drivers, map, speed. Only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pygame

from retroracer.game.race.reference_laps import Delta
from retroracer.game.race.session import Session
from retroracer.game.screens.canvas import Canvas
from retroracer.physics import state
from retroracer.render.camera import Camera
from retroracer.render.cars import Role, marker, role_colour
from retroracer.render.palette import SECOND, Colour, Palette, mix, shade
from retroracer.render.text import lap_text

ARROW = ((1.0, 0.0), (0.1, 1.0), (0.1, 0.4), (-1.0, 0.4), (-1.0, -0.4), (0.1, -0.4), (0.1, -1.0))
"""Corners of an arrow, forwards and aside."""


NARROW = 256.0
"""Width below which there is no room for anything [UI pixels]."""

LIST_WIDTH = 122.0
"""Width of the list of drivers while nobody has a penalty [UI pixels]."""

MOST_LISTED = 8
"""Drivers in the list of places at most."""


@dataclass(frozen=True)
class Reading:
    """What is shown of a moment besides the session's own state."""

    row: int = 0  # the car looked at
    deltas: Sequence[Delta] = ()  # live differences to other laps
    limit: float | None = None  # fastest possible lap [s], None while unknown
    best: float | None = None  # your best lap [s], None before there is one
    best_sectors: Sequence[float] | None = None  # its times [s], if it was driven in this race
    way: float = 0.0  # of the track where the car is: angle on the screen [rad]
    speed_aside: float = 0.0  # how far the speed makes room for panels [UI pixels]
    map_shown: bool = True  # False leaves the mini-map's place to others
    sign_top: float = 0.0  # of WRONG WAY [UI pixels], 0 = above the middle of the screen


def sector_text(seconds: float) -> str:
    """A sector time, to a hundredth, with its minutes as lap times have them; dashes for none."""
    if seconds != seconds:
        return "--.--"
    minutes, hundredths = divmod(round(seconds * 100), 6000)
    rest = f"{hundredths / 100:.2f}"
    return f"{minutes}:{rest:0>5}" if minutes else rest


def signed(seconds: float) -> str:
    """A difference with its sign, to a hundredth, never "-0.00"."""
    hundredths = round(seconds * 100)
    return f"{'-' if hundredths < 0 else '+'}{abs(hundredths) / 100:.2f}"


class Hud:
    """The overlay of a session in its track's palette; ``colours`` as in ``inks_of``."""

    def __init__(self, session: Session, palette: Palette, colours: Sequence[Colour]) -> None:
        self.session = session
        self._colours = colours
        self.now = Reading()
        self.restyle(session.track.title, palette)

    def restyle(self, title: str, palette: Palette) -> None:
        """Take over another name and other colours of the track."""
        self.title, self.palette = title, palette
        self.inks = inks_of(self.session, palette, self._colours)
        self._map: tuple[tuple[int, int], pygame.Surface, Camera] | None = None

    def draw(self, canvas: Canvas, now: Reading) -> None:
        """Draw everything for the size of the surface."""
        self.now = now
        if canvas.w < NARROW or canvas.h < 180:
            return
        self._times(canvas)
        self._deltas(canvas)
        self._drivers(canvas)
        if now.map_shown:
            self._mini_map(canvas)
        self._speed(canvas)
        if self.session.wrong_way(now.row) and self.session.finish[now.row] is None:
            self._wrong_way(canvas)

    def _times(self, c: Canvas) -> None:
        s, p, i = self.session, self.palette, self.now.row
        race = s.race
        invalid = s.lap_invalid(i)
        c.panel(6, 6, 128, 68, edge=p.bad if invalid else None)
        lap = int(race.lap[i]) + 1
        text = f"LAP {min(lap, s.laps or lap)}" + (f"/{s.laps}" if s.laps else "")
        c.text(text, 12, 12, p.text_dim)
        c.text(self.title.upper(), 128, 12, p.text_dim, anchor=1.0, width=74)
        now = float((race.lap_time if s.finish[i] is None else race.last_lap_time)[i])
        c.text(lap_text(now), 12, 24, p.bad if invalid else p.text, 2)
        best = self.now.best if self.now.best is not None and i == 0 else s.best[i]
        tone = p.text_dim if best is None else p.accent
        rows = (("BEST", best, tone), ("LIMIT", self.now.limit, p.text_dim))
        for k, (name, value, colour) in enumerate(rows):
            c.text(name, 12, 44 + 10 * k, p.text_dim)
            c.text(lap_text(value), 128, 44 + 10 * k, colour, anchor=1.0)
        self._sectors(c, 6, 76)
        if invalid:
            c.panel(6, 92, 128, 13, edge=p.bad)
            c.text("\u00d7 LAP INVALID", 12, 95, p.bad)
        company = s.control.company_of(i) if s.control is not None else ""
        if company:  # such a lap is no lap of a time trial
            y = 106 if invalid else 92
            c.panel(6, y, 128, 13)
            words = company.replace("slipstream", "tow").upper()
            c.text(f"WITH {words}", 12, y + 3, p.text_dim, width=118)

    def _sectors(self, c: Canvas, x: float, y: float) -> None:
        """One cell per sector: its time in this lap or the last one, compared with the best."""
        s, p, i = self.session, self.palette, self.now.row
        n = len(s.track.sectors) + 1
        current = int(s.race.ints[i, state.SECTOR])
        begun = float(s.race.floats[i, state.LAP_START])
        splits = s.race.splits[i]
        last = s.race.sector_times(i)
        wide = 128 / n
        for k in range(n):
            left = x + k * wide
            c.panel(left, y, wide - (k < n - 1), 14)
            if k < current:
                time = float(splits[k]) - (float(splits[k - 1]) if k else begun)
            else:
                time = last[k]
            best = self.now.best_sectors[k] if self.now.best_sectors else None
            colour: Colour = p.text_dim
            sign = ""
            if k < current or (current == 0 and time == time):
                colour = p.text
                if best is not None and time == time:
                    better = time <= best + 1e-9
                    colour, sign = (p.good, "▲") if better else (p.accent, "▼")
            if k == current:
                c.rect(left + 1, y + 12, (wide - 3), 1, p.accent)
            shown = sector_text(time) if time == time else f"S{k + 1}"
            room = wide - 6
            if c.width(sign + shown) > room:
                sign = ""
            c.text(sign + shown, left + (wide - 1) / 2, y + 3, colour, anchor=0.5)

    def _deltas(self, c: Canvas) -> None:
        """Live differences to other laps; a bar and an arrow tell the sign without colour."""
        p = self.palette
        cells = self.now.deltas
        if not cells:
            return
        each = 62
        left = c.w / 2 - each * len(cells) / 2
        c.panel(left, 6, each * len(cells), 28)
        for k, (name, delta) in enumerate(cells):
            middle = left + each * (k + 0.5)
            c.text(name, middle, 10, p.text_dim, anchor=0.5, width=each - 6)
            if delta is None or abs(delta) > 99.0:
                c.text("--.--", middle, 21, p.text_dim, anchor=0.5)
                continue
            ahead = delta < 0.0
            colour = p.good if ahead else p.bad
            c.text(("▲" if ahead else "▼") + signed(delta), middle, 20, colour, anchor=0.5)
            share = min(abs(delta) / 1.0, 1.0) * (each / 2 - 5)
            c.rect(middle - (share if ahead else 0), 30, max(share, 1), 2, colour)
            c.rect(middle, 29, 1, 4, p.text_dim)

    @property
    def list_bottom(self) -> float:
        """Where the list of drivers ends [UI pixels]."""
        return 14.0 + 13 * min(self.session.race.n, MOST_LISTED)

    def _drivers(self, c: Canvas) -> None:
        s, p = self.session, self.palette
        control = s.control
        penalties = [0.0] * s.race.n if control is None else control.stewards.penalties().tolist()
        charges = [f"+{seconds:.0f}" if seconds else "" for seconds in penalties]
        # Penalties have a column of their own where they leave the road in sight.
        column = max(c.width(charge) for charge in charges) + 5 if any(penalties) else 0
        wide = LIST_WIDTH + min(column, max(c.w - 2 * LIST_WIDTH - 24, 0))
        left = c.w - 6 - wide
        c.panel(left, 6, wide, self.list_bottom - 6)
        order = s.order()
        for line, k in enumerate(listed(len(order), order.index(self.now.row), MOST_LISTED)):
            i, y = order[k], 11 + 13 * line
            role: Role = "human" if s.roles[i] == "human" else "agent"
            if i == self.now.row:
                c.rect(left + 1, y - 3, wide - 2, 12, mix(p.panel, p.panel_edge, 0.55))
            c.text(str(k + 1), left + 6, y, p.text_dim)
            sign = marker(role, self.inks[i], 9 * c.k)
            c.blit(sign, left + 15, y - 1)
            tone = driver_colour(role, self.inks[i])
            gaps = left + wide - 42
            c.text(s.names[i].upper(), left + 28, y, tone, width=gaps - column - left - 28)
            c.text(charges[i], gaps, y, p.bad, anchor=1.0)
            finished = s.finish[i]
            if finished is not None:
                text = lap_text(finished + penalties[i])
            elif s.is_out(i):
                text = "OUT"
            elif i == self.now.row:
                text = ""
            else:
                gap = s.gap(self.now.row, i)  # as at the top: how far the car looked at is behind
                text = "" if gap is None or abs(gap) > 999 else signed(gap)
            c.text(text, left + wide - 5, y, p.text, anchor=1.0)

    def _mini_map(self, c: Canvas) -> None:
        s, p = self.session, self.palette
        wide, high = 104, 92
        x, y = 6, c.h - high - 6
        key = (c.k, int(c.w))
        if self._map is None or self._map[0] != key:
            self._map = (key, *_map_plate(s, p, (wide * c.k, high * c.k), c.k))
        _, plate, camera = self._map
        c.panel(x, y, wide, high, alpha=200)
        c.blit(plate, x, y)
        spots = camera.to_screen(np.stack([s.race.x, s.race.y], axis=1))
        order = [i for i in range(s.race.n) if i != self.now.row] + [self.now.row]
        for i in order:
            role: Role = "human" if s.roles[i] == "human" else "agent"
            sign = marker(role, self.inks[i], (9 if i == self.now.row else 7) * c.k)
            half = sign.get_width() / 2
            # A car outside the map is shown at its edge.
            at = np.clip(spots[i], half, np.array([wide, high]) * c.k - half) - half
            c.surface.blit(sign, (round(x * c.k + at[0]), round(y * c.k + at[1])))

    def _speed(self, c: Canvas) -> None:
        s, p, i = self.session, self.palette, self.now.row
        wide = 96.0 if self.now.speed_aside else 110.0
        left, top = c.w - 6 - wide - self.now.speed_aside, c.h - 6 - 54
        c.panel(left, top, wide, 54)
        kmh = f"{3.6 * abs(float(s.race.speed[i])):.0f}"
        c.text(kmh, left + wide - 38, top + 7, p.text, 3, anchor=1.0)
        c.text("km/h", left + wide - 33, top + 21, p.text_dim)
        steer, throttle = (float(v) for v in s.actions[i])
        dark, long = shade(p.panel_edge, 0.62), wide - 16
        c.bar(left + 8, top + 34, long, 4, max(throttle, 0.0), p.good, dark)
        c.bar(left + 8, top + 40, long, 4, max(-throttle, 0.0), p.bad, dark)
        c.rect(left + 8, top + 46, long, 3, dark)
        middle = left + wide / 2
        reach = abs(steer) * long / 2
        c.rect(middle - (reach if steer > 0 else 0), top + 46, max(reach, 1), 3, p.accent)
        c.rect(middle, top + 45, 1, 5, p.text)

    def _wrong_way(self, c: Canvas) -> None:
        """A sign with an arrow that turns to where the track goes."""
        p, words = self.palette, "WRONG WAY"
        wide = c.width(words, 2) + 52
        x, y = (c.w - wide) / 2, self.now.sign_top or c.h * 0.34 - 8
        c.panel(x, y, wide, 32, alpha=240, edge=p.bad)
        c.text(words, x + 42, y + 9, p.bad, 2)
        forward = np.array([np.cos(self.now.way), np.sin(self.now.way)])
        aside = np.array([-forward[1], forward[0]])
        middle = np.array([x + 21.0, y + 16.0])
        corners = [middle + 11 * f * forward + 9 * r * aside for f, r in ARROW]
        pygame.draw.polygon(c.surface, p.accent, [(q * c.k).tolist() for q in corners])


def listed(n: int, mine: int, most: int) -> list[int]:
    """Places (from 0) of a list too long to be shown: the first three, and those round mine."""
    if n <= most:
        return list(range(n))
    first = min(max(mine - (most - 3) // 2, 3), n - (most - 3))
    return [0, 1, 2, *range(first, first + most - 3)]


def inks_of(session: Session, palette: Palette, colours: Sequence[Colour]) -> list[Palette]:
    """For each car the palette with its own colour as the agents'; none = the agents' colour."""
    people = [palette, replace(palette, human=SECOND)][: session.human]
    return people + [
        replace(palette, agent=colours[k]) if colours else palette
        for k in range(session.race.n - session.human)
    ]


def driver_colour(role: Role, palette: Palette) -> Colour:
    """The colour a driver's name is written in: readable on a plate."""
    return mix(role_colour(role, palette), palette.text, 0.25)


def _map_plate(
    session: Session, palette: Palette, size: tuple[int, int], k: int
) -> tuple[pygame.Surface, Camera]:
    """The road of the mini-map on a transparent ground, and where things are on it."""
    plate = pygame.Surface(size, pygame.SRCALPHA, 32)
    plate.fill((*palette.text_dim, 0))
    pad = 9 * k
    camera = Camera.fit(session.track.xy, size, (pad, pad, size[0] - 2 * pad, size[1] - 2 * pad))
    line = camera.to_screen(session.track.xy).tolist()
    pygame.draw.lines(plate, shade(palette.panel, 0.6), True, line, 5 * k)
    pygame.draw.lines(plate, palette.text_dim, True, line, max(2, 2 * k))
    reach = 4.0 * k / camera.pixels_per_metre
    for s, colour in [(0.0, palette.accent), *((x, palette.text) for x in session.track.sectors)]:
        ends, _ = session.track.pose_at(np.array([s, s]), np.array([reach, -reach]))
        a, b = camera.to_screen(ends).tolist()
        pygame.draw.line(plate, colour, a, b, k if s else 2 * k)
    return plate, camera
