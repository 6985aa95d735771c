"""Pictures of whole circuits, for pages and people. Owns their layout, not how roads look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pygame

from retroracer.atomic import replacing
from retroracer.render.camera import Camera
from retroracer.render.palette import Palette, mix
from retroracer.render.scene import TrackScene
from retroracer.render.text import label, write
from retroracer.track.geometry import Array
from retroracer.track.track import Track

FINE = 2
"""Pictures are drawn this much larger and scaled down, which smooths every edge."""


def _corner_count(track: Track) -> int:
    k = track.curvature
    side = np.where(np.abs(k) > 1.0 / 350.0, np.sign(k), 0.0)
    return int(((side != 0.0) & (side != np.roll(side, 1))).sum())


def _save(surface: pygame.Surface, path: Path) -> None:
    with replacing(path) as part, open(part, "wb") as file:
        pygame.image.save(surface, file, "shot.png")


def track_picture(track: Track, size: tuple[int, int] = (1280, 960)) -> pygame.Surface:
    """A circuit from above with its title, corners' names, start, direction and scale."""
    w, h = size[0] * FINE, size[1] * FINE
    unit = h / 960.0
    scene = TrackScene(track)
    palette = scene.palette
    surface = pygame.Surface((w, h), 0, 32)
    top = 120.0 * unit
    margin = 110.0 * unit
    edges = np.concatenate([track.left_edge, track.right_edge])
    camera = Camera.fit(
        edges, (w, h), (margin, top + 40 * unit, w - 2 * margin, h - top - margin - 40 * unit)
    )
    surface.fill(palette.grass)
    _band(surface, track, camera, palette, unit)
    _marks(surface, track, camera, palette, unit)
    _names(surface, track, camera, palette, unit, top)
    _title(surface, track, palette, unit, top)
    _scale(surface, camera, palette, unit)
    return pygame.transform.smoothscale(surface, size)


def _closed(a: Array, b: Array) -> list[tuple[Array, Array]]:
    """Quads between two closed lines in long strips, each overlapping the next."""
    n = len(a)
    out = []
    for first in range(0, n, 24):
        i = np.arange(first, first + 26) % n
        out.append((a[i], b[i]))
    return out


