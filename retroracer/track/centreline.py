"""A closed centreline before it is sampled.

Owns ``Centreline`` and ``Span``, which ``segments`` and ``points`` make and ``build`` samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retroracer.config.place import Loc
from retroracer.track.geometry import Array

MAX_LENGTH = 30_000.0
"""Longest lap that is built [m]; the Nordschleife is 20.8 km."""
MIN_LENGTH = 100.0


def bad_length(length: float) -> str:
    """The message about a lap that is too short or too long."""
    return f"the lap is {length:.0f} m long; it must be {MIN_LENGTH:g} to {MAX_LENGTH:g} m"


@dataclass(frozen=True)
class Span:
    """One item of the layout, with its stations.

    Attributes:
        start: station at which it begins [m].
        end: station at which it ends [m], >= start.
        loc: its location in the page.
        name: its name, or "".
        kerb: kerbs there: auto, none, inside, outside, left, right or both.
        turn: +1 left corner, -1 right corner, 0 straight or unknown.
    """

    start: float
    end: float
    loc: Loc
    name: str = ""
    kerb: str = "auto"
    turn: int = 0


@dataclass(frozen=True)
class Centreline:
    """A closed smooth curve with widths.

    Attributes:
        length: lap length [m].
        pose: increasing stations (N,) in [0, length) -> xy (N, 2) [m], heading (N,) [rad].
        half_widths: stations (N,) -> left (N,), right (N,) [m].
        spans: the items of the layout, in its order.
    """

    length: float
    pose: Callable[[Array], tuple[Array, Array]]
    half_widths: Callable[[Array], tuple[Array, Array]]
    spans: tuple[Span, ...]
