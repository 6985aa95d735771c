"""Episode statistics: means over the last training episodes of all cars."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

NAMES = ("return", "seconds", "metres", "survived")


class EpisodeStats:
    """Collects statistics of episodes as they end.

    Args:
        window: number of last episodes that the means are taken over.
    """

    def __init__(self, window: int = 200) -> None:
        self._episodes: deque[tuple[float, ...]] = deque(maxlen=window)

    def add(
        self,
        returns: npt.NDArray[Any],
        seconds: npt.NDArray[Any],
        metres: npt.NDArray[Any],
        survived: npt.NDArray[Any],
    ) -> None:
        """Add the M episodes that ended in a step.

        Args:
            returns: (M,) sums of rewards.
            seconds: (M,) lengths [s].
            metres: (M,) progress [m].
            survived: (M,) bool, True for those driven until they were truncated.
        """
        columns = (returns, seconds, metres, survived.astype(float))
        self._episodes.extend(zip(*(c.tolist() for c in columns), strict=True))

    @property
    def survived(self) -> float:
        """Share of the episodes that were driven to their end; 0 until the window is full."""
        full = len(self._episodes) == self._episodes.maxlen
        return self.means()["survived"] if full else 0.0

    def means(self) -> dict[str, float]:
        """Means by name; empty before the first episode has ended."""
        count = len(self._episodes)
        if not count:
            return {}
        return {n: sum(e[k] for e in self._episodes) / count for k, n in enumerate(NAMES)}

    def state(self) -> list[tuple[float, ...]]:
        """The episodes in the window, as plain data."""
        return list(self._episodes)

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Replace the window by what ``state`` returned.

        Raises:
            ValueError: if an episode is not four finite numbers.
        """
        episodes = np.array(state, np.float64).reshape(-1, len(NAMES))
        if not np.isfinite(episodes).all():
            raise ValueError("the episodes counted are not finite")
        self._episodes.clear()
        self._episodes.extend(tuple(e) for e in episodes.tolist())
