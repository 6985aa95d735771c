"""The built track: evenly spaced arrays that all other packages use.

Owns ``Track``. ``files`` reads track files, ``build`` and ``generate`` make tracks, ``bank`` packs
them for the simulator. SI units; curvature and lateral offsets are positive to the left; station 0
is the start line and s grows in racing direction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.track.geometry import Array, arc_length
from retroracer.track.surface import SURFACES, Surface

SPACING = 2.0
"""Target distance between samples of a built centreline [m]."""


_BESIDE = ("half_width", "runoff", "kerb", "wall")  # what a track has to both sides


def _digest(*arrays: Array) -> str:
    """Hash of numbers, rounded to four decimals."""
    h = hashlib.sha256()
    for a in arrays:
        h.update(np.round(a * 1e4).astype(np.int64).tobytes())
    return h.hexdigest()[:16]


@dataclass(frozen=True)
class Label:
    """A named stretch of track (a corner, a straight) for maps and messages; stations in m."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, eq=False)
class Track:
    """A closed circuit sampled at n even stations ``i * spacing``, i = 0..n-1.

    Attributes:
        name: identifier, also its file's stem.
        xy: (n, 2) centreline [m].
        heading: (n,) direction of travel [rad], unwrapped.
        closing_turn: heading gained over a whole lap [rad] (+-2 pi, or 0 for a figure of eight).
        length: lap length [m]; spacing = length / n.
        half_width_left: (n,) [m] > 0; ``half_width_right`` likewise.
        surfaces: the surfaces to which the index arrays below refer.
        road: (n,) index of the surface of the road.
        runoff_left: (n,) index of the surface beyond the left edge; ``runoff_right`` likewise.
        kerb_left: (n,) width of the kerb outside the left edge [m], 0 = none; ``kerb_right``.
        wall_left: (n,) distance of the wall from the centreline [m], inf = none; ``wall_right``.
        sectors: stations [m] where sectors 2, 3, ... begin, ascending, inside (0, length).
        grid_gap: distance of a standing start behind the line [m].
        start_side: +1 if pole position is left of the centreline, -1 right, 0 centre.
        crossing: True if the track passes over itself on a bridge.
        labels: named stretches in driving order.
        title: name for display.
        laps: race distance suggested by its author.
        theme: colours by role; empty = the defaults.
        medals: lap times by medal [s]; empty = derived from the limit.
        meta: facts from the author (author, country, source, length_m ...).
    """

    name: str
    xy: Array
    heading: Array
    closing_turn: float
    length: float
    half_width_left: Array
    half_width_right: Array
    surfaces: tuple[Surface, ...]
    road: npt.NDArray[np.int64]
    runoff_left: npt.NDArray[np.int64]
    runoff_right: npt.NDArray[np.int64]
    kerb_left: Array
    kerb_right: Array
    wall_left: Array
    wall_right: Array
    sectors: tuple[float, ...]
    grid_gap: float = 8.0
    start_side: int = 0
    crossing: bool = False
    labels: tuple[Label, ...] = ()
    title: str = ""
    laps: int = 3
    theme: Mapping[str, str] = field(default_factory=dict)
    medals: Mapping[str, float] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of samples."""
        return len(self.xy)

    @property
    def spacing(self) -> float:
        """Distance between samples [m]."""
        return self.length / self.n

    @property
    def s(self) -> Array:
        """(n,) stations of the samples [m]."""
        return np.arange(self.n, dtype=np.float64) * self.spacing

    @property
    def tangent(self) -> Array:
        """(n, 2) unit vectors along the direction of travel."""
        return np.stack([np.cos(self.heading), np.sin(self.heading)], axis=1)

    @property
    def normal(self) -> Array:
        """(n, 2) unit vectors to the left of travel."""
        return np.stack([-np.sin(self.heading), np.cos(self.heading)], axis=1)

    @property
    def curvature(self) -> Array:
        """(n,) curvature [1/m], positive to the left, by central difference of the heading."""
        ahead = np.append(self.heading[1:], self.heading[0] + self.closing_turn)
        behind = np.append(self.heading[-1] - self.closing_turn, self.heading[:-1])
        return np.asarray((ahead - behind) / (2.0 * self.spacing))

    @property
    def left_edge(self) -> Array:
        """(n, 2) left edge of the road [m]."""
        return np.asarray(self.xy + self.normal * self.half_width_left[:, None])

    @property
    def right_edge(self) -> Array:
        """(n, 2) right edge of the road [m]."""
        return np.asarray(self.xy - self.normal * self.half_width_right[:, None])

    @property
    def digest(self) -> str:
        """Hash of geometry, surfaces, walls and lines, on which driving depends; not of names.

        Rounded to 0.1 mm, so that it is the same on every machine.
        """
        return _digest(
            self._road(),
            self.kerb_left,
            self.kerb_right,
            np.array([self.grid_gap, self.start_side, *self.sectors]),
            self._numbers(self.runoff_left),
            self._numbers(self.runoff_right),
        )

    @property
    def road_digest(self) -> str:
        """Hash of the road and its walls, on which the limit depends."""
        return _digest(self._road())

    def _road(self) -> Array:
        """Everything that matters to a car that never leaves the road, as one row of numbers."""
        walls = np.minimum(self.wall_left, 1e6), np.minimum(self.wall_right, 1e6)
        sides = (self.half_width_left, self.half_width_right, *walls)
        road = (self.xy, *sides, self._numbers(self.road))
        return np.concatenate([[self.length], *(np.ravel(a) for a in road)])

    def _numbers(self, index: npt.NDArray[np.int64]) -> Array:
        """(n, 3) grip, drag and ploughing [1/km] of the surfaces in an index array."""
        known = np.array([(s.grip, s.drag, 1e3 * s.ploughing) for s in self.surfaces])
        return np.asarray(known[index])

    def pose_at(self, s: Array, lateral_offset: Array) -> tuple[Array, Array]:
        """Convert track coordinates to world positions.

        Args:
            s: (N,) stations [m], any real number (taken modulo the lap).
            lateral_offset: (N,) [m], positive left of travel.

        Returns:
            xy (N, 2) [m] and the heading of the track there (N,) [rad].
        """
        u = np.mod(np.asarray(s, float), self.length) / self.spacing
        i = np.minimum(u.astype(np.int64), self.n - 1)
        f = u - i
        j = (i + 1) % self.n
        base = self.xy[i] + f[:, None] * (self.xy[j] - self.xy[i])
        t = self.tangent
        tangent = t[i] + f[:, None] * (t[j] - t[i])
        tangent /= np.hypot(tangent[:, 0], tangent[:, 1])[:, None]
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        xy = base + np.asarray(lateral_offset, float)[:, None] * normal
        return xy, np.arctan2(tangent[:, 1], tangent[:, 0])

    def half_width(self, side: int, s: float) -> float:
        """Half-width [m] to the left (+1) or right (-1) at the sample nearest to a station."""
        half = self.half_width_left if side > 0 else self.half_width_right
        return float(half[round(s / self.spacing) % self.n])

    def reversed(self) -> Track:
        """The same road driven the other way; the start line stays where it is."""

        def flip(a: npt.NDArray[Any]) -> Any:
            return np.ascontiguousarray(np.roll(a[::-1], 1, axis=0))

        return replace(
            self,
            xy=flip(self.xy),
            heading=np.unwrap(flip(self.heading) + np.pi),
            closing_turn=-self.closing_turn,
            road=flip(self.road),
            **{name: flip(values) for name, values in self._sides_swapped().items()},
            sectors=tuple(self.length - s for s in reversed(self.sectors)),
            start_side=-self.start_side,
            labels=tuple(
                Label(x.name, self.length - x.end, self.length - x.start)
                for x in reversed(self.labels)
            ),
        )

    def mirrored(self) -> Track:
        """The mirrored track (y -> -y): every left turn becomes a right turn."""
        return replace(
            self,
            xy=self.xy * np.array([1.0, -1.0]),
            heading=-self.heading,
            closing_turn=-self.closing_turn,
            **self._sides_swapped(),
            start_side=-self.start_side,
        )

    def _sides_swapped(self) -> dict[str, Any]:
        """What lies left of the road on its right, and the other way round."""
        pairs = [(f"{what}_left", f"{what}_right") for what in _BESIDE]
        return {a: getattr(self, b) for pair in pairs for a, b in (pair, pair[::-1])}


def even_track(
    name: str,
    xy: Array,
    half_width_left: Array,
    half_width_right: Array,
    *,
    heading: Array | None = None,
    length: float | None = None,
    **fields: Any,
) -> Track:
    """Make a Track from a closed centreline that is already evenly spaced.

    Args:
        name: identifier.
        xy: (n, 2) evenly spaced centreline [m]; the last point joins the first.
        half_width_left: (n,) [m].
        half_width_right: (n,) [m].
        heading: (n,) [rad] if known exactly; else by central difference.
        length: lap length [m] if known exactly; else the length of the polyline.
        **fields: any other field of ``Track``; the defaults are an asphalt road, grass beside
            it, no kerbs, no walls, and three equal sectors.
    """
    n = len(xy)
    if heading is None:
        along = np.roll(xy, -1, axis=0) - np.roll(xy, 1, axis=0)
        along = along / np.hypot(along[:, 0], along[:, 1])[:, None]
        heading = np.arctan2(along[:, 1], along[:, 0])
    heading = np.unwrap(np.asarray(heading, float))
    turn = heading[-1] - heading[0]
    last = np.angle(np.exp(1j * (heading[0] - heading[-1])))
    total = float(length if length is not None else arc_length(xy)[-1])
    defaults: dict[str, Any] = {
        "surfaces": SURFACES,
        "road": np.zeros(n, np.int64),
        "runoff_left": np.full(n, 2, np.int64),
        "runoff_right": np.full(n, 2, np.int64),
        "kerb_left": np.zeros(n),
        "kerb_right": np.zeros(n),
        "wall_left": np.full(n, np.inf),
        "wall_right": np.full(n, np.inf),
        "sectors": (total / 3.0, total * 2.0 / 3.0),
        "title": name,
    }
    return Track(
        name=name,
        xy=np.asarray(xy, float),
        heading=heading,
        closing_turn=float(2.0 * np.pi * np.round((turn + last) / (2.0 * np.pi))),
        length=total,
        half_width_left=np.asarray(half_width_left, float),
        half_width_right=np.asarray(half_width_right, float),
        **(defaults | fields),
    )
