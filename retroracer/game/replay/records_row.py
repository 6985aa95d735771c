"""One lap as it is kept on disk, and whether its values can be believed. Opens no file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from retroracer.checks import number

SLOWEST = 100_000.0
"""No lap takes longer [s]."""

TEXT_MOST = 4096
"""Bytes of a text in a row."""


class Kind(NamedTuple):
    """What laps must share to be compared.

    Track and car by their digests, the physics by its fingerprint, the assists in words; the driver
    is "you", or a model by its name.
    """

    track: str
    car: str
    physics: str
    assists: str
    driver: str = "you"


@dataclass(frozen=True)
class Row:
    """A lap as it is kept; see also ``Kind``.

    Attributes:
        id: of its row; negative while it is not in the file.
        made: when [s since 1970].
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

    @property
    def kind(self) -> Kind:
        """What it may be compared with."""
        return Kind(self.track, self.car, self.physics, self.assists, self.driver)


COLUMNS = tuple(f.name for f in fields(Row))[1:-2]
"""In the file's order, without ``id`` and what is of the tape."""

NUMBERS = ("made", "time", "valid")


def row_of(row_id: int, values: Sequence[Any], tape: bytes | None, taped: bool) -> Row:
    """A row of its values in the file's order, ``made`` to ``sectors`` (JSON).

    Raises:
        ValueError: if one of them is of a wrong type or out of range.
    """
    page = dict(zip(COLUMNS, values, strict=True))
    for name, text in page.items():
        if name in NUMBERS:
            continue
        if not isinstance(text, str) or len(text) > TEXT_MOST:
            raise ValueError(f"{name} is no text")
    for name, least, most in (("made", -1e11, 1e11), ("time", 0.0, SLOWEST), ("valid", 0, 1)):
        page[name] = number(page, name, least, most)
    if page["time"] == 0.0 or page["valid"] not in (0.0, 1.0):
        raise ValueError("time or valid is out of range")
    try:
        sectors = json.loads(page["sectors"])
    except (ValueError, RecursionError):
        raise ValueError("sectors is no JSON") from None
    if not isinstance(sectors, list) or len(sectors) > 64:
        raise ValueError("sectors is no list of times")
    page["sectors"] = tuple(  # nan where not known
        t if t != t else number({"a sector": t}, "a sector", 0.0, SLOWEST) for t in sectors
    )
    page["valid"] = page["valid"] == 1.0
    return Row(row_id, **page, taped=taped, tape=tape)


def values_of(row: Row) -> tuple[Any, ...]:
    """What ``row_of`` makes the row of, in the file's order."""
    values = [getattr(row, name) for name in COLUMNS]
    return (*values[:-2], int(row.valid), json.dumps(row.sectors))
