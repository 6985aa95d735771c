"""The end of a race: who won, where time was lost, which medal; a panel over the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pygame

from retroracer.game.race.coach import Target
from retroracer.game.race.session import LapDone, Session
from retroracer.game.race.timing import LapCurve
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.hud import driver_colour, inks_of, listed, sector_text, signed
from retroracer.render.cars import Role, marker
from retroracer.render.palette import Colour, mix, shade
from retroracer.render.text import lap_text

MEDALS = (("gold", 1.05), ("silver", 1.12), ("bronze", 1.25))
"""Medals and the multiple of the limit that earns each."""

MEDAL_COLOURS = {
    "author": (126, 226, 196), "gold": (255, 210, 74), "silver": (206, 212, 226),
    "bronze": (222, 148, 92),
}  # fmt: skip


def medal_for(lap_time: float | None, limit: float | None, author: float | None = None) -> str:
    """The medal of a valid lap, "" for none or none known.

    Args:
        lap_time: [s].
        limit: of track and car [s].
        author: lap of the best shipped agent [s].
    """
    if lap_time is None:
        return ""
    if author is not None and lap_time <= author:
        return "author"
    if limit is None:
        return ""
    return next((name for name, factor in MEDALS if lap_time <= factor * limit), "")


def speed_trace(curve: LapCurve, length: float, points: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Speed [m/s] against distance [m] of a lap, by differences of its curve."""
    s = np.linspace(0.0, length, points + 1)
    t = np.interp(s, curve.distance, curve.time)
    gaps = np.maximum(np.diff(t), 1e-3)
    return 0.5 * (s[1:] + s[:-1]), np.diff(s) / gaps


