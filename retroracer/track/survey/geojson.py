"""Reads all lines of a GeoJSON file (RFC 7946), in longitude and latitude.

Understands LineString, MultiLineString, Polygon and MultiPolygon, alone or within features and
collections. Points are skipped, and so is a polygon with a hole: it is a surface, and its edge is
not a line to drive along. ``lines`` chooses among the lines.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from retroracer.errors import UserError
from retroracer.reading import decoded, shown
from retroracer.track.geometry import Array
from retroracer.track.survey.lines import Line

_DEEPEST = 12
_NAMES = ("name", "Name", "NAME", "title", "id", "Id", "ref")
_WGS84 = ("CRS84", "4326", "4979", "CRS83", "4269")
_LINES = {"LineString", "MultiLineString", "Polygon", "MultiPolygon"}


def read_geojson(data: bytes, file: str) -> list[Line]:
    """All lines of a file.

    Raises:
        UserError: if it is not GeoJSON, or a point is not two numbers.
    """
    text = decoded(data, file)
    try:
        root = json.loads(text, parse_constant=lambda word: _not_finite(word, file))
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise UserError(f"{file}: not GeoJSON: its brackets are nested too deep") from None
    except ValueError:
        raise UserError(f"{file}: holds a number with too many digits") from None
    if not isinstance(root, dict) or not isinstance(root.get("type"), str):
        raise UserError(
            f"{file}: not GeoJSON: it must be an object with a 'type', such as FeatureCollection"
        )
    _check_crs(root.get("crs"), file)
    walk = _Walk(file)
    lines = list(walk.lines(root, "", 0))
    if not lines and walk.surfaces:
        raise UserError(
            f"{file}: '{shown(walk.surfaces[0], 40)}' is a polygon with a hole, a surface;"
            " a circuit is the line in the middle of the road"
        )
    return lines


def _not_finite(word: str, file: str) -> NoReturn:
    raise UserError(f"{file}: {word} is not a JSON number; leave such points out")


def _check_crs(crs: Any, file: str) -> None:
    if crs is not None and not any(known in shown(crs, 200) for known in _WGS84):
        raise UserError(
            f"{file}: coordinates are in {shown(crs, 80)}; save it in longitude and latitude"
            " (WGS 84, EPSG:4326)"
        )


class _Walk:
    """Finds lines in a tree of objects."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.surfaces: list[str] = []

    def lines(self, node: Any, name: str, depth: int) -> Iterator[Line]:
        """The lines below ``node``."""
        if depth > _DEEPEST:
            raise UserError(f"{self.file}: not GeoJSON: its collections are nested too deep")
        if not isinstance(node, dict):
            return
        kind = node.get("type")
        if kind == "FeatureCollection":
            for k, feature in enumerate(_list(node.get("features")), 1):
                yield from self.lines(feature, name or f"feature {k}", depth + 1)
        elif kind == "Feature":
            yield from self.lines(node.get("geometry"), _name(node) or name, depth + 1)
        elif kind == "GeometryCollection":
            for part in _list(node.get("geometries")):
                yield from self.lines(part, name, depth + 1)
        elif isinstance(kind, str) and kind in _LINES:
            called = name or kind
            parts = list(self.parts(kind, node.get("coordinates"), called))
            for k, part in enumerate(parts, 1):
                points = self.points(part, called)
                numbers = tuple(range(1, len(points) + 1))
                own = called if len(parts) == 1 else f"{called}, part {k}"
                yield Line(own, points, numbers, called)

    def parts(self, kind: str, coordinates: Any, name: str) -> Iterator[Any]:
        """Lists of positions within a geometry; a polygon with holes is a surface."""
        if kind == "LineString":
            yield coordinates
        elif kind == "MultiLineString":
            yield from _list(coordinates)
        else:
            for polygon in [coordinates] if kind == "Polygon" else _list(coordinates):
                rings = _list(polygon)
                if len(rings) > 1:
                    self.surfaces.append(name)
                else:
                    yield from rings

    def points(self, part: Any, name: str) -> Array:
        """Longitude and latitude of a list of positions."""
        out = []
        for k, position in enumerate(_list(part), 1):
            pair = position[:2] if isinstance(position, list) else []
            good = len(pair) == 2 and all(
                isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e6
                for v in pair
            )
            if not good or not all(map(math.isfinite, pair)):
                raise UserError(
                    f"{self.file}: point {k} of '{shown(name, 40)}' is {shown(position, 40)};"
                    " a point is [longitude, latitude] in degrees"
                )
            out.append((float(pair[0]), float(pair[1])))
        if len(out) < 2:
            raise UserError(f"{self.file}: '{shown(name, 40)}' is a line of {len(out)} points")
        return np.array(out)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(feature: dict[str, Any]) -> str:
    """What a feature is called."""
    properties = feature.get("properties")
    for holder in (properties if isinstance(properties, dict) else {}, feature):
        for key in _NAMES:
            value = holder.get(key)
            if isinstance(value, str | int) and not isinstance(value, bool) and str(value)[:1]:
                return shown(value, 60)
    return ""
