"""Points of a circuit as read from a file, and where in the file each of them is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.errors import UserError
from retroracer.track.geometry import Array

MIN_POINTS = 8
MAX_POINTS = 40_000
FAR = 100_000.0
"""Largest distance of a point from the first one, in x or y [m]."""
FARTHEST = 1e8
"""Largest coordinate [m]; beyond it, a float no longer resolves a hundredth of a micrometre."""
WIDEST = 100.0
"""Largest half-width [m]."""


@dataclass(frozen=True)
class Places:
    """Where each point is in its file, for messages.

    Attributes:
        file: name of the file.
        numbers: (m,) line number of each point, or the point's own number.
        word: what the numbers count: "line" or "point".
    """

    file: str
    numbers: tuple[int, ...]
    word: str = "line"

    def at(self, i: int) -> str:
        """``file:12`` or ``file: point 12``, to begin a message about point ``i``."""
        if self.word == "line":
            return f"{self.file}:{self.numbers[i]}"
        return f"{self.file}: {self.word} {self.numbers[i]}"

    def name(self, i: int) -> str:
        """``line 12`` or ``point 12``, for use within a message."""
        return f"{self.word} {self.numbers[i]}"


@dataclass(frozen=True)
class Surveyed:
    """A centreline as read.

    Attributes:
        xy: (m, 2) [m], x east, y north.
        right: (m,) half-width to the right of travel [m], or None if the file has no widths.
        left: (m,) half-width to the left [m]; None if ``right`` is.
        places: where each point is in the file.
        understood: how the file was understood, in sentences for the user.
        unknown: names of columns that were not understood.
        recorded: whether somebody drove or walked the line with a GPS receiver.
        on_earth: whether it was given in longitude and latitude, so that its scale is known.
    """

    xy: Array
    right: Array | None
    left: Array | None
    places: Places
    understood: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    recorded: bool = False
    on_earth: bool = False

    def changed(self, change: Callable[[Array], Array], **fields: Any) -> Surveyed:
        """With positions and widths changed alike, and other fields as given."""
        right = None if self.right is None else change(self.right)
        left = None if self.left is None else change(self.left)
        return replace(self, xy=change(self.xy), right=right, left=left, **fields)

    def only(self, keep: npt.NDArray[np.intp]) -> Surveyed:
        """The points with these indices, in the order of the indices."""
        numbers = tuple(self.places.numbers[i] for i in keep.tolist())
        return self.changed(lambda a: a[keep], places=replace(self.places, numbers=numbers))

    def checked(self) -> Surveyed:
        """Itself, if its numbers are possible for a circuit in metres.

        Raises:
            UserError: naming the first point that is not, or if there are too few points.
        """
        check_count(len(self.xy), self.places.file)
        first = self.xy[0]
        if not np.abs(first).max() <= FARTHEST:
            raise UserError(
                f"{self.places.at(0)}: ({first[0]:g}, {first[1]:g}) is too far away for metres;"
                f" coordinates lie within {FARTHEST:g}"
            )
        off = np.flatnonzero(~(np.abs(self.xy - first).max(axis=1) <= FAR))
        if len(off):
            raise UserError(
                f"{self.places.at(int(off[0]))}: this point lies over {FAR / 1000:g} km from the"
                " first; columns must be metres (x_m,y_m), not degrees or millimetres;"
                " --scale 0.001 turns millimetres into metres"
            )
        for side, half in (("right", self.right), ("left", self.left)):
            if half is None:
                continue
            bad = np.flatnonzero(~((half > 0.0) & (half <= WIDEST)))
            if len(bad):
                raise UserError(
                    f"{self.places.at(int(bad[0]))}: width {half[bad[0]]:g} m to the {side};"
                    f" widths are measured from the centreline and lie above 0, up to {WIDEST:g}"
                )
        return self


def check_count(count: int, file: str) -> None:
    """Require enough points for a circuit.

    Raises:
        UserError: if there are fewer than ``MIN_POINTS``.
    """
    if count < MIN_POINTS:
        raise UserError(
            f"{file}: only {count} points; a circuit needs at least {MIN_POINTS},"
            " one per line: x_m,y_m,w_tr_right_m,w_tr_left_m"
        )