class Results:
    """The panel of a session, which may go on while it is shown.

    ``assists`` tells what helped, in words; ``colours`` are as in ``inks_of``.
    """

    def __init__(self, session: Session, assists: str, colours: Sequence[Colour] = ()) -> None:
        self.session = session
        self.colours = colours
        self.assists = assists
        self.line_shown = False
        # Of each car the fastest and the fastest that counts; of yours that count all sectors.
        self.laps: list[list[LapDone]] = [[] for _ in range(session.race.n)]
        self.best_sectors: list[float] = []
        self._counted = 0
        self.at = 99  # the last way: to the menu
        self.target: Target | None = None

    def add(self, done: LapDone) -> None:
        """Take in a finished lap."""
        if done.row == 0 and done.valid:
            fastest_yet = self.best_sectors or done.sectors
            self.best_sectors = [min(a, b) for a, b in zip(fastest_yet, done.sectors, strict=True)]
            self._counted += 1
        # Two laps a car are enough to keep: the fastest, and the fastest valid one.
        laps = [*self.laps[done.row], done]
        fastest = min(laps, key=lambda d: d.time)
        counts = min((d for d in laps if d.valid), key=lambda d: d.time, default=fastest)
        self.laps[done.row] = [counts] if counts is fastest else [fastest, counts]

    def headline(self) -> str:
        """Who won, in a few words."""
        s = self.session
        if s.race.n == 1:
            return "FINISHED"
        if s.human != 1:
            return f"{s.names[s.order()[0]].upper()} WINS"
        place = s.order().index(0) + 1
        return "YOU WIN!" if place == 1 else f"PLACE {place} OF {s.race.n}"

    def draw(self, c: Canvas, limit: float | None, author: float | None) -> None:
        """Draw the panel over a darkened picture."""
        s, p = self.session, c.palette
        c.shade_all(120)
        rows = self._rows(c)
        wide, high = 372.0, 216.0 + 13 * max(0, rows - 4)
        x, y = (c.w - wide) / 2, (c.h - high) / 2 + 2
        c.panel(x, y, wide, high, alpha=244)
        c.stripes(x + 2, y + 30, wide - 4, 3)
        c.text(self.headline(), x + 12, y + 9, p.accent, 2)
        c.text(s.track.title.upper(), x + wide - 12, y + 9, p.text, anchor=1.0, width=150)
        helped = self.assists + (
            " + line" if self.line_shown and "line" not in self.assists else ""
        )
        kind = "race" if s.control is not None else "time trial" if s.race.n > 1 else "alone"
        told = f"{kind}, {helped if s.human else 'watching'}"
        c.text(told, x + wide - 12, y + 19, p.text_dim, anchor=1)
        self._table(c, x + 12, y + 42, limit, author)
        self._sectors(c, x + 12, y + 62 + 13 * rows)
        top = y + 62 + 13 * rows + 44
        self._trace(c, x + 12, top, wide - 24, y + high - 12 - top)
        if self.target is not None:
            lines = self._target_lines(c, wide - 54)
            above = y - 11 - 11 * len(lines)
            c.panel(x, above, wide, 7 + 11 * len(lines), alpha=244, edge=p.accent)
            c.text("NEXT", x + 12, above + 5, p.accent)
            for k, line in enumerate(lines):
                c.text(line, x + 42, above + 5 + 11 * k)
        hints = [(cap, does) for cap, does, _ in self.ways()]
        total = sum(c.width(a) + c.width(b) + 20 for a, b in hints) - 10
        left = (c.w - total) / 2
        before = sum(c.width(a) + c.width(b) + 20 for a, b in hints[: self.at])
        chosen = hints[self.at]
        room = c.width(chosen[0]) + c.width(chosen[1]) + 18
        c.rect(left + before - 4, y + high + 3, room, 15, mix(p.panel_edge, p.bad, 0.25))
        c.hints(hints, left, y + high + 8)

    def _target_lines(self, c: Canvas, wide: float) -> list[str]:
        """The target in one line, or with what to do below where the time was lost."""
        told = str(self.target)
        if c.width(told) <= wide:
            return [told]
        lost, _, advice = told.partition(": ")
        return [part for half in (f"{lost}:", advice) for part in c.lines(half, wide)]

    def ways(self) -> list[tuple[str, str, str]]:
        """Where one can go from here: key cap, words, action."""
        ways = [("R", "again", "restart"), ("V", "replay", "replay"),
                ("T", "telemetry", "telemetry"), ("ENTER", "menu", "menu")]  # fmt: skip
        raced_alone = self.session.human == 1 and self.session.control is None
        if raced_alone and self.best_lap() is not None:
            ways.insert(1, ("G", "race the new ghost", "ghost"))
        self.at = min(self.at, len(ways) - 1)
        return ways

    def move(self, step: int) -> None:
        """Choose another way, by arrows or the pad."""
        self.at = (self.at + step) % len(self.ways())

    def to_compare(self) -> tuple[LapCurve | None, LapCurve | None, str]:
        """Your fastest lap, valid or not; the fastest rival's valid one; that rival's name."""
        mine = min(self.laps[0], key=lambda d: d.time, default=None)
        if mine is None or self.session.human != 1:
            return None, None, ""
        rival = self._rival()
        if rival is None:
            return mine.curve, None, ""
        return mine.curve, self.session.curves[rival], self.session.names[rival]

    def best_lap(self) -> LapDone | None:
        """Your best valid lap of this race, None if there is none."""
        return min((d for d in self.laps[0] if d.valid), key=lambda d: d.time, default=None)

    def _table(
        self, c: Canvas, x: float, y: float, limit: float | None, author: float | None
    ) -> None:
        s, p = self.session, c.palette
        heads = [("DRIVER", 26.0), ("TOTAL", 158.0), ("BEST LAP", 278.0), ("MEDAL", 348.0)]
        heads += [("PENALTY", 212.0)] if s.control is not None else []
        for text, at in heads:
            c.text(text, x + at, y, p.text_dim, anchor=0.0 if at < 100 else 1.0)
        order = s.order()
        first = self._total(order[0])
        inks = inks_of(s, p, self.colours)
        mine = order.index(0) if s.human else 0
        for line, k in enumerate(listed(len(order), mine, self._rows(c))):
            i, top = order[k], y + 14 + 13 * line
            if i < s.human:
                c.rect(x - 4, top - 3, 356, 13, mix(p.panel, p.panel_edge, 0.6))
            role: Role = "human" if s.roles[i] == "human" else "agent"
            c.text(str(k + 1), x, top, p.text_dim)
            ink = inks[i]
            c.blit(marker(role, ink, 9 * c.k), x + 10, top - 1)
            c.text(s.names[i].upper(), x + 26, top, driver_colour(role, ink), width=80)
            total = self._total(i)
            text = lap_text(total) if total is not None else f"lap {int(s.race.lap[i]) + 1}"
            if k and total is not None and first is not None:
                text = signed(total - first)
            text = "out" if s.is_out(i) else text
            if s.control is not None:
                penalty = s.control.penalty(i)
                c.text(f"+{penalty:.0f} s" if penalty else "", x + 212, top, p.bad, anchor=1.0)
            c.text(text, x + 158, top, p.text, anchor=1.0)
            best = s.best[i]
            if best is None and self.laps[i]:  # laps, but no valid one
                told, colour = "\u00d7 " + lap_text(min(d.time for d in self.laps[i])), p.bad
            else:
                told, colour = lap_text(best), p.text if best is not None else p.text_dim
            c.text(told, x + 278, top, colour, anchor=1.0)
            # Medals are for driving alone: a tow or a shove earns none.
            medal = medal_for(s.alone[i], limit, author if i == 0 and s.human else None)
            if medal:
                tone = MEDAL_COLOURS[medal]
                spot = (round((x + 303) * c.k), round((top + 3.5) * c.k))
                pygame.draw.circle(c.surface, shade(tone, 0.6), spot, 5 * c.k)
                pygame.draw.circle(c.surface, tone, spot, 4 * c.k)
                c.text(medal, x + 348, top, tone, anchor=1.0)

    def _total(self, row: int) -> float | None:
        """A car's time of the race with its penalties [s], None before it has finished."""
        time, control = self.session.finish[row], self.session.control
        return time if time is None or control is None else time + control.penalty(row)

    def _rows(self, c: Canvas) -> int:
        """How many drivers there is room for."""
        return min(self.session.race.n, max(4, 4 + int((c.h - 256) // 13)))

    def _rival(self) -> int | None:
        s = self.session
        return next((i for i in s.order() if i != 0 and s.curves[i] is not None), None)

    def _lap_of(self, row: int | None) -> LapDone | None:
        """The lap that is shown of a car: its fastest that counts, else its fastest."""
        laps = self.laps[row] if row is not None else []
        return min([d for d in laps if d.valid] or laps, key=lambda d: d.time, default=None)

    def _sectors(self, c: Canvas, x: float, y: float) -> None:
        """Best laps by sector: yours, the rival's; and the lap of your best sectors."""
        s, p = self.session, c.palette
        rows: list[tuple[str, LapDone]] = []
        for i in (0, self._rival()):
            lap = self._lap_of(i)
            if lap is not None and i is not None:
                rows.append((s.names[i].upper(), lap))
        if not rows:
            c.text("no lap finished", x, y + 8, p.text_dim)
            return
        n = len(rows[0][1].sectors)
        step = min(60.0, 190.0 / n)
        for k in range(n):
            c.text(f"S{k + 1}", x + 100 + step * (k + 1), y, p.text_dim, anchor=1.0)
        c.text("LAP", x + 348, y, p.text_dim, anchor=1.0)
        told = [(name, lap.sectors, lap.time, p.text) for name, lap in rows]
        if s.human == 1 and self._counted > 1:
            whole = sum(self.best_sectors)
            told.append(("theoretical best", tuple(self.best_sectors), whole, p.accent))
        for j, (name, sectors, time, ink) in enumerate(told):
            top = y + 11 + 11 * j
            c.text(name, x + 26, top, p.text_dim, width=90 if j < len(rows) else None)
            for k, sector in enumerate(sectors):
                best = len(rows) > 1 and sector == min(row[1].sectors[k] for row in rows)
                tone = p.good if best and j < len(rows) else ink
                c.text(sector_text(sector), x + 100 + step * (k + 1), top, tone, anchor=1.0)
            c.text(lap_text(time), x + 348, top, ink, anchor=1.0)

    def _trace(self, c: Canvas, x: float, y: float, wide: float, high: float) -> None:
        """Speed against distance of the laps whose sectors are shown."""
        s, p = self.session, c.palette
        c.rect(x, y, wide, high, shade(p.panel, 0.7))
        c.text("SPEED", x + 4, y + high - 10, p.text_dim)
        rival = self._rival()
        traces = []
        inks = inks_of(s, p, self.colours)
        theirs = inks[rival].agent if rival is not None else p.agent
        for i, colour in ((rival, theirs), (0, p.human if s.human else inks[0].agent)):
            lap = self._lap_of(i)
            if lap is not None:
                traces.append((*speed_trace(lap.curve, s.track.length), colour))
        if not traces:
            return
        top = 1.05 * max(float(v.max()) for _, v, _ in traces)
        for station in s.track.sectors:
            c.rect(x + wide * station / s.track.length, y, 1, high, p.panel_edge)
        for distance, speed, colour in traces:
            points = np.stack(
                [x + wide * distance / s.track.length, y + high * (1.0 - speed / top)], axis=1
            )
            pygame.draw.lines(c.surface, colour, False, (points * c.k).tolist(), max(1, c.k))
