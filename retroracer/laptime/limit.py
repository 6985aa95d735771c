"""The limit of a track and car: the minimum lap time and its line, solved once and cached on disk.

Owns ``Limit``, ``limit_of`` and the cache. A limit depends only on the road (by its digest), the
car's parameters and the solver's VERSION.

Accuracy: the discrete problem is solved to about 0.2 ms per km; its nodes (2 to 5 m apart) change a
lap time by about 0.1 %. The model is quasi-steady: it ignores yaw inertia and steering rate, so a
real driver is a little slower (see docs/limit.md for measurements).
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retroracer.archive import read_npz
from retroracer.atomic import replacing
from retroracer.checks import Form, demand_array
from retroracer.errors import UserError
from retroracer.laptime.envelope import envelope
from retroracer.laptime.interior_point import NotConvergedError
from retroracer.laptime.minimum_time import (
    Grips,
    arc_over_chord,
    fastest_line,
    fastest_speed,
    straightest_line,
)
from retroracer.laptime.ribbon import Ribbon, chords, path_curvature, ribbon
from retroracer.physics.car import FASTEST, Car, car_facts
from retroracer.reading import read_bytes
from retroracer.resources import cache_dir
from retroracer.track.geometry import Array
from retroracer.track.track import Track

VERSION = 2
"""Increased whenever the same track and car would get another limit."""

LINES = Path(__file__).parent / "lines"
"""Shipped limits with their lines, of shipped tracks in the default car."""

SHIPPED = Path(__file__).parent / "limits.json"
"""Shipped lap times by key, of shipped tracks and of the tracks training runs are evaluated on."""


CACHED_MOST = 20_000_000
"""Largest accepted file of a limit [bytes]; that of a 20 km track takes less than one million."""


@dataclass(frozen=True, eq=False)
class Limit:
    """The fastest flying lap, at N nodes in driving order; the first is on the start line.

    Attributes:
        lap_time: minimum lap time [s].
        centerline_time: minimum lap time on the centreline [s].
        s: (N,) stations [m].
        lateral_offset: (N,) [m], positive left of travel.
        xy: (N, 2) world positions [m].
        curvature: (N,) of the line [1/m], positive left.
        speed: (N,) [m/s].
        tangential: (N,) acceleration along the line [m/s^2].
        time: (N,) since the start line [s].
        length: of the track's centreline [m]; the racing line is usually shorter.
    """

    lap_time: float
    centerline_time: float
    s: Array
    lateral_offset: Array
    xy: Array
    curvature: Array
    speed: Array
    tangential: Array
    time: Array
    length: float

    def at(self, values: Array, s: Array | float) -> Array:
        """Interpolate one of the arrays (N,) at stations [m], any real numbers."""
        return np.asarray(np.interp(s, self.s, values, period=self.length))

    def time_at(self, s: float) -> float:
        """Time [s] since the start line at a station in [0, length]."""
        ends = np.append(self.s, self.length), np.append(self.time, self.lap_time)
        return float(np.interp(s, *ends))

    def sector_times(self, track: Track) -> list[float]:
        """Sector times [s] of this lap."""
        ends = [0.0, *(self.time_at(s) for s in track.sectors), self.lap_time]
        return [float(t) for t in np.diff(ends)]

    def to_dict(self, track: Track, car: Car) -> dict[str, Any]:
        """Plain data, as ``limit --json`` writes it."""
        return {
            "track": track.name,
            "limit_s": self.lap_time,
            "centerline_s": self.centerline_time,
            "length_m": track.length,
            "car": car_facts(car),
            "sectors_s": self.sector_times(track),
            "line": {
                "s_m": self.s.tolist(),
                "lateral_offset_m": self.lateral_offset.tolist(),
                "x_m": self.xy[:, 0].tolist(),
                "y_m": self.xy[:, 1].tolist(),
                "speed_mps": self.speed.tolist(),
                "time_s": self.time.tolist(),
            },
        }


def limit_of(track: Track, car: Car) -> Limit:
    """The limit of a track and car, from the cache; else solved, which takes seconds, and cached.

    Raises:
        UserError: if no limit could be found.
    """
    known = known_limit(track, car)
    if known is None:
        known = solve(track, car)
        # If it cannot be written, it is only solved again next time.
        with suppress(OSError, UserError):
            path = _cached_at(track, car)
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as part, open(part, "wb") as file:
                np.savez_compressed(file, **vars(known))
    return known


def known_limit(track: Track, car: Car) -> Limit | None:
    """The limit if it is in the cache or shipped with the package; it is never solved here."""
    return _read(_cached_at(track, car)) or _read(LINES / f"{key_of(track, car)}.npz")


def known_time(track: Track, car: Car) -> float | None:
    """The minimum lap time [s] if it is shipped with the package or in the cache."""
    time = _shipped().get(key_of(track, car))
    if time is None and (known := known_limit(track, car)):
        return known.lap_time
    return time


def solve(
    track: Track, car: Car, margin: float = 0.0, coarsest: float = 5.0, finest: float = 2.0
) -> Limit:
    """Solve for the limit.

    Args:
        track: the track.
        car: the car.
        margin: distance the line keeps from the edges of the road [m], for a driver's errors.
        coarsest: distance between nodes on straights [m].
        finest: distance between nodes in the tightest corners [m].

    Raises:
        UserError: if no limit could be found.
    """
    road = ribbon(track, car.width, margin, coarsest, finest)
    grips = grips_of(track, car, road)
    zero = np.zeros(len(road.s))
    try:
        centre, _ = fastest_speed(road, grips, np.clip(zero, -road.right, road.left))
        lap, offset, energy = _from_several_starts(road, grips)
    except (NotConvergedError, ValueError) as error:  # ValueError: numbers became infinite
        raise UserError(f"{track.name}: no fastest line found ({error})") from None
    if not track.length / FASTEST < lap < math.inf:
        raise UserError(
            f"{track.name}: no fastest line found for the car {car.name}: its parameters are"
            " beyond what the solver can follow"
        )
    points = road.points(offset)
    arc = chords(points) * arc_over_chord(points)
    before = np.roll(energy, 1)
    gaps = road.gaps
    behind = gaps / (gaps + np.roll(gaps, 1))
    return Limit(
        lap_time=lap,
        centerline_time=centre,
        s=road.s,
        lateral_offset=offset,
        xy=points,
        curvature=path_curvature(points),
        speed=np.sqrt(2.0 * (behind * before + (1.0 - behind) * energy)),
        tangential=(energy - before) / (0.5 * (arc + np.roll(arc, 1))),
        time=np.concatenate([[0.0], np.cumsum(arc / np.sqrt(2.0 * energy))])[:-1],
        length=track.length,
    )


def grips_of(track: Track, car: Car, road: Ribbon) -> Grips:
    """The envelope of the car at each node, for the surface of the road there."""
    numbers = [(s.grip, s.drag, s.ploughing) for s in track.surfaces]
    kinds = list(dict.fromkeys(numbers[i] for i in np.unique(track.road)))
    which = np.array([kinds.index(numbers[i]) for i in track.road])
    return Grips([envelope(car, *kind) for kind in kinds], which[road.row])


def _from_several_starts(road: Ribbon, grips: Grips) -> tuple[float, Array, Array]:
    """The fastest line, started from the straightest line, or if that fails, from milder ones."""
    straight = straightest_line(road)
    for share in (1.0, 0.5, 0.0):
        try:
            return fastest_line(road, grips, share * straight)
        except NotConvergedError as error:
            last = error
    raise last


_IGNORED = ("name", "title", "length", "tow", "dirty_air")


def car_digest(car: Car) -> str:
    """Hash of the parameters that a lap alone on the track depends on; not names, looks, wakes."""
    facts: Mapping[str, Any] = car_facts(car)
    text = ",".join(f"{k}={v:.9g}" for k, v in sorted(facts.items()) if k not in _IGNORED)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def key_of(track: Track, car: Car) -> str:
    """The key of a limit: a hash of everything it depends on."""
    return f"{track.road_digest}-{car_digest(car)}-{VERSION}"


def _cached_at(track: Track, car: Car) -> Path:
    return cache_dir() / "limits" / f"{key_of(track, car)}.npz"


@functools.cache
def _shipped() -> dict[str, float]:
    try:
        page: dict[str, float] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    except OSError:
        return {}
    return page


def _read(path: Path) -> Limit | None:
    try:
        page = read_npz(read_bytes(path, CACHED_MOST), CACHED_MOST)
        n = page["s"].size
        for name, array in page.items():
            if name in ("lap_time", "centerline_time", "length"):
                form = Form((), np.float64, 1e-6, 1e6)
            else:
                form = Form((n, 2) if name == "xy" else (n,), np.float64, -1e7, 1e7)
            demand_array(name, array, form)
        values: dict[str, Any] = {k: float(v) if v.ndim == 0 else v for k, v in page.items()}
        limit = Limit(**values)
    except (UserError, KeyError, ValueError, TypeError):
        return None  # missing or unreadable: it is solved again
    return limit if n >= 3 and _plausible(limit) else None


def _plausible(limit: Limit) -> bool:
    """True if what was read can be a lap: a damaged file must not give a wrong limit."""
    rising = (np.diff(limit.s) > 0.0).all() and (np.diff(limit.time) > 0.0).all()
    inside = limit.s[0] >= 0.0 and limit.s[-1] < limit.length and limit.time[-1] < limit.lap_time
    return bool(rising and inside and (limit.speed > 0.0).all())
