"""The meaning of one column name.

A name is split into words at anything that is not a letter or a digit, at capitals (``leftX``),
and between known words written together (``widthleft``). A name is understood only if every word
in it is known.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

Kind = Literal["position", "width", "other", "unknown"]
Family = Literal["centre", "plain", "race"]

UNITS = {
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres", "mtr"), ("metres", 1.0)),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), ("km", 1000.0)),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetres"), ("cm", 0.01)),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetres"), ("mm", 0.001)),
    **dict.fromkeys(("ft", "foot", "feet"), ("feet", 0.3048)),
    **dict.fromkeys(("in", "inch", "inches"), ("inches", 0.0254)),
    **dict.fromkeys(("yd", "yds", "yard", "yards"), ("yards", 0.9144)),
    **dict.fromkeys(("deg", "degs", "degree", "degrees"), ("degrees", 1.0)),
    **dict.fromkeys(("rad", "radian", "radians"), ("radians", 57.29577951308232)),
}
"""Word -> name of the unit, and its factor to metres or degrees."""
ANGLES = {"degrees", "radians"}

_AXES = {
    "x": ("x", 1.0),
    "y": ("y", 1.0),
    **dict.fromkeys(("east", "easting", "eastings", "e"), ("x", 1.0)),
    **dict.fromkeys(("west", "westing", "westings"), ("x", -1.0)),
    **dict.fromkeys(("north", "northing", "northings", "n"), ("y", 1.0)),
    **dict.fromkeys(("south", "southing", "southings"), ("y", -1.0)),
    **dict.fromkeys(("lon", "lng", "long", "longitude"), ("lon", 1.0)),
    **dict.fromkeys(("lat", "latitude"), ("lat", 1.0)),
}
_SIDES = {
    **dict.fromkeys(("left", "l", "lhs"), "left"),
    **dict.fromkeys(("right", "r", "rhs"), "right"),
    **dict.fromkeys(("inner", "inside"), "inner"),
    **dict.fromkeys(("outer", "outside"), "outer"),
}
_WIDTH = {"w", "width", "widths", "wide", "d", "dist", "distance", "offset"}
_HALF = {"half"}
_BOUND = {"bound", "bounds", "boundary", "border", "edge", "limit", "side"}
_CENTRE = {"center", "centre", "centerline", "centreline", "ref", "reference", "mid", "middle"}
_CENTRE |= {"midline", "refline", "nominal", "c"}
_RACE = {"race", "racing", "raceline", "racingline", "opt", "optimal", "optimized", "optimised"}
_RACE |= {"traj", "trajectory", "racetraj", "mincurv", "ideal"}
_FILLER = {"tr", "trk", "track", "road", "circuit", "course", "pos", "position", "coord", "coords"}
_FILLER |= {"coordinate", "coordinates", "point", "points", "pt", "pts", "location", "loc", "wp"}
_FILLER |= {"waypoint", "waypoints", "utm", "local", "world", "global", "map", "enu", "gps", "wgs"}
_FILLER |= {"cartesian", "decimal", "axis", "value", "line", "from", "to", "of", "the", "at"}
_FILLER |= {"total", "full", "whole"}
_OTHER = {"s", "psi", "heading", "yaw", "theta", "phi", "kappa", "curvature", "curv", "radius"}
_OTHER |= {"v", "vx", "vy", "vz", "ax", "ay", "az", "speed", "velocity", "acc", "accel", "mps"}
_OTHER |= {"acceleration", "radpm", "kmh", "kph", "mph", "t", "time", "timestamp", "date", "utc"}
_UPRIGHT = {"up", "down"}
_OTHER |= {"z", "alt", "altitude", "ele", "elevation", "height", "slope", "grade", "mu"}
_OTHER |= {"banking", "bank", "camber", "roll", "pitch", "grip", "friction", "surface", "index"}
_OTHER |= {"idx", "i", "id", "no", "nr", "num", "number", "row", "name", "lap", "sector", "turn"}
_OTHER |= {"segment", "station", "arclength", "length", "normvec", "normal", "tangent", "nx", "ny"}
_OTHER |= {"dx", "dy", "ddx", "ddy", "alpha", "satellites", "sats", "fix", "hdop", "accuracy"}
_OTHER |= {"bearing", "course_angle", "throttle", "brake", "steer", "steering", "gear", "rpm", "g"}
_OTHER |= {"gs", "type", "comment", "note", "notes", "unnamed", "elapsed", "seconds", "sec", "ms"}
# Short names whose letters are abbreviated words.
_SHORT = {
    "cx": "center x", "cy": "center y", "xc": "center x", "yc": "center y",
    "lx": "left x", "ly": "left y", "xl": "left x", "yl": "left y",
    "xr": "right x", "yr": "right y", "rx": "right x", "ry": "right y",
    "wl": "w left", "wr": "w right", "lw": "w left", "rw": "w right",
    "dl": "d left", "dr": "d right", "xm": "x m", "ym": "y m", "wtr": "w tr", "trackw": "track w",
    "hw": "half width", "utmx": "utm x", "utmy": "utm y", "utme": "utm east", "utmn": "utm north",
}  # fmt: skip

_KNOWN = set(UNITS) | set(_AXES) | set(_SIDES) | _WIDTH | _HALF | _BOUND | _CENTRE | _RACE
_KNOWN |= _FILLER | _OTHER | _UPRIGHT
_LETTERS = {"e", "n"}  # compass letters; alone, "n" may also be a count and "e" an offset
_LONG_NAME = 80


@dataclass(frozen=True)
class Meaning:
    """What a column holds.

    Attributes:
        kind: position, width, other (known but not needed) or unknown.
        axis: for a position: x, y, lon or lat.
        compass: for a position: whether the name says north or east rather than x or y.
        letter: whether only a single compass letter says so.
        family: for a position: centreline, unspecified ("plain"), or racing line.
        side: left, right, inner, outer, or "" for the centreline or the full width.
        half: for a width without a side: whether it is half of the road's width.
        unit: name of its unit; "" if the column name has none.
        factor: factor to metres east or north, or to degrees; negative for west and south.
    """

    kind: Kind
    axis: str = ""
    compass: bool = False
    letter: bool = False
    family: Family = "plain"
    side: str = ""
    half: bool = False
    unit: str = ""
    factor: float = 1.0


UNKNOWN = Meaning("unknown")
OTHER = Meaning("other")


def meaning(name: str) -> Meaning:
    """What a column with this name holds."""
    words = _words(name)
    if words is None or not words:
        return UNKNOWN
    down = "down" in words
    if words & {"x", "y"}:
        words -= _UPRIGHT  # "y_up" is the usual direction of y
    if words & (_OTHER | _UPRIGHT):
        return OTHER
    units = {UNITS[w] for w in words & set(UNITS)}
    sides = {_SIDES[w] for w in words & set(_SIDES)}
    axes = words & set(_AXES)
    compass = axes - {"x", "y", "lon", "lng", "long", "longitude", "lat", "latitude"}
    axes = compass or axes  # "x_north" is north, whatever its letter
    if len(units) > 1 or len(sides) > 1 or len({_AXES[a] for a in axes}) > 1:
        return UNKNOWN
    unit, factor = units.pop() if units else ("", 1.0)
    side = sides.pop() if sides else ""
    if axes:
        axis, sign = _AXES[min(axes)]
        if down and (axis != "y" or compass):
            return UNKNOWN
        sign = -sign if down else sign
        angular = axis in ("lon", "lat")
        if words & (_WIDTH | _HALF) or (unit and angular != (unit in ANGLES)):
            return UNKNOWN
        if words & _BOUND and not side:
            return UNKNOWN
        family: Family = "race" if words & _RACE else "centre" if words & _CENTRE else "plain"
        letter = axes <= _LETTERS
        return Meaning(
            "position", axis, bool(compass), letter, family, side, unit=unit, factor=sign * factor
        )
    if unit in ANGLES or side in ("inner", "outer"):
        return UNKNOWN
    if side and (words & (_WIDTH | _HALF | _BOUND) or words & {"left", "right"}):
        return Meaning("width", side=side, unit=unit, factor=factor)
    if not side and words & {"w", "width", "widths", "wide"}:
        return Meaning("width", half=bool(words & _HALF), unit=unit, factor=factor)
    return OTHER if words & {"distance", "dist"} else UNKNOWN


def names_units(cells: list[str]) -> bool:
    """Whether a row below the names holds a unit; some data loggers write such a row."""
    return any(cell.strip("[]() ").lower().replace("°", "deg") in UNITS for cell in cells)


@cache
def _words(name: str) -> frozenset[str] | None:
    """The words of a name, or None if one of them is unknown."""
    if len(name) > _LONG_NAME:
        return None
    text = unicodedata.normalize("NFKC", name).replace("°", " deg ")
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower().replace("wgs84", "wgs")
    out: set[str] = set()
    for token in re.findall(r"[^\W_]+", text):
        words = _parts(token)
        if words is None:
            return None
        out.update(words)
    return frozenset(out)


def _parts(token: str) -> list[str] | None:
    """Known words that a token consists of, or None: one word, a short name, or words joined."""
    if token in _KNOWN:
        return [token]
    if token in _SHORT:
        return _SHORT[token].split()
    best: dict[int, list[str]] = {0: []}
    for end in range(1, len(token) + 1):
        for start in range(end):
            word = token[start:end]
            edge = word in ("x", "y", "m") and (start == 0 or end == len(token)) and word != token
            if start in best and word in _KNOWN and (len(word) >= 3 or edge):
                best.setdefault(end, [*best[start], word])
    found = best.get(len(token))
    return found if found and any(len(word) >= 3 for word in found) else None
