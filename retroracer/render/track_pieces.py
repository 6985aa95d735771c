"""A track turned into polygons: run-off, walls, kerbs, road, lines, start, bridges.

Owns: where each painted thing lies and the order of painting. Does not own: colours
(``palette``), the transform and the drawing calls (``pieces``).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from retroracer.render.palette import Colour, Palette, mix, shade
from retroracer.render.pieces import FILL, LINE, SMOOTH, PieceList, Pieces
from retroracer.track.geometry import Array
from retroracer.track.track import Track

BLOCK = 8
"""Samples of road in one polygon; neighbours differ a little in shade, which shows speed."""

LINE_WIDTH = 0.2
"""Width of the white lines along the road [m]."""

RUNOFF_SHOWN = 22.0
"""How far beyond the road's edge a run-off other than grass is drawn [m]."""

BRIDGE_REACH = 34.0
"""How far before and behind a crossing the upper road is drawn as a bridge [m]."""


def surface_colour(name: str, palette: Palette, *, road: bool) -> Colour:
    """The colour of a surface by its name; unknown names look like sand."""
    if name == "asphalt":
        return palette.road if road else palette.asphalt_runoff
    known = {"grass": palette.grass, "gravel": palette.gravel, "kerb": palette.kerb}
    return known.get(name, palette.sand)


def offset_line(track: Track, offset: Array) -> Array:
    """(n, 2) points beside the centreline, positive left, held short of where normals meet."""
    k = track.curvature
    # Widest curvature of the neighbourhood, so that the cut is smooth.
    near = np.max([np.abs(np.roll(k, j)) for j in range(-4, 5)], axis=0)
    limit = 0.9 / np.maximum(near, 1e-6)
    inside = np.sign(offset) == np.sign(k)
    floor = np.where(offset > 0, track.half_width_left, track.half_width_right)
    reach = np.where(inside, np.minimum(np.abs(offset), np.maximum(limit, floor)), np.abs(offset))
    return np.asarray(track.xy + track.normal * (np.sign(offset) * reach)[:, None])


def runs(values: npt.NDArray[np.int64], longest: int) -> Iterator[tuple[int, int, int]]:
    """Stretches of equal value as (first, last + 1, value), none longer than ``longest``."""
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    for a, b in pairwise(cuts):
        for first in range(a, b, longest):
            yield first, min(first + longest, b), int(values[a])


def strip(a: Array, b: Array, first: int, end: int) -> Array:
    """The polygon between two closed polylines (n, 2) from sample ``first`` to ``end``."""
    i = np.arange(first, end + 1) % len(a)
    return np.concatenate([a[i], b[i[::-1]]])


