"""What stands beside and over the start: the gantry, grandstands, tyre walls at tight corners.

Owns where it stands and its look, as pieces in world coordinates; never part of the physics,
so it keeps well clear of the road and its run-off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retroracer.render.ground import distance_to, hash01
from retroracer.render.palette import Colour, Palette, mix, shade
from retroracer.render.pieces import FILL, SMOOTH, PieceList, Pieces
from retroracer.track.geometry import Array
from retroracer.track.track import Track

CLEAR = 16.0
"""Furniture stands at least this far from any centreline beyond the road's own half [m]."""

CROWD: tuple[Colour, ...] = (
    (250, 214, 90), (232, 84, 76), (86, 150, 240), (240, 236, 220), (96, 196, 140), (214, 120, 200),
)  # fmt: skip


def box(track: Track, s0: float, s1: float, e0: float, e1: float) -> Array:
    """(4, 2) corners of a box given by stations and lateral offsets [m], straight-sided."""
    s = np.array([s0, s1, s1, s0])
    e = np.array([e0, e0, e1, e1])
    return track.pose_at(s, e)[0]


def gantry(track: Track, palette: Palette) -> Pieces:
    """The beam beyond the start line, painted above the cars."""
    out = PieceList()
    at = 5.0
    left, right = float(track.half_width_left[0]) + 2.0, float(track.half_width_right[0]) + 2.0
    shadow = box(track, at + 1.6, at + 4.2, -right + 1.0, left + 1.0) + np.array([1.2, -1.2])
    out.add(shadow, palette.shadow)
    for side in (left, -right):
        foot = box(track, at - 0.9, at + 3.1, side - 0.9, side + 0.9)
        out.add(foot, shade(palette.wall, 0.6), SMOOTH)
        out.add(box(track, at - 0.5, at + 2.7, side - 0.6, side + 0.6), palette.wall, SMOOTH)
    out.add(box(track, at, at + 2.2, -right, left), palette.panel, SMOOTH)
    count = max(8, 2 * round((left + right) / 2.6))
    edge = np.linspace(-right, left, count + 1)
    for row in range(2):
        for k in range(count):
            if (k + row) % 2:
                s = at + 0.3 + 0.8 * row
                out.add(box(track, s, s + 0.8, edge[k], edge[k + 1]), palette.line, FILL)
    out.add(box(track, at + 1.95, at + 2.2, -right, left), palette.accent, FILL)
    return out.pack()


def stands(track: Track, palette: Palette) -> Pieces:
    """Grandstands along the start, tyre walls outside the slowest corners."""
    out = PieceList()
    own = np.array([sum(map(ord, track.name)) % 9973], np.int64)  # of this circuit alone
    for k, first in enumerate((-110.0, -45.0, 30.0, 95.0)):
        for side in (1.0, -1.0):
            half = track.half_width_left[0] if side > 0 else track.half_width_right[0]
            near = side * (float(half) + CLEAR + 4.0)
            chance = float(hash01(own, np.array([2 * k + (side > 0)], np.int64))[0])
            roofs = (palette.wall_alt, palette.kerb, palette.kerb_alt, palette.wall)
            look = Look(28.0 + 6.0 * int(4 * chance), 3 + int(3 * chance), roofs[int(4 * chance)])
            ends = first + look.length, near + side * 14.0
            if (k == 1 or chance > 0.3) and _is_clear(track, first, ends[0], near, ends[1]):
                _stand(out, track, palette, first, near, side, look)
    _tyre_walls(out, track, palette)
    return out.pack()


@dataclass(frozen=True)
class Look:
    """How a grandstand differs from others: its length along the road [m], rows of seats, roof."""

    length: float
    rows: int
    roof: Colour


