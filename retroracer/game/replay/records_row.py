"""One lap as it is kept on disk, and whether its values can be believed. Opens no file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SLOWEST = 100_000.0
"""No lap takes longer [s]."""

TEXT_MOST = 4096
"""Bytes of a text in a row."""

_TEXTS = ("track", "track_name", "car", "car_name", "physics", "assists", "driver", "sectors")
NUMBERS = ("made", "time", "valid")
COLUMNS = (
    "made", "track", "track_name", "car", "car_name", "physics", "assists", "driver", "time",
    "valid", "sectors",
)  # fmt: skip
"""In the file's order, without ``id`` and ``tape``."""


@dataclass(frozen=True)
class Row:
    """A lap as it is kept.

    Attributes:
        id: of its row; negative while it is not in the file.
        made: when [s since 1970].
        track: digest.
        track_name: of the track.
        car: digest.
        car_name: of the car.
        physics: fingerprint.
        assists: in words.
        driver: "you", or a model's name.
        time: [s].
        valid: True if it never left the road.
        sectors: [s]; nan where not known.
        taped: True if its inputs are kept.
        tape: they, packed; None once they are in the file.
    """

    id: int
    made: float
    track: str
    track_name: str
    car: str
    car_name: str
    physics: str
    assists: str
    driver: str
    time: float
    valid: bool
    sectors: tuple[float, ...]
    taped: bool
    tape: bytes | None = None


def row_of(row_id: int, values: Sequence[Any], tape: bytes | None, taped: bool) -> Row:
    """A row of its values in the file's order, ``made`` to ``sectors`` (JSON).

    Raises:
        ValueError: if one of them is of a wrong type or out of range.
    """
    page = dict(zip(COLUMNS, values, strict=True))
    for name in _TEXTS:
        text = page[name]
        if not isinstance(text, str) or len(text) > TEXT_MOST:
            raise ValueError(f"{name} is no text")
    for name, least, most in (("made", -1e11, 1e11), ("time", 0.0, SLOWEST), ("valid", 0, 1)):
        page[name] = _number(page[name], name, least, most)
    if page["time"] == 0.0 or page["valid"] not in (0.0, 1.0):
        raise ValueError("time or valid is out of range")
    try:
        sectors = json.loads(page["sectors"])
    except (ValueError, RecursionError):
        raise ValueError("sectors is no JSON") from None
    if not isinstance(sectors, list) or len(sectors) > 64:
        raise ValueError("sectors is no list of times")
    page["sectors"] = tuple(_number(t, "a sector", 0.0, SLOWEST, True) for t in sectors)
    page["valid"] = page["valid"] == 1.0
    return Row(row_id, **page, taped=taped, tape=tape)


def _number(value: object, name: str, least: float, most: float, or_nan: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")
    if or_nan and value != value:
        return math.nan
    if not least <= value <= most:
        raise ValueError(f"{name} is out of range")
    return float(value)


def values_of(row: Row) -> tuple[Any, ...]:
    """What ``row_of`` makes the row of, in the file's order."""
    return (
        row.made, row.track, row.track_name, row.car, row.car_name, row.physics, row.assists,
        row.driver, row.time, int(row.valid), json.dumps(row.sectors),
    )  # fmt: skip
