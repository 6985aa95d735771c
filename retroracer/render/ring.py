"""The last so many rows of numbers, kept as one array: what is drawn anew every frame."""

from __future__ import annotations

import numpy as np

from retroracer.track.geometry import Array


class Ring:
    """Remembers the last rows that were put into it.

    Args:
        most: rows kept.
        width: numbers in a row.
    """

    def __init__(self, most: int, width: int) -> None:
        self._most = most
        self._kept = np.zeros((2 * most, width))
        self._begin = self._end = 0

    def __len__(self) -> int:
        return self._end - self._begin

    def append(self, row: tuple[float, ...]) -> None:
        """Put a row behind the others; the oldest goes if there are too many."""
        if self._end == len(self._kept):  # once in ``most`` rows
            self._kept[: self._most - 1] = self._kept[self._begin + 1 : self._end]
            self._begin, self._end = 0, self._most - 1
        self._kept[self._end] = row
        self._end += 1
        self._begin = max(self._begin, self._end - self._most)

    @property
    def rows(self) -> Array:
        """(N, width), oldest first: a view that the next ``append`` may change."""
        return self._kept[self._begin : self._end]