def crossings(track: Track) -> list[tuple[float, float]]:
    """Stations (lower, upper) [m] where the track passes over itself; the later one is on top."""
    if not track.crossing:
        return []
    p, q = track.xy, np.roll(track.xy, -1, axis=0)
    found: list[tuple[float, float]] = []
    for i in range(track.n):
        j = np.arange(i + 2, track.n - (i == 0))
        if not len(j):
            continue
        d, e, w = q[i] - p[i], q[j] - p[j], p[j] - p[i]
        cross = d[0] * e[:, 1] - d[1] * e[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (w[:, 0] * e[:, 1] - w[:, 1] * e[:, 0]) / cross
            v = (w[:, 0] * d[1] - w[:, 1] * d[0]) / cross
        for h in np.flatnonzero((u >= 0) & (u < 1) & (v >= 0) & (v < 1)):
            found.append(((i + u[h]) * track.spacing, (j[h] + v[h]) * track.spacing))
    return found


class TrackPainter:
    """Builds the pieces of one track.

    Args:
        track: what to draw.
        palette: its colours.
    """

    def __init__(self, track: Track, palette: Palette) -> None:
        self.track = track
        self.palette = palette
        left, right = track.half_width_left, track.half_width_right
        self.left, self.right = track.left_edge, track.right_edge
        self.kerb_left = offset_line(track, left + track.kerb_left)
        self.kerb_right = offset_line(track, -(right + track.kerb_right))
        # The white lines are painted on the road, just inside its edges.
        self.line_left = offset_line(track, left - 0.25)
        self.line_right = offset_line(track, -(right - 0.25))

    def ground(self, far: bool = False) -> Pieces:
        """Everything beside and on the road.

        With less detail from ``far``, for views where a metre is less than about two pixels.
        """
        out = PieceList()
        n = self.track.n
        self._runoff(out)
        self._walls(out)
        self._kerbs(out, striped=not far)
        self._road(out, 0, n, 4 * BLOCK if far else BLOCK)
        if not far:
            self._rubber(out)
        self._lines(out, 0, n, wide=not far)
        self._start(out, grid=not far)
        return out.pack()

    def bridges(self) -> Pieces:
        """The upper road of each crossing, painted after what passes below it."""
        out = PieceList()
        t = self.track
        for _, upper in crossings(t):
            first = round((upper - BRIDGE_REACH) / t.spacing)
            end = round((upper + BRIDGE_REACH) / t.spacing)
            outer_l = offset_line(t, t.half_width_left + 1.6)
            outer_r = offset_line(t, -(t.half_width_right + 1.6))
            drop_l = offset_line(t, t.half_width_left + 3.4)
            drop_r = offset_line(t, -(t.half_width_right + 3.4))
            out.add(strip(drop_l, drop_r, first, end), shade(self.palette.shadow, 0.8), SMOOTH)
            out.add(strip(outer_l, outer_r, first, end), self.palette.wall, SMOOTH)
            self._road(out, first, end, BLOCK)
            self._lines(out, first, end, wide=True)
        return out.pack()

    def _runoff(self, out: PieceList) -> None:
        t = self.track
        for sign, index, width, wall in (
            (1.0, t.runoff_left, t.half_width_left, t.wall_left),
            (-1.0, t.runoff_right, t.half_width_right, t.wall_right),
        ):
            reach = np.minimum(wall, width + RUNOFF_SHOWN)
            inner, outer = offset_line(t, sign * width), offset_line(t, sign * reach)
            middle = offset_line(t, sign * (width + 0.7 * (reach - width)))
            for first, end, which in runs(index, 12):
                name = t.surfaces[which].name
                if name == "grass":
                    continue
                colour = surface_colour(name, self.palette, road=False)
                out.add(strip(inner, outer, first, end), colour, SMOOTH)
                if name == "gravel":
                    out.add(strip(inner, middle, first, end), self.palette.gravel_alt)

    def _walls(self, out: PieceList) -> None:
        t = self.track
        for sign, wall in ((1.0, t.wall_left), (-1.0, t.wall_right)):
            there = np.isfinite(wall)
            if not there.any():
                continue
            at = np.where(there, wall, 0.0)
            face, back = offset_line(t, sign * at), offset_line(t, sign * (at + 0.9))
            dark = offset_line(t, sign * (at + 2.2))
            both = (there & np.roll(there, -1)).astype(np.int64)
            for first, end, solid in runs(both, 6):
                if not solid:
                    continue
                out.add(strip(face, dark, first, end), self.palette.shadow)
                # Two tones in turn, as barrier blocks have.
                tone = self.palette.wall if (first // 6) % 2 else self.palette.wall_alt
                out.add(strip(face, back, first, end), tone, SMOOTH)

    def _kerbs(self, out: PieceList, *, striped: bool) -> None:
        t, p = self.track, self.palette
        for width, inner, outer in (
            (t.kerb_left, self.left, self.kerb_left),
            (t.kerb_right, self.right, self.kerb_right),
        ):
            there = (width > 0.05).astype(np.int64)
            for a, b, solid in runs(there, 1 if striped else 16):
                if solid:
                    colour = p.kerb if a % 2 else p.kerb_alt
                    if not striped:
                        colour = mix(p.kerb, p.kerb_alt, 0.35)
                    out.add(strip(inner, outer, a, b), colour)
            if striped:
                for a, b, solid in runs(there, 32):
                    if solid:
                        i = np.arange(a, b + 1) % t.n
                        out.add(outer[i], mix(p.kerb, p.kerb_alt, 0.4), LINE)

    def _road(self, out: PieceList, first: int, end: int, block: int) -> None:
        t = self.track
        whole = np.arange(first, end) % t.n
        for a, b, which in runs(t.road[whole], block):
            colour = surface_colour(t.surfaces[which].name, self.palette, road=True)
            if ((first + a) // block) % 2 and t.surfaces[which].name == "asphalt":
                colour = self.palette.road_alt
            out.add(strip(self.left, self.right, first + a, first + b), colour)

    def _rubber(self, out: PieceList) -> None:
        """A darker band where most cars run: towards the inside of each corner."""
        t = self.track
        k = t.curvature
        kernel = np.hanning(61)
        kernel /= kernel.sum()
        lean = np.convolve(np.concatenate([k[-30:], k, k[:30]]), kernel, "valid")
        pull = np.tanh(lean * 60.0)
        room = np.where(pull > 0, t.half_width_left, t.half_width_right) - 2.2
        middle = pull * np.maximum(room, 0.0)
        a, b = offset_line(t, middle + 1.5), offset_line(t, middle - 1.5)
        for first, end, which in runs(t.road, BLOCK):
            if t.surfaces[which].name == "asphalt":
                out.add(strip(a, b, first, end), self.palette.rubber)

    def _lines(self, out: PieceList, first: int, end: int, *, wide: bool) -> None:
        t = self.track
        for line, inside in (
            (self.line_left, offset_line(t, t.half_width_left - 0.25 - LINE_WIDTH)),
            (self.line_right, offset_line(t, -(t.half_width_right - 0.25 - LINE_WIDTH))),
        ):
            for a in range(first, end, 32):
                b = min(a + 32, end)
                out.add(line[np.arange(a, b + 1) % t.n], self.palette.line, LINE)
                if wide:
                    out.add(strip(line, inside, a, b), self.palette.line, FILL)

    def _start(self, out: PieceList, *, grid: bool) -> None:
        t, p = self.track, self.palette
        left, right = float(t.half_width_left[0]), float(t.half_width_right[0])
        rows, cell = 3, 0.9
        columns = max(4, round((left + right) / cell))
        across = np.linspace(-right, left, columns + 1)
        for row in range(rows):
            for c in range(columns):
                s = np.array([row, row, row + 1, row + 1]) * cell - rows * cell
                e = np.array([across[c], across[c + 1], across[c + 1], across[c]])
                dark = (row + c) % 2
                out.add(t.pose_at(s, e)[0], p.tyre if dark else p.line, FILL)
        if not grid:
            return
        for place in range(8):
            front = -t.grid_gap * (place + 1) + 3.2
            side = (1.0 if place % 2 == 0 else -1.0) * (t.start_side or 1)
            middle = side * (left if side > 0 else right) * 0.45
            for ds, lo, hi in ((0.0, -1.4, 1.4), (-2.5, -1.5, -1.2), (-2.5, 1.2, 1.5)):
                ss = front + np.array([0.0, 0.0, ds or -0.3, ds or -0.3])
                ee = middle + np.array([lo, hi, hi, lo])
                out.add(t.pose_at(ss, ee)[0], p.line, FILL)
