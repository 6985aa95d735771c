"""The race screen's picture: layers on the road, the race, what is written, lights, pause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pygame

from retroracer.game.race.timing import LapCurve
from retroracer.game.screens.canvas import Canvas
from retroracer.game.screens.observation_view import draw_limit_line, draw_sight, draw_trail
from retroracer.render.camera import Camera
from retroracer.render.palette import shade

if TYPE_CHECKING:
    from retroracer.game.screens.race import RaceScreen
    from retroracer.laptime.limit import Limit

LAMPS = 5


def curve_of(limit: Limit) -> LapCurve:
    """The limit's lap as a curve of time against distance."""
    return LapCurve([*limit.s, limit.length], [*limit.time, limit.lap_time], limit.lap_time)


def draw_race(screen: RaceScreen, surface: pygame.Surface, elapsed: float) -> None:
    """Draw everything of a race."""
    limit = screen.limit_now()
    session, overlays, view = screen.session, screen.overlays, screen.view
    palette = screen.scene.palette

    def lines(target: pygame.Surface, camera: Camera) -> None:
        if limit is not None and (overlays.racing_line or "path" in overlays.on):
            draw_limit_line(target, camera, palette, limit, braking=overlays.racing_line)
        if not session.policies:
            return
        row = overlays.agent(view.row)
        if "path" in overlays.on:
            draw_trail(target, camera, palette, overlays.trail.rows)
        if "sight" in overlays.on:
            x, y, heading = session.seen_from[row].tolist()
            draw_sight(target, camera, palette, session.observation[row], (x, y, heading))

    camera = view.draw(surface, screen.loop.share, elapsed, [lines], screen.ghosts.views())
    canvas = Canvas(surface, palette)
    if canvas.w < 320 or canvas.h < 180:
        return
    if screen.showing_results:
        screen.results.line_shown = overlays.helped
        author = screen.author.get() if screen.author is not None else None
        screen.results.draw(canvas, limit.lap_time if limit else None, author)
        return
    hud = screen.hud
    hud.best_sectors = screen.best_sectors
    hud.best = screen.best.lap_time if screen.best is not None else None
    looking = bool(overlays.on and session.policies)
    agent = overlays.agent(view.row) if looking else 0
    top = 20.0 + 13 * session.race.n
    # The speed makes room where the agent's panels reach down to it.
    low = looking and screen.panels.bottom(agent, top) > canvas.h - 62
    race = session.race
    hud.way = camera.angle_on_screen(
        float(race.heading[view.row]) - float(race.heading_error[view.row])
    )
    hud.speed_aside = 126.0 if low else 0.0
    hud.map_shown = not (looking and screen.panels.over_map(canvas.h))
    hud.draw(canvas, screen.deltas(limit), limit.lap_time if limit else None, view.row)
    if looking:
        screen.panels.draw(canvas, agent, top)
    if screen.lights > 0.0:
        _lamps(canvas, screen.lamps_on)
        canvas.text("SPACE skips", canvas.w / 2, 100, palette.text, anchor=0.5, shadow=True)
    elif screen.since_go < 0.9 and screen.had_lights:
        canvas.text("GO!", canvas.w / 2, 52, palette.good, 4, anchor=0.5, shadow=True)
    if screen.errors:
        _errors(canvas, screen.errors)
    if screen.paused:
        _pause(canvas)


def _lamps(c: Canvas, lit: int) -> None:
    """Red lamps that come on one by one; when all go out, the race is on."""
    p, k = c.palette, c.k
    wide, gap = 22.0, 4.0
    x = c.w / 2 - (LAMPS * wide + (LAMPS - 1) * gap) / 2
    c.panel(x - 8, 44, LAMPS * (wide + gap) - gap + 16, 46, alpha=240)
    for i in range(LAMPS):
        left = x + i * (wide + gap)
        c.rect(left, 49, wide, 36, shade(p.panel, 0.5))
        for row in range(2):
            at = (round((left + wide / 2) * k), round((58 + 18 * row) * k))
            on = row == 1 and i < lit
            colour = p.bad if on else shade(p.panel_edge, 0.7)
            if on:
                pygame.draw.circle(c.surface, shade(p.bad, 0.55), at, 9 * k)
            pygame.draw.circle(c.surface, colour, at, 7 * k)
            pygame.draw.circle(
                c.surface, shade(colour, 1.35), (at[0] - 2 * k, at[1] - 2 * k), 2 * k
            )


def _errors(c: Canvas, errors: tuple[str, ...]) -> None:
    """What is wrong with the page that was saved last."""
    wide = min(c.w - 20, 440.0)
    told = [e for e in errors if not e.startswith("    ")]
    lines = [part for e in told for part in c.lines(e, wide - 16)][: int((c.h - 130) // 11)]
    x, y = (c.w - wide) / 2, 108.0
    c.panel(x, y, wide, 24 + 11 * len(lines), alpha=240, edge=c.palette.bad)
    c.text("the saved page is broken; the last good track stays", x + 8, y + 6, c.palette.bad)
    for k, line in enumerate(lines):
        c.text(line, x + 8, y + 19 + 11 * k, c.palette.text, width=wide - 16)


def _pause(c: Canvas) -> None:
    p = c.palette
    c.shade_all(130)
    wide, high = 250.0, 96.0
    x, y = (c.w - wide) / 2, (c.h - high) / 2
    c.panel(x, y, wide, high, alpha=244)
    c.stripes(x + 2, y + 28, wide - 4, 3)
    c.text("PAUSED", c.w / 2, y + 8, p.accent, 2, anchor=0.5)
    rows = [[("P", "go on"), ("R", "again"), ("V", "replay")],
            [("ESC", "menu"), ("M", "sound"), ("C", "camera")],
            [("BKSP", "to the track"), ("L", "line"), ("F1-F4", "agent")]]  # fmt: skip
    for k, hints in enumerate(rows):
        c.hints(hints, x + 16, y + 43 + 18 * k, shadow=False)