def _is_clear(track: Track, s0: float, s1: float, e0: float, e1: float) -> bool:
    """True if a box lies along a nearly straight piece and away from all other road."""
    rows = np.arange(int(s0 // track.spacing), int(s1 // track.spacing) + 2) % track.n
    if np.abs(track.curvature[rows]).max() > 1.0 / 400.0:
        return False
    grid = np.stack(np.meshgrid(np.linspace(s0, s1, 8), np.linspace(e0, e1, 3)), -1).reshape(-1, 2)
    points = track.pose_at(grid[:, 0], grid[:, 1])[0]
    return bool(distance_to(track.xy, points).min() > abs(e0) - 2.0)


def _stand(
    out: PieceList, track: Track, palette: Palette, s0: float, near: float, side: float, look: Look
) -> None:
    s1, depth = s0 + look.length, 4.5 + 1.7 * look.rows
    far = near + side * depth
    # Boxes (from, to, inner, outer) with their colours, laid on the ground all at once.
    boxes: list[tuple[float, float, float, float]] = []
    colours: list[tuple[Colour, int]] = []

    def add(
        a: float, b: float, inner: float, outer: float, colour: Colour, kind: int = FILL
    ) -> None:
        boxes.append((a, b, inner, outer))
        colours.append((colour, kind))

    add(s0, s1, near, far, palette.shadow)
    add(s0, s1, near, far, shade(palette.wall, 0.62), SMOOTH)
    for row in range(look.rows):
        e = near + side * (0.8 + row * 1.7)
        tone = mix(palette.wall, palette.panel, 0.25 + 0.08 * (row % 2))
        add(s0 + 0.8, s1 - 0.8, e, e + side * 1.3, tone)
        seats = np.arange(int((look.length - 2.0) / 2.95), dtype=np.int64)
        chance = hash01(seats, np.full_like(seats, row), np.full_like(seats, int(s0) + 999))
        for k in np.flatnonzero(chance < 0.72).tolist():
            colour = CROWD[int(chance[k] * 997) % len(CROWD)]
            s = s0 + 1.4 + k * 2.95
            add(s, s + 1.6, e + side * 0.15, e + side * 1.05, colour)
    roof = near + side * (depth - 3.6)
    add(s0 - 0.6, s1 + 0.6, roof, far + side * 0.8, shade(look.roof, 0.8), SMOOTH)
    for k in range(0, int(look.length) - 6, 13):
        add(s0 + k, s0 + k + 6.5, roof + side * 0.5, far + side * 0.3, look.roof)
    sides = np.array(boxes)
    corners = track.pose_at(sides[:, [0, 1, 1, 0]].ravel(), sides[:, [2, 2, 3, 3]].ravel())[0]
    corners = corners.reshape(-1, 4, 2)
    corners[0] += (2.4, -2.4)  # the shadow falls to the south-east
    for points, (paint, kind) in zip(corners, colours, strict=True):
        out.add(points, paint, kind)


def _tyre_walls(out: PieceList, track: Track, palette: Palette) -> None:
    k = track.curvature
    radius = 1.0 / np.maximum(np.abs(k), 1e-6)
    turn = np.convolve(np.concatenate([k[-15:], k, k[:15]]), np.ones(31), "valid") * track.spacing
    peaks = [
        i for i in range(track.n)
        if radius[i] < 70.0 and abs(turn[i]) > 0.9
        and abs(turn[i]) >= np.abs(turn[np.arange(i - 25, i + 26) % track.n]).max()
    ]  # fmt: skip
    for i in peaks:
        side = -float(np.sign(k[i]))
        wall = track.wall_left[i] if side > 0 else track.wall_right[i]
        if np.isfinite(wall):
            continue
        half = track.half_width_left[i] if side > 0 else track.half_width_right[i]
        e = side * (float(half) + 24.0)
        s = i * track.spacing
        for j in range(-7, 8):
            at = track.pose_at(np.array([s + 2.2 * j]), np.array([e]))[0][0]
            if np.hypot(*(track.xy - at).T).min() < float(half) + 20.0:
                continue
            tone = (palette.kerb, palette.kerb_alt)[j % 2]
            out.add(box(track, s + 2.2 * j, s + 2.2 * (j + 1), e, e + side * 1.6), palette.tyre)
            out.add(box(track, s + 2.2 * j, s + 2.2 * (j + 1), e - side * 0.5, e), tone)