def _band(
    surface: pygame.Surface, track: Track, camera: Camera, palette: Palette, unit: float
) -> None:
    """The road as a map shows it: never thinner than eye and print need."""
    least = 9.0 * unit / camera.pixels_per_metre
    grow = np.maximum(1.0, least / (track.half_width_left + track.half_width_right))
    left, right = track.half_width_left * grow, track.half_width_right * grow
    normal = track.normal
    rim = 2.6 * unit / camera.pixels_per_metre

    def edges(extra: float) -> tuple[Array, Array]:
        return (
            camera.to_screen(track.xy + normal * (left + extra)[:, None]),
            camera.to_screen(track.xy - normal * (right + extra)[:, None]),
        )

    layers = (
        (6.0 * rim, mix(palette.grass, palette.grass_alt, 1.6)),
        (rim, palette.line),
        (0.0, palette.road),
    )
    spans = [np.arange(track.n)]
    if track.crossing:
        from retroracer.render.track_pieces import BRIDGE_REACH, crossings

        for _, upper in crossings(track):
            reach = max(BRIDGE_REACH, 3.0 * least)
            spans.append(
                np.arange(
                    round((upper - reach) / track.spacing), round((upper + reach) / track.spacing)
                )
                % track.n
            )
    for number, span in enumerate(spans):
        for extra, colour in layers if number == 0 else layers[1:]:
            a, b = edges(extra)
            if number == 0:
                for p, q in _closed(a, b):
                    pygame.draw.polygon(surface, colour, np.concatenate([p, q[::-1]]).tolist())
            else:
                pygame.draw.polygon(
                    surface, colour, np.concatenate([a[span], b[span][::-1]]).tolist()
                )
    for kerb, sign, half in ((track.kerb_left, 1.0, left), (track.kerb_right, -1.0, right)):
        edge = camera.to_screen(track.xy + sign * normal * (half + 0.5 * rim)[:, None])
        there = (kerb > 0.05) & (np.roll(kerb, -1) > 0.05)
        for i in np.flatnonzero(there):
            tone = palette.kerb if (i // 3) % 2 else palette.kerb_alt
            pygame.draw.line(surface, tone, edge[i], edge[(i + 1) % track.n], round(3.2 * unit))


def _marks(
    surface: pygame.Surface, track: Track, camera: Camera, palette: Palette, unit: float
) -> None:
    """Start line, arrow of direction, sector lines."""
    for k, s in enumerate((0.0, *track.sectors)):
        (at,), (heading,) = track.pose_at(np.array([s]), np.array([0.0]))
        x, y = camera.to_screen(at)
        a = camera.angle_on_screen(float(heading))
        across = np.array([-math.sin(a), math.cos(a)])
        half = (17.0 if k == 0 else 12.0) * unit
        ends = [np.array([x, y]) - across * half, np.array([x, y]) + across * half]
        colour = palette.accent if k else palette.text
        pygame.draw.line(surface, palette.panel, ends[0], ends[1], round(8 * unit))
        pygame.draw.line(surface, colour, ends[0], ends[1], round(4 * unit))
        if k == 0:
            along = np.array([math.cos(a), math.sin(a)])
            foot = np.array([x, y]) + across * 34.0 * unit
            tip = foot + along * 46.0 * unit
            pygame.draw.line(surface, palette.text, foot, tip, round(5 * unit))
            wing = 13.0 * unit
            head = [tip + along * wing, tip + across * wing * 0.8, tip - across * wing * 0.8]
            pygame.draw.polygon(surface, palette.text, [p.tolist() for p in head])


def _names(
    surface: pygame.Surface,
    track: Track,
    camera: Camera,
    palette: Palette,
    unit: float,
    top: float,
) -> None:
    """Names beside their stretches, where they cover neither road nor one another."""
    road = camera.to_screen(track.xy)
    w, h = surface.get_size()
    middle = road.mean(axis=0)
    taken: list[pygame.Rect] = []
    seen: set[str] = set()
    for item in track.labels:
        if not item.name or item.name in seen:
            continue
        seen.add(item.name)
        s = np.array([(item.start + item.end) / 2.0])
        (at,), (heading,) = track.pose_at(s, np.array([0.0]))
        x, y = camera.to_screen(at)
        a = camera.angle_on_screen(float(heading))
        drawn = label(item.name, round(25 * unit), palette.text)
        tw, th = drawn.get_size()
        best: tuple[float, pygame.Rect] | None = None
        for side in (1.0, -1.0):
            for distance in (24.0, 38.0, 58.0, 84.0):
                ox, oy = -math.sin(a) * side, math.cos(a) * side
                cx = x + ox * (distance * unit + abs(ox) * tw / 2)
                cy = y + oy * (distance * unit + abs(oy) * th / 2)
                rect = pygame.Rect(round(cx - tw / 2), round(cy - th / 2), tw, th)
                grown = rect.inflate(round(14 * unit), round(12 * unit))
                hits = (
                    (road[:, 0] > grown.left)
                    & (road[:, 0] < grown.right)
                    & (road[:, 1] > grown.top)
                    & (road[:, 1] < grown.bottom)
                ).sum()
                clash = sum(grown.colliderect(t) for t in taken)
                outside = not pygame.Rect(0, round(top), w, h - round(top)).contains(grown)
                inward = float(np.hypot(cx - middle[0], cy - middle[1])) < float(
                    np.hypot(x - middle[0], y - middle[1])
                )
                cost = 4.0 * hits + 60.0 * clash + 200.0 * outside + distance / 8.0 + 3.0 * inward
                if best is None or cost < best[0]:
                    best = (cost, rect)
        assert best is not None
        if best[0] > 55.0:
            continue
        taken.append(best[1])
        shadow = label(item.name, round(25 * unit), palette.shadow)
        surface.blit(shadow, best[1].move(round(1.5 * unit), round(1.5 * unit)))
        surface.blit(drawn, best[1])


def _title(
    surface: pygame.Surface, track: Track, palette: Palette, unit: float, top: float
) -> None:
    w = surface.get_width()
    pygame.draw.rect(surface, palette.panel, (0, 0, w, top))
    pygame.draw.rect(surface, palette.accent, (0, top - 5 * unit, w, 5 * unit))
    title = track.title or track.name
    write(surface, title, (44 * unit, 56 * unit), round(74 * unit), palette.text, (0, 0.5))
    turns = _corner_count(track)
    left = track.closing_turn > 1.0
    way = "anticlockwise" if left else "clockwise" if track.closing_turn < -1.0 else "over a bridge"
    widths = track.half_width_left + track.half_width_right
    facts = f"{track.length:,.0f} m    {turns} corners    {widths.mean():.0f} m wide    {way}"
    write(
        surface, facts, (w - 44 * unit, 58 * unit), round(36 * unit), palette.text_dim, (1.0, 0.5)
    )


def _scale(surface: pygame.Surface, camera: Camera, palette: Palette, unit: float) -> None:
    h = surface.get_height()
    wanted = 170.0 * unit / camera.pixels_per_metre
    metres = min((50, 100, 200, 250, 500, 1000), key=lambda m: abs(m - wanted))
    x, y, length = 44 * unit, h - 44 * unit, metres * camera.pixels_per_metre
    pygame.draw.line(surface, palette.text, (x, y), (x + length, y), round(4 * unit))
    for end in (x, x + length):
        pygame.draw.line(
            surface, palette.text, (end, y - 8 * unit), (end, y + 8 * unit), round(4 * unit)
        )
    write(
        surface,
        f"{metres} m",
        (x + length / 2, y - 12 * unit),
        round(26 * unit),
        palette.text,
        (0.5, 1.0),
    )


def save_track_picture(track: Track, path: Path, size: tuple[int, int] = (1280, 960)) -> None:
    """Write ``track_picture`` as a PNG.

    Raises:
        UserError: if the place cannot be written.
    """
    _save(track_picture(track, size), path)


def save_contact_sheet(
    tracks: Sequence[Track], path: Path, columns: int = 5, cell: tuple[int, int] = (320, 260)
) -> None:
    """Write all tracks side by side as a PNG, each in its colours.

    Raises:
        UserError: if the place cannot be written.
    """
    rows = -(-len(tracks) // columns)
    w, h = cell
    sheet = pygame.Surface((columns * w, rows * h), 0, 32)
    for k, track in enumerate(tracks):
        sheet.blit(_cell(track, cell), (k % columns * w, k // columns * h))
    _save(sheet, path)


def _cell(track: Track, size: tuple[int, int]) -> pygame.Surface:
    fine = 3
    w, h = size[0] * fine, size[1] * fine
    unit = h / 420.0
    palette = TrackScene(track).palette
    surface = pygame.Surface((w, h), 0, 32)
    surface.fill(palette.grass)
    edges = np.concatenate([track.left_edge, track.right_edge])
    pad = 40.0 * unit
    camera = Camera.fit(edges, (w, h), (pad, pad, w - 2 * pad, h - 2 * pad - 44 * unit))
    _band(surface, track, camera, palette, unit)
    _marks_start(surface, track, camera, palette, unit)
    bar = 44 * unit
    pygame.draw.rect(surface, palette.panel, (0, h - bar, w, bar))
    title = track.title or track.name
    write(surface, title, (16 * unit, h - bar / 2), round(34 * unit), palette.text, (0, 0.5))
    write(
        surface,
        f"{track.length:,.0f} m",
        (w - 16 * unit, h - bar / 2),
        round(28 * unit),
        palette.text_dim,
        (1, 0.5),
    )
    return pygame.transform.smoothscale(surface, size)


def _marks_start(
    surface: pygame.Surface, track: Track, camera: Camera, palette: Palette, unit: float
) -> None:
    (at,), (heading,) = track.pose_at(np.array([0.0]), np.array([0.0]))
    x, y = camera.to_screen(at)
    a = camera.angle_on_screen(float(heading))
    across = np.array([-math.sin(a), math.cos(a)]) * 14.0 * unit
    at = np.array([x, y])
    pygame.draw.line(surface, palette.accent, at - across, at + across, round(5 * unit))
