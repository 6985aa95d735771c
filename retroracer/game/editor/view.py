"""The editor's picture: grid, road, points, what is wrong, the keys."""

from __future__ import annotations

import numpy as np
import pygame

from retroracer.game.editor.draft import Draft
from retroracer.game.screens.canvas import Canvas
from retroracer.render.camera import Camera
from retroracer.render.ground import draw_grass
from retroracer.render.palette import DEFAULT as COLOURS
from retroracer.render.palette import mix, shade
from retroracer.track.geometry import Array

PIECES = 500
GRIDS = (10.0, 50.0, 100.0, 500.0, 1000.0)


def draw_editor(surface: pygame.Surface, camera: Camera, draft: Draft) -> None:
    """Draw everything."""
    draw_grass(surface, camera, COLOURS)
    c = Canvas(surface, COLOURS)
    _grid(c, camera)
    if draft.line is not None:
        _road(surface, camera, draft)
    else:  # no valid road: show at least the order of the points
        loop = camera.to_screen(np.array([(p.x, p.y) for p in draft.page.points])).tolist()
        pygame.draw.lines(surface, COLOURS.bad, True, loop, max(1, c.k))
    _points(c, camera, draft)
    if c.w >= 320 and c.h >= 180:
        _write(c, draft)


def _grid(c: Canvas, camera: Camera) -> None:
    """Lines every so many metres, with their length told."""
    side = next((g for g in GRIDS if g * camera.pixels_per_metre >= 46 * c.k), GRIDS[-1])
    corners = camera.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    colour = mix(COLOURS.grass, COLOURS.line, 0.14)
    w, h = camera.size
    first, end = np.floor(low / side), np.ceil(high / side) + 1
    for x in np.arange(first[0], end[0]) * side:
        at = camera.to_screen(np.array([x, 0.0]))[0]
        pygame.draw.line(c.surface, colour, (at, 0), (at, h))
    for y in np.arange(first[1], end[1]) * side:
        at = camera.to_screen(np.array([0.0, y]))[1]
        pygame.draw.line(c.surface, colour, (0, at), (w, at))
    long = side * camera.pixels_per_metre / c.k
    x, y = c.w - 14 - long, c.h - 34
    c.rect(x, y, long, 2, COLOURS.text)
    c.text(f"{side:g} m", x + long / 2, y - 10, COLOURS.text, anchor=0.5, shadow=True)


def _road(surface: pygame.Surface, camera: Camera, draft: Draft) -> None:
    line = draft.line
    assert line is not None
    s = np.linspace(0.0, line.length, PIECES, endpoint=False)
    xy, heading = line.pose(s)
    left, right = line.half_widths(s)
    normal = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    a = camera.to_screen(xy + normal * left[:, None])
    b = camera.to_screen(xy - normal * right[:, None])
    middle = camera.to_screen(xy)
    corners = np.stack([a, np.roll(a, -1, axis=0), np.roll(b, -1, axis=0), b], axis=1)
    for quad in corners.tolist():
        pygame.draw.polygon(surface, COLOURS.road, quad)
    pygame.draw.lines(surface, COLOURS.line, True, a.tolist(), 2)
    pygame.draw.lines(surface, COLOURS.line, True, b.tolist(), 2)
    for i in range(0, PIECES, 4):
        p, q = middle[i].tolist(), middle[(i + 2) % PIECES].tolist()
        pygame.draw.line(surface, COLOURS.accent, p, q, 1)
    # Arrows show the direction.
    for i in range(0, PIECES, PIECES // 10):
        _arrow(surface, middle[i], middle[(i + 2) % PIECES])


def _arrow(surface: pygame.Surface, at: Array, ahead: Array) -> None:
    way = ahead - at
    size = float(np.hypot(*way))
    if size < 1e-6:
        return
    way = way / size * 9.0
    side = np.array([-way[1], way[0]]) * 0.6
    tip = [at + way, at - way * 0.4 + side, at - way * 0.4 - side]
    pygame.draw.polygon(surface, COLOURS.accent, [p.tolist() for p in tip])


def _points(c: Canvas, camera: Camera, draft: Draft) -> None:
    k = c.k
    points = np.array([(p.x, p.y) for p in draft.page.points])
    for i, (x, y) in enumerate(camera.to_screen(points).tolist()):
        bad, chosen = i in draft.verdict.bad, i == draft.selected
        tone = COLOURS.bad if bad else COLOURS.accent if chosen else COLOURS.text
        if bad:  # a ring as well as a colour
            pygame.draw.circle(c.surface, COLOURS.bad, (x, y), 11 * k, max(2, k))
        pygame.draw.rect(c.surface, COLOURS.panel, (x - 4 * k, y - 4 * k, 8 * k, 8 * k))
        pygame.draw.rect(c.surface, tone, (x - 3 * k, y - 3 * k, 6 * k, 6 * k))
        name = draft.page.points[i].name if i else "START"
        if name:
            c.text(name, x / k, y / k + 8, COLOURS.text, anchor=0.5, shadow=True)


def _write(c: Canvas, draft: Draft) -> None:
    p, page = COLOURS, draft.page
    c.panel(6, 6, 190, 44)
    c.text(page.path.name, 12, 12, p.text, width=124)
    c.text("not saved" if draft.unsaved else "saved", 190, 12,
           p.accent if draft.unsaved else p.text_dim, anchor=1.0)  # fmt: skip
    length = draft.line.length if draft.line is not None else 0.0
    c.text(f"{len(page.points)} points   {length:.0f} m", 12, 24, p.text_dim)
    good = draft.verdict.track is not None
    state = "✓ can be raced" if good else "\u00d7 cannot be raced yet"
    c.text(state, 12, 36, p.good if good else p.bad)
    if draft.selected is not None:
        point = page.points[draft.selected]
        wide = sum(page.half_widths(draft.selected))
        c.panel(c.w - 136, 6, 130, 44)
        c.text(f"point {draft.selected + 1}", c.w - 130, 12, p.accent)
        c.text(f"x {point.x:g}  y {point.y:g}", c.w - 130, 24, p.text)
        c.text(f"width {wide:g} m", c.w - 130, 36, p.text)
    if draft.verdict.told:
        wide = min(c.w - 24, 418.0)
        rows = [line for told in draft.verdict.told[:3] for line in c.lines(told, wide)][:6]
        colour = p.text_dim if good else p.bad
        c.panel(6, 54, wide + 12, 8 + 11 * len(rows), edge=None if good else p.bad)
        for k, row in enumerate(rows):
            c.text(row, 12, 59 + 11 * k, colour, width=wide)
    c.rect(0, c.h - 18, c.w, 18, shade(p.panel, 0.9))
    hints = [("DRAG", "move"), ("CLICK", "on the road: new"), ("DEL", "delete"), ("[ ]", "width"),
             ("U Y", "undo, redo"), ("S", "save"), ("T", "drive")]  # fmt: skip
    if c.w < 600:
        hints = [h for h in hints if h[0] not in ("DRAG", "DEL")]
    c.hints(hints, 8, c.h - 12, shadow=False)
