"""Repairs a surveyed road: noise, jumps of width, edges that fold or touch.

Owns the changes of points and widths, and the notes about them. Points move at most
``MOST_MOVED``, to remove noise; widths are only reduced. ``survey`` reads the points, ``importing``
checks that they are in driving order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retroracer.errors import UserError
from retroracer.track.geometry import Array
from retroracer.track.points import Knots, lay_points
from retroracer.track.problems import Report
from retroracer.track.survey.surveyed import Places
from retroracer.track.track import SPACING, Track, even_track
from retroracer.track.validity import CLEARANCE, MIN_CROSSING_DEG, Flaw, find_flaws

MOST_MOVED = 0.15
"""Largest distance that smoothing moves a point [m]."""
MIN_HALF_WIDTH = 1.5
STEEPEST_WIDTH = 0.5
"""Largest change of a half-width per metre; steeper jumps are narrowed to a ramp."""
SMALLEST_JUMP = 0.75
"""Half-widths of neighbouring points may always differ by this much [m]."""
SHORTEST_WAVE = 25.0
"""Waves of the line shorter than this [m] count as noise where the road folds."""
_ROUNDS = 40


def calmed(half: Array, xy: Array, side: str, places: Places, notes: list[str]) -> Array:
    """Half-widths of at least 1.5 m and without jumps; jumps are removed by narrowing.

    Args:
        half: (m,) half-widths to one side [m].
        xy: (m, 2) the points [m].
        side: "left" or "right", for the notes.
        places: of the points.
        notes: receives what was changed.
    """
    out = np.maximum(half, MIN_HALF_WIDTH)
    if (half < MIN_HALF_WIDTH).any():
        line = places.name(int(np.flatnonzero(half < MIN_HALF_WIDTH)[0]))
        notes.append(f"widths to the {side} below {MIN_HALF_WIDTH:g} m were raised ({line})")
    ramped = _ramped(out, xy)
    if how := _narrowed(out - ramped, places):
        notes.append(f"widths to the {side} jump: narrowed {how}")
    return ramped


def _narrowed(cut: Array, places: Places) -> str:
    """How far and where half-widths were reduced; "" if they were not. ``cut`` (m,) is in m."""
    worst = int(cut.argmax())
    if cut[worst] <= 0.01:
        return ""
    count = int((cut > 0.01).sum())
    return f"by up to {cut[worst]:.1f} m at {count} points ({places.name(worst)})"


def _ramped(half: Array, xy: Array) -> Array:
    """The widest half-widths below ``half`` that change no faster than ``STEEPEST_WIDTH``."""
    rise = np.hypot(*(np.roll(xy, -1, axis=0) - xy).T)
    out, n = half.tolist(), len(half)
    ahead = np.maximum(SMALLEST_JUMP, STEEPEST_WIDTH * rise).tolist()
    for _ in range(2):  # two laps, so that a ramp may cross the start line
        for i in range(n):
            out[i] = min(out[i], out[i - 1] + ahead[i - 1])
        for i in range(n - 1, -1, -1):
            out[i] = min(out[i], out[(i + 1) % n] + ahead[i])
    return np.array(out)


@dataclass(frozen=True)
class Survey:
    """A centreline that makes a valid track.

    Attributes:
        xy: (m, 2) [m].
        left: (m,) half-widths left of travel [m].
        right: (m,) half-widths right of travel [m].
        track: built from them.
        understood: what was understood of the file, in sentences.
        notes: what was changed, in sentences.
    """

    xy: Array
    left: Array
    right: Array
    track: Track
    understood: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass
class Road:
    """A survey while it is being repaired."""

    xy: Array
    left: Array
    right: Array
    places: Places
    name: str
    crossing: bool = False
    stations: Array | None = None

    def track(self) -> Track:
        """Build the track from the current points and widths."""
        n = len(self.xy)
        knots = Knots(self.xy, self.left, self.right, [""] * n, [()] * n)
        line = lay_points(knots, Report(self.places.file))
        self.stations = np.array([span.start for span in line.spans])
        count = max(8, round(line.length / SPACING))
        s = np.linspace(0.0, line.length, count, endpoint=False)
        xy, heading = line.pose(s)
        left, right = line.half_widths(s)
        return even_track(
            self.name, xy, left, right, heading=heading, length=line.length, crossing=self.crossing
        )

    def point_at(self, s: float) -> int:
        """Index of the last point before a station."""
        assert self.stations is not None
        return max(0, int(np.searchsorted(self.stations, s, side="right")) - 1)

    def place(self, s: float) -> str:
        """``line 12``: the position in the file of the point at a station."""
        return self.places.name(self.point_at(s))

    def narrow(self, side: int, s: float, reach: float, limit: float, length: float) -> None:
        """Cut a half-width to ``limit`` [m] within ``reach`` [m] of a station, with ramps."""
        assert self.stations is not None
        away = np.abs(self.stations - s)
        here = np.minimum(away, length - away) <= reach
        # The points before and after the station count, however far away they are.
        at = int(np.searchsorted(self.stations, s, side="right")) - 1
        here[[at, (at + 1) % len(here)]] = True
        half = self.left if side > 0 else self.right
        half = np.where(here, np.maximum(np.minimum(half, limit), MIN_HALF_WIDTH), half)
        half = _ramped(half, self.xy)
        if side > 0:
            self.left = half
        else:
            self.right = half


def mended(road: Road, understood: tuple[str, ...], notes: list[str]) -> Survey:
    """Allow bridges, remove noise, and narrow the road (in place) until it is valid.

    ``notes`` receives what is changed.

    Raises:
        UserError: if no valid road is possible.
    """
    track = road.track()
    flaws = find_flaws(track)
    crossings = [f for f in flaws if f.code == "T20"]
    if crossings and all(f.distance >= MIN_CROSSING_DEG for f in crossings):
        road.crossing = True
        notes.append(
            f"the track crosses itself ({road.place(crossings[0].s)} and"
            f" {road.place(crossings[0].other)}); taken as a bridge"
        )
        track = road.track()
        flaws = find_flaws(track)
    if any(f.code == "T22" for f in flaws):
        track = _smoothed(road, track, notes)
        flaws = find_flaws(track)
    before = road.left.copy(), road.right.copy()
    for _ in range(_ROUNDS):
        if not flaws:
            break
        for flaw in flaws:
            _mend(flaw, road, track)
        track = road.track()
        flaws = find_flaws(track)
    if flaws:
        raise UserError(_cannot_repair(flaws[0], road))
    for side, old, new in (("left", before[0], road.left), ("right", before[1], road.right)):
        if how := _narrowed(old - new, road.places):
            notes.append(
                f"the road was narrowed on the {side} {how}, where its edge would fold or touch"
                " another stretch"
            )
    return Survey(road.xy, road.left, road.right, track, understood, tuple(notes))


def _mend(flaw: Flaw, road: Road, track: Track) -> None:
    """Narrow the road a little where this flaw is."""
    if flaw.code == "T22":
        limit = min(0.8 * flaw.distance, 0.93 * track.half_width(flaw.side, flaw.s))
        road.narrow(flaw.side, flaw.s, 4.0, limit, track.length)
    elif flaw.code == "T21":
        need = 0.5 * (CLEARANCE - flaw.distance) + 0.1
        for s, side in ((flaw.s, flaw.side), (flaw.other, flaw.other_side)):
            road.narrow(side, s, 12.0, track.half_width(side, s) - need, track.length)


def _cannot_repair(flaw: Flaw, road: Road) -> str:
    here, there = road.places.at(road.point_at(flaw.s)), road.place(flaw.other)
    if flaw.code == "T20":
        return (
            f"{here}: the track crosses itself here and at {there}, at only"
            f" {flaw.distance:.0f} deg, too flat for a bridge; are the points in driving order?"
        )
    if flaw.code == "T22":
        return (
            f"{here}: the bend here has a radius of {flaw.distance:.1f} m; no road"
            f" of {2.0 * MIN_HALF_WIDTH:g} m fits round it; smooth the points"
        )
    return (
        f"{here}: the road lies too near to itself at {there}, even when"
        f" narrowed to {2.0 * MIN_HALF_WIDTH:g} m; {CLEARANCE:g} m must be between its edges"
    )


def _smoothed(road: Road, track: Track, notes: list[str]) -> Track:
    """Remove noise that makes the edges fold, as far as ``MOST_MOVED`` allows.

    Alternates between removing short waves and moving every point back to within ``MOST_MOVED`` of
    its surveyed position, so that real tight corners keep their shape. The result is used only if
    it at least halves the roughness of the curvature.
    """
    m = len(road.xy)
    surveyed = road.xy[:, 0] + 1j * road.xy[:, 1]
    waves = np.abs(np.fft.fftfreq(m, track.length / m))
    passed = 1.0 / (1.0 + (waves * SHORTEST_WAVE) ** 6)
    z = surveyed
    for _ in range(100):
        move = np.fft.ifft(np.fft.fft(z) * passed) - surveyed
        away = np.maximum(np.abs(move), 1e-12)
        z = surveyed + move * np.minimum(1.0, MOST_MOVED / away)
    kept, road.xy = road.xy, np.stack([z.real, z.imag], axis=1)
    smooth = road.track()
    if _roughness(smooth) > 0.5 * _roughness(track):
        road.xy = kept
        return road.track()
    moved = float(np.abs(z - surveyed).max())
    notes.append(f"noise was smoothed out; no point moved by more than {moved:.2f} m")
    return smooth


def _roughness(track: Track) -> float:
    """Root mean square of the change of curvature from sample to sample."""
    return float(np.sqrt(np.mean(np.diff(track.curvature) ** 2)))
